//! Incidents and playbooks, over the services on this machine: what alerts make of incidents, what runs do,
//! and what is left of them when who runs them dies at any of its calls.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: what is not as expected fails the test"
)]

mod grants;
mod grouping;
mod kills;
mod outlooks;
mod rotations;
mod runs;
mod world;
