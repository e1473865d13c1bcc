use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RotationState;
use crate::domain::Timestamp;

/// Why a step of a rotation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotationFailure {
    /// The provider did not answer, or asked to be left alone. It is tried again.
    Unavailable,
    /// The provider refused the call.
    Refused,
    /// The provider's answer does not have what the declaration says.
    UnexpectedAnswer,
    /// The declaration names what the credentials do not have.
    Misdeclared,
    /// The provider does not accept the new credentials.
    NotAccepted,
    /// The new credentials are the old ones.
    Unchanged,
    /// There are as many keys as the provider allows.
    KeyLimitReached,
    /// It is not known whether a key was made.
    CreationUnknown,
    /// Somebody has given the integration other credentials meanwhile.
    Superseded,
    /// The new credentials are not in the vault any more.
    CandidateLost,
    /// The integration is gone, switched off, or cannot be used.
    IntegrationUnusable,
    /// Nobody handed in credentials, or published the key, in time.
    Expired,
    /// A person ended it.
    Cancelled,
    /// The old credentials could not be made worthless.
    NotRevoked,
    /// The new credentials could not be made worthless.
    NotDiscarded,
}

impl RotationFailure {
    /// Its name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::Misdeclared => "misdeclared",
            Self::NotAccepted => "not_accepted",
            Self::Unchanged => "unchanged",
            Self::KeyLimitReached => "key_limit_reached",
            Self::CreationUnknown => "creation_unknown",
            Self::Superseded => "superseded",
            Self::CandidateLost => "candidate_lost",
            Self::IntegrationUnusable => "integration_unusable",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::NotRevoked => "not_revoked",
            Self::NotDiscarded => "not_discarded",
        }
    }
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// Why.
    pub reason: RotationFailure,
    /// In which step.
    pub step: RotationState,
    /// When.
    pub at: Timestamp,
    /// The provider's status, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}
