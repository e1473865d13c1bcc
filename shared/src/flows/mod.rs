//! Use cases that functions share.

mod circuit;
mod idempotency;
mod limiter;
mod response_cache;
mod slots;

pub use circuit::{CallEnd, Circuit, CircuitState};
pub use idempotency::{Idempotency, idempotent};
pub use limiter::{Demand, Headroom, LimitError, Limiter, Permit};
pub use response_cache::{CacheScope, CachedAnswer, Lookup, Received, ResponseCache};
