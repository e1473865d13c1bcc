//! What is kept in DynamoDB: one table, every key in `keys`, every stored shape in `items`, and
//! one file of methods for each entity.
//!
//! Reads see all writes that were answered before. Creating demands absence; updating demands the
//! version that was read, or, for the few targeted updates, the value that is being replaced. An
//! item whose `expires_at` has passed reads as absent wherever that matters, whether DynamoDB has
//! deleted it yet or not. There is no scan.

mod alert_setups;
mod alerts;
mod api_keys;
mod audit;
mod batches;
mod cached_responses;
mod change_sets;
mod checks;
mod claims;
mod commits;
mod consents;
mod data_keys;
mod deliveries;
mod destinations;
mod elevations;
mod emergencies;
mod endpoints;
mod error;
mod event_list;
mod events;
mod gateway;
mod grants;
mod guards;
mod idempotency;
mod incidents;
mod integrations;
mod items;
mod keys;
mod notices;
mod playbooks;
mod purge;
mod queries;
mod quotas;
mod record_conflicts;
mod record_feed;
mod record_retentions;
mod record_sides;
mod records;
mod replay;
mod requests;
mod reseal;
mod revocations;
mod roll_ups;
mod rotations;
mod secret_rotations;
mod sharded;
mod sightings;
mod sync_due;
mod sync_jobs;
mod sync_pages;
mod sync_states;
mod table;
mod watches;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;

pub use crate::domain::{Digest, DigestError};
pub use alerts::{AlertQuery, AlertWrites};
pub use audit::{AuditPage, AuditRange, SpineLink};
pub use cached_responses::CachedResponse;
pub use change_sets::{
    ChangeSet, Committed, CommittedVersions, ConflictWrite, JobWrite, MAX_CHANGES, MAX_LINKS,
    MAX_RECORD_BYTES, RecordWrite,
};
pub use claims::{Claim, EventClaim};
pub use data_keys::{DataKeyWrite, DueDataKeys, WrappedKey};
pub use deliveries::{DeliveryLease, Lease, Recorded};
pub use emergencies::DueEmergency;
pub use endpoints::RegisteredEndpoint;
pub use error::StoreError;
pub(crate) use error::contended;
pub use event_list::EventQuery;
pub use events::{MAX_PAYLOAD_BYTES, PutEvent};
pub use grants::{DueGrant, GrantWrite, StoredGrant};
pub use idempotency::{Begun, IdempotentRequest};
pub use incidents::{IncidentQuery, IncidentWrite};
pub use items::Versioned;
pub use notices::{MAX_NOTICES, OwedNotice};
pub use playbooks::{DueRun, MAX_PLAYBOOKS, RunCommitted, RunWrite, StepEffect};
pub use purge::Purged;
pub use quotas::QuotaScope;
pub use record_conflicts::ConflictQuery;
pub use record_feed::FeedQuery;
pub use record_sides::{LinkRef, LinkWrite, RecordRef};
pub use records::{HeadQuery, RECORD_SHARDS, StoredRecord};
pub use replay::{Replay, Replayed};
pub use requests::RequestQuery;
pub use rotations::{DueRotation, RotationWrite};
pub use secret_rotations::DueSecrets;
pub use sightings::Seen;
pub use sync_due::DueSync;
pub use sync_jobs::{JobStart, SyncJobQuery};
pub use sync_pages::{MissingPage, MissingRecord, SeenPage, SeenRecords};
pub use watches::DueWatch;

/// The table of a deployment. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: TableName,
}

impl Store {
    /// The table `table`, through `client`.
    #[must_use]
    pub fn new(client: Client, table: TableName) -> Self {
        Self { client, table }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// The name of a DynamoDB table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName(Arc<str>);

/// Why a text is not the name of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 3 to 255 characters of `A-Z a-z 0-9 . _ -`")]
pub struct TableNameError;

impl FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if (3..=255).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(TableNameError)
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One page of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, Id> {
    /// What the page holds.
    pub items: Vec<T>,
    /// Where the next page starts, if there may be one.
    pub next: Option<Id>,
}
