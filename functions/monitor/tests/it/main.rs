//! Integrations that are rolled up and checked, with AWS in the same process, in a time that the tests
//! move.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod alerts;
mod checks;
mod costs;
mod deaths;
mod incidents;
mod roll_ups;
mod world;
