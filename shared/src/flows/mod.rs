//! Use cases that functions share.

mod circuit;
mod idempotency;
mod limiter;
mod slots;

pub use circuit::{CallEnd, Circuit, CircuitState};
pub use idempotency::{Idempotency, idempotent};
pub use limiter::{Demand, Headroom, LimitError, Limiter, Permit};
