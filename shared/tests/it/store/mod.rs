//! The store's suite: what is said of DynamoDB here holds on every emulator and on AWS.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests: what is not as expected fails the test"
)]

mod claims;
mod corrupt;
mod costs;
mod data_keys;
mod deliveries;
mod destinations;
mod endpoints;
mod events;
mod faults;
mod grants;
mod guards;
mod health;
mod idempotency;
mod integrations;
mod listing;
mod replay;
mod samples;
mod secret_rotations;
mod sync;
