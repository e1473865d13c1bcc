//! Use cases that functions share.

mod idempotency;

pub use idempotency::{Idempotency, Unfinished, idempotent};
