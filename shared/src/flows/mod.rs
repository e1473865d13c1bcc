//! Use cases that functions share.

mod activity;
pub mod alerts;
mod caller_limits;
mod circuit;
pub mod connect;
pub mod data_keys;
mod directories;
pub mod grants;
pub mod health;
mod idempotency;
pub mod incidents;
mod issuer_documents;
mod limiter;
pub mod outbound;
pub mod playbooks;
mod published_keys;
mod response_cache;
pub mod rotation;
pub mod secret_rotation;
mod slots;
pub mod sync;

pub use activity::Activity;
pub use caller_limits::{CallerLimits, within_limits};
pub use circuit::{CallEnd, Circuit, CircuitState};
pub use directories::Directories;
pub use idempotency::{Idempotency, Unfinished, idempotent};
pub use issuer_documents::IssuerDocuments;
pub use limiter::{Demand, Headroom, LimitError, Limiter, Outlook, Permit};
pub use published_keys::{KeyFetcher, KeyUnavailable, MAX_KEYS_OF_REQUEST};
pub use response_cache::{CacheScope, CachedAnswer, Lookup, Received, ResponseCache};
