use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Trouble;
use crate::domain::{IntegrationId, OrganizationId, RotationId, Timestamp};

/// One replacement of an integration's credentials.
///
/// `state` is the step that is to be made next. What was begun and is not known to have ended is
/// written before it is begun, so whoever goes on after a crash knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Its id.
    pub id: RotationId,
    /// Who owns the integration.
    pub organization_id: OrganizationId,
    /// The integration.
    pub integration_id: IntegrationId,
    /// Where the new credentials come from.
    pub strategy: RotationStrategy,
    /// What started it.
    pub trigger: RotationTrigger,
    /// Whether the old credentials are given no grace.
    #[serde(default)]
    pub emergency: bool,
    /// The emergency of many integrations that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<RotationId>,
    /// Its next step, or how it ended.
    pub state: RotationState,
    /// The version of the credentials that it replaces.
    pub from_version: String,
    /// By what the provider knows the old key, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_key_id: Option<String>,
    /// The new credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// The version that the new credentials have to get, if it was chosen by what started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub wanted_version: Option<String>,
    /// The call that makes a new key, if it was begun and is not known to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation: Option<Creation>,
    /// How often a new key was asked for.
    #[serde(default)]
    pub creations: u16,
    /// The new key pair's public part, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Whether the provider has accepted the new credentials in a call that verifies them; none,
    /// if it was not called with them, or nothing is known of such a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// How long the old credentials stay valid after the new ones are in use, in seconds.
    pub grace_seconds: u32,
    /// Until when they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Timestamp>,
    /// How often the present step has failed in a row.
    #[serde(default)]
    pub failures: u16,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// What a person has to clean up at the provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Leftover>,
    /// The steps that were made.
    #[serde(default)]
    pub steps: Vec<StepTaken>,
    /// Who makes a step at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub lease: Option<RotationLease>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Where new credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotationStrategy {
    /// The provider's API makes a new key.
    ProviderApi,
    /// A person hands them in.
    OperatorSupplied,
    /// A new key pair is made here.
    Asymmetric,
    /// The provider's API makes a new client secret.
    OauthClientSecret,
}

/// What started a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotationTrigger {
    /// The integration's policy.
    Schedule,
    /// A request.
    Request,
    /// Secrets Manager's own rotation.
    SecretsManager,
}

/// The next step of a rotation, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RotationState {
    /// A person has to hand in new credentials.
    Due,
    /// New credentials are made.
    Create,
    /// The provider is told of them.
    Set,
    /// They are tested.
    Test,
    /// The integration takes them into use.
    Finish,
    /// The old ones are still valid.
    Grace,
    /// The old ones are made worthless.
    Revoke,
    /// New ones that are not taken into use are made worthless.
    Discard,
    /// The new ones are in use, and the old ones gone, or a person was told that they are not.
    Done,
    /// The old ones are still in use, and nothing is left of new ones.
    Failed,
    /// It ended, and there may be a key at the provider that nobody uses: a person has to look.
    OrphanPossible,
}

impl RotationState {
    /// Whether there is no next step.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::OrphanPossible)
    }

    /// Its name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Create => "create",
            Self::Set => "set",
            Self::Test => "test",
            Self::Finish => "finish",
            Self::Grace => "grace",
            Self::Revoke => "revoke",
            Self::Discard => "discard",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::OrphanPossible => "orphan_possible",
        }
    }
}

/// New credentials. What they are is in the vault, under their version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Their version.
    pub version: String,
    /// By what the provider knows the new key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The names of their fields.
    #[serde(default)]
    pub fields: Vec<String>,
    /// When they stop being valid, if the provider says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When fields end that say so themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields_expire_at: BTreeMap<String, Timestamp>,
}

/// A call that makes a key, from before it is made until it is known how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Creation {
    /// What the provider was asked to call the key.
    pub label: String,
    /// When it was asked.
    pub asked_at: Timestamp,
}

/// Something at the provider that a person has to clean up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// By what the provider knows it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// What the provider was asked to call it, if it has a label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Since when it may be there.
    pub since: Timestamp,
    /// When a person has said that it is cleaned up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleaned_up_at: Option<Timestamp>,
}

/// What a person has to clean up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// A key that may have been made: the provider did not answer, or its answer was lost.
    PossibleKey,
    /// A key that was made, is not in use, and could not be deleted.
    UnusedKey,
    /// The old credentials, which are valid still.
    OldCredentials,
}

/// A step that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepTaken {
    /// Which.
    pub step: RotationState,
    /// When.
    pub at: Timestamp,
}

/// Who makes a step, and until when: nobody else does meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationLease {
    /// A name that nobody else has.
    pub owner: String,
    /// Until when.
    pub until: Timestamp,
}
