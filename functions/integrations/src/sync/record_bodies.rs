//! What goes out of records.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse::domain::sync::{ChangeOrigin, EntityName, Fields, PastVersion, PushError};
use gatehouse::domain::{ConflictId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest id of a record, in bytes.
const MAX_ID_BYTES: usize = 1024;
/// Marks an id that is written in base64url.
const ENCODED: char = '~';

/// A record, as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "0035g00000XyZ", "entity": "contacts", "version": 3, "deleted": false,
    "createdAt": "2026-01-30T03:00:07.410Z", "changedAt": "2026-01-31T09:30:09.120Z",
    "origin": "sync", "pending": false, "content": {"email": "ada@example.com", "name": "Ada"}
}))]
pub(crate) struct RecordView {
    #[serde(flatten)]
    pub(crate) change: ChangeView,
    /// Whether a change that was made here is still to be sent to the provider.
    pub(crate) pending: bool,
    /// The conflict that waits for a person, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) conflict_id: Option<ConflictId>,
    /// Why what is pending could not be sent yet, or cannot be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) push_error: Option<PushError>,
    /// The id that the provider has given it, and under which it goes on; this one is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) moved_to: Option<String>,
}

/// A record in the feed of changes, at its newest change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeView {
    /// The provider's id of it; of a record that was made here, one that begins with `new_`, until
    /// the provider gives one.
    pub(crate) id: String,
    pub(crate) entity: EntityName,
    /// Counted from 1; each change of it adds 1.
    pub(crate) version: u64,
    pub(crate) deleted: bool,
    /// When it was first seen.
    pub(crate) created_at: Timestamp,
    /// When this change was made.
    pub(crate) changed_at: Timestamp,
    /// Who made it.
    pub(crate) origin: ChangeOrigin,
    /// Its fields; left out, if it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) content: Option<Fields>,
}

/// A page of the feed of changes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangePage {
    pub(crate) items: Vec<ChangeView>,
    /// The `cursor` of the next page of this read, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// On the last page: the `changedAfter` of the next read, which begins where this one ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changes_cursor: Option<String>,
}

/// The versions of a record, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryView {
    /// The present one first.
    pub(crate) items: Vec<PastVersion>,
}

/// What a feed or an export shows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FeedQuery {
    pub(crate) entity: EntityName,
    pub(crate) changed_after: Option<String>,
    pub(crate) limit: Option<u16>,
    pub(crate) cursor: Option<String>,
}

/// A record's id in a path: as it is, or, after a `~`, in base64url, for ids that no path can hold,
/// such as those with a slash.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RecordId(String);

/// A text is no record's id.
#[derive(Debug)]
pub(crate) struct RecordIdError;

impl RecordId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RecordId {
    /// It may be a person's address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({} bytes)", self.0.len())
    }
}

impl FromStr for RecordId {
    type Err = RecordIdError;

    fn from_str(text: &str) -> Result<Self, RecordIdError> {
        let id = match text.strip_prefix(ENCODED) {
            Some(encoded) => {
                let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| RecordIdError)?;
                String::from_utf8(bytes).map_err(|_| RecordIdError)?
            }
            None => text.to_owned(),
        };
        (1..=MAX_ID_BYTES)
            .contains(&id.len())
            .then_some(Self(id))
            .ok_or(RecordIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_or_in_base64url() {
        for (text, id) in [
            ("0035g", "0035g"),
            ("ada@example.com", "ada@example.com"),
            ("~YS9iP2M", "a/b?c"),
            ("~fmE", "~a"),
        ] {
            assert_eq!(text.parse::<RecordId>().unwrap().as_str(), id);
        }
        for text in ["", "~", "~*", "~_w", &"a".repeat(1025)] {
            assert!(text.parse::<RecordId>().is_err(), "{text}");
        }
        let id: RecordId = "ada@example.com".parse().unwrap();
        assert!(!format!("{id:?}").contains("ada"));
    }
}
