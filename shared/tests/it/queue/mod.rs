//! The queue's suite: what is said of SQS here holds on every emulator and on AWS.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests: what is not as expected fails the test"
)]

mod burying;
mod deliveries;
mod events;
mod forgeries;
mod samples;
mod sizes;
mod sync;
