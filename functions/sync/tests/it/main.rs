//! Jobs over a provider that the tests drive, with AWS in the same process, in a time that the tests
//! move.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod both_ways;
mod drift;
mod runs;
mod samples;
mod simulation;
mod stops;
mod waits;
mod world;
