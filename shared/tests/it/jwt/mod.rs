//! The engine that verifies signed tokens.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod engine;
mod keys;
mod wycheproof;
