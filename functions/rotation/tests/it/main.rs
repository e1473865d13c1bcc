//! Rotations, and grants that nobody uses, over the embedded services, with a clock that the tests move.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod rotations;
mod runs;
mod world;
