//! What is kept in DynamoDB, in one table.
//!
//! Creating demands absence; updating demands the version that was read, or a condition that says
//! what the change rests on. There is no scan, and no method that reads across organizations but
//! the one that finds an endpoint by its path. Decisions rest on consistent reads.

mod claims;
mod data_keys;
mod destinations;
mod endpoints;
mod error;
mod event_list;
mod events;
mod idempotency;
mod integrations;
mod items;
mod keys;
mod payloads;
mod table;

pub use claims::{Claim, EventClaim};
pub use data_keys::WrappedDataKey;
pub use endpoints::EndpointAtPath;
pub use error::StoreError;
pub use event_list::{EventPage, EventQuery, EventSummary};
pub use events::Lease;
pub use idempotency::{FinishedRequest, RequestStart};
pub use items::Versioned;
pub use keys::Digest256;
pub use table::Store;
