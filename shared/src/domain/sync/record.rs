use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fields, SourceVersion};
use crate::domain::{ConflictId, Digest, Sealed, Timestamp};

/// What stands for the record with this id in keys of the table, and in messages.
#[must_use]
pub fn record_digest(id: &str) -> Digest {
    Digest::of_parts(&[id.as_bytes()])
}

/// The little that has to be known of a record to see whether an observation of it is news. It is
/// kept apart from the content, by the digest of the record's id, so that an unchanged record costs
/// one small read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordHead {
    /// The number of its newest change: where its content is.
    pub sequence: u64,
    /// Counted from 1; each change of it adds 1.
    pub version: u64,
    /// The SHA-256 of the content that the provider was last seen to have, in hexadecimal; of
    /// nothing, if it was deleted there.
    pub source_hash: String,
    /// Whether it is deleted here.
    #[serde(default)]
    pub deleted: bool,
    /// How new the provider said that content is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<SourceVersion>,
    /// When the call began by which that was seen. An observation from before it is too old.
    pub observed_at: Timestamp,
    /// Whether changes made here are still to be sent to the provider.
    #[serde(default)]
    pub pending: bool,
    /// The conflict that waits for a person, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<ConflictId>,
}

impl RecordHead {
    /// Whether there is such a record: one that has a head, and is not deleted.
    #[must_use]
    pub fn is_there(head: Option<&Self>) -> bool {
        head.is_some_and(|head| !head.deleted)
    }
}

/// A record as it stands in the feed of changes: once, at its newest change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordChange {
    /// The digest of its id, in hexadecimal.
    pub digest: String,
    /// Its version.
    pub version: u64,
    /// Whether it is deleted.
    #[serde(default)]
    pub deleted: bool,
    /// Who changed it.
    pub origin: ChangeOrigin,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When this change was made.
    pub changed_at: Timestamp,
    /// A [`RecordBody`], compressed and sealed.
    pub body: Sealed,
}

/// Who changed a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOrigin {
    /// The provider: a page of a list had it.
    Sync,
    /// The provider: an event had it.
    Event,
    /// A request of ours.
    Local,
    /// A change of the record that it is linked to, at another integration.
    Link,
    /// A person who settled a conflict.
    Conflict,
}

/// What a record holds, as it is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordBody {
    /// The provider's id of it; one of ours, before the provider has given one.
    pub id: String,
    /// What it holds now; what it held last, if it is deleted.
    pub content: Fields,
    /// What both sides last agreed on, where that is not `content`: changes are waiting to be sent,
    /// or a person has to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Fields>,
    /// Earlier versions, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<PastVersion>,
    /// The id that the provider has given it, where it was made here under one of ours. This one is
    /// deleted, and the record goes on under that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
}

/// An earlier version of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastVersion {
    /// Its number.
    pub version: u64,
    /// When it was made.
    pub changed_at: Timestamp,
    /// Who made it.
    pub origin: ChangeOrigin,
    /// What it held.
    #[schema(value_type = Object)]
    pub content: Fields,
    /// Whether it was deleted.
    #[serde(default)]
    pub deleted: bool,
}
