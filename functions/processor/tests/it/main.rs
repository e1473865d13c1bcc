//! Events on their way through the processor, over the embedded services, with a clock that the
//! tests move.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod alerts;
mod batches;
mod breaker;
mod expressions;
mod once;
mod receiver;
mod records;
mod retries;
mod routing;
mod world;
