use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EntityName;
use super::conflict::FieldConflict;
use crate::domain::{ConflictId, IntegrationId, OrganizationId, Sealed, Timestamp};

/// Fields of one record that both sides changed, and that a person has to decide on. What they hold
/// is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordConflict {
    /// Its id.
    pub id: ConflictId,
    /// Who owns it.
    pub organization_id: OrganizationId,
    /// The integration whose record it is.
    pub integration_id: IntegrationId,
    /// The kind of record.
    pub entity: EntityName,
    /// The digest of the record's id, in hexadecimal.
    pub record: String,
    /// Whether it waits.
    pub status: ConflictStatus,
    /// The record's id, and the fields with both sides and their base, sealed.
    pub sides: Sealed,
    /// When it was found.
    pub opened_at: Timestamp,
    /// When it was settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// Who settled it: the caller's subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
}

/// What a conflict is about, as it is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConflictSides {
    /// The record's id.
    pub id: String,
    /// The fields, each with both sides and their base.
    pub fields: Vec<FieldConflict>,
}

/// Whether a conflict waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictStatus {
    /// It waits.
    Open,
    /// A person has decided.
    Resolved,
    /// The sides have come to agree by themselves, or the record is gone.
    Obsolete,
}
