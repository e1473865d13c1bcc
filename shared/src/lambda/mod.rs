//! What every Lambda function does the same way: start-up, telemetry, batches.

pub mod batch;
pub mod metrics;
mod start;
mod system;
pub mod telemetry;
mod warm_cache;

pub use start::start;
pub use system::{SystemClock, SystemRandomness, system_sources};
pub use warm_cache::WarmCache;
