//! What comes in and goes out of emergencies of many integrations.

use gatehouse::domain::rotation::{
    EmergencyMember, EmergencyProgress, EmergencyRotation, EmergencyScope, EmergencyState,
};
use gatehouse::domain::{Error, FieldError, IntegrationId, RotationId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Of which integrations the credentials are replaced at once: exactly one of the three.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"provider": "sendgrid"}))]
pub(crate) struct NewEmergency {
    /// Of this one.
    pub(crate) integration_id: Option<IntegrationId>,
    /// Of all of this provider: its slug.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,63}$")]
    pub(crate) provider: Option<String>,
    /// `true`: of all that the organization has.
    pub(crate) all: Option<bool>,
}

impl NewEmergency {
    /// Whose credentials are meant.
    pub(crate) fn scope(self) -> Result<EmergencyScope, Error> {
        let wrong = |pointer: &str, message: &str| {
            Err(Error::Invalid(vec![FieldError::new(pointer, message)]))
        };
        match (self.integration_id, self.provider, self.all) {
            (Some(integration_id), None, None) => {
                Ok(EmergencyScope::Integration { integration_id })
            }
            (None, Some(provider), None) if is_slug(&provider) => {
                Ok(EmergencyScope::Provider { provider })
            }
            (None, Some(_), None) => wrong("/provider", "expected a slug such as `github`"),
            (None, None, Some(true)) => Ok(EmergencyScope::All {}),
            (None, None, Some(false)) => wrong("/all", "expected `true`, or another field"),
            _ => wrong("", "expected one of `integrationId`, `provider` and `all`"),
        }
    }
}

fn is_slug(text: &str) -> bool {
    let mut bytes = text.bytes();
    let is_alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 64
        && bytes.next().is_some_and(is_alphanumeric)
        && bytes.all(|b| is_alphanumeric(b) || b == b'-')
}

/// The replacing of the credentials of many integrations.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "rot_01K72Z5QSW0123456789ABCDEF", "scope": {"kind": "provider", "provider": "sendgrid"},
    "state": "running", "requestedBy": "user-1",
    "progress": {"integrations": 12, "running": 2, "needsPerson": 1, "done": 8, "failed": 0, "notStarted": 1},
    "startedAt": "2026-01-31T09:30:00.000Z", "updatedAt": "2026-01-31T09:31:00.000Z"
}))]
pub(crate) struct EmergencyView {
    pub(crate) id: RotationId,
    pub(crate) scope: EmergencyScope,
    pub(crate) state: EmergencyState,
    /// The token's subject, or the API key's id.
    pub(crate) requested_by: String,
    pub(crate) progress: EmergencyProgress,
    pub(crate) started_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// When no rotation of it was open any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
}

impl From<EmergencyRotation> for EmergencyView {
    fn from(emergency: EmergencyRotation) -> Self {
        Self {
            id: emergency.id,
            scope: emergency.scope,
            state: emergency.state,
            requested_by: emergency.requested_by,
            progress: emergency.progress,
            started_at: emergency.started_at,
            updated_at: emergency.updated_at,
            ended_at: emergency.ended_at,
        }
    }
}

/// The same, with what has come of it for each integration: a page, newest integration first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EmergencyReportView {
    #[serde(flatten)]
    pub(crate) emergency: EmergencyView,
    pub(crate) items: Vec<EmergencyMember>,
    /// The `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}
