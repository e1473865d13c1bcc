//! What comes in and goes out of rotations.

use gatehouse::domain::rotation::{
    Leftover, Rotation, RotationPlan, RotationPolicy, RotationState, RotationStrategy,
    RotationTrigger, StepTaken, Trouble,
};
use gatehouse::domain::{RotationId, Timestamp};
use gatehouse::vault::CredentialSet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How credentials are to be replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"emergency": false}))]
pub(crate) struct RotateRequest {
    /// Write-only: the new credentials, whole, where the provider has no call that makes them, or a
    /// person has made them already. They are tested before they are used.
    #[schema(value_type = Option<BTreeMap<String, String>>, write_only)]
    pub(crate) credentials: Option<CredentialSet>,
    /// When these end, if that is known and they do not say it themselves.
    pub(crate) credentials_expire_at: Option<Timestamp>,
    /// Whether the old credentials are given no grace. A rotation that is active loses its own.
    #[serde(default)]
    pub(crate) emergency: bool,
}

/// What a person has to do for a rotation to go on, or to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Needed {
    /// Hand new credentials in: `POST …/credentials/rotate` with `credentials`.
    Credentials,
    /// Make `publicKey` known to the provider.
    Publication,
    /// Clean up at the provider what `leftovers` says, and say so: `POST …/cleaned-up`.
    CleanUp,
}

/// One replacement of an integration's credentials. Holds no secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "rot_01K72Z5QSW0123456789ABCDEF", "strategy": "provider_api", "trigger": "request",
    "state": "grace", "emergency": false, "fromVersion": "gatehouse-01K72Z5QSW0123456789ABCDEF",
    "toVersion": "gatehouse-01K72Z5QSW0123456789ABCDEG", "verified": true, "graceSeconds": 86400,
    "graceUntil": "2026-02-01T09:30:04.000Z", "leftovers": [],
    "steps": [{"step": "create", "at": "2026-01-31T09:30:01.000Z"}],
    "startedAt": "2026-01-31T09:30:00.000Z", "updatedAt": "2026-01-31T09:30:04.000Z"
}))]
pub(crate) struct RotationView {
    pub(crate) id: RotationId,
    pub(crate) strategy: RotationStrategy,
    pub(crate) trigger: RotationTrigger,
    /// Its next step, or how it ended.
    pub(crate) state: RotationState,
    pub(crate) emergency: bool,
    /// The emergency of many integrations that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) emergency_id: Option<RotationId>,
    /// What a person has to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) needs: Option<Needed>,
    /// The version of the credentials that it replaces.
    pub(crate) from_version: String,
    /// That of the new ones, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_version: Option<String>,
    /// By what the provider knows the new key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
    /// When the new credentials stop being valid, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    /// The new key pair's public part, as PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<String>,
    /// Whether the provider has accepted the new credentials in a call that verifies them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verified: Option<bool>,
    pub(crate) grace_seconds: u32,
    /// Until when the old credentials stay valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grace_until: Option<Timestamp>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<Trouble>,
    /// What a person has to clean up at the provider, or has.
    pub(crate) leftovers: Vec<Leftover>,
    /// The steps that were made.
    pub(crate) steps: Vec<StepTaken>,
    pub(crate) started_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
}

impl From<Rotation> for RotationView {
    fn from(rotation: Rotation) -> Self {
        let needs = needed(&rotation);
        let candidate = rotation.candidate;
        let expires_at = candidate.as_ref().and_then(|one| {
            let fields = one.fields_expire_at.values().copied();
            fields.chain(one.expires_at).min()
        });
        let key_id = candidate.as_ref().and_then(|one| one.key_id.clone());
        Self {
            id: rotation.id,
            strategy: rotation.strategy,
            trigger: rotation.trigger,
            state: rotation.state,
            emergency: rotation.emergency,
            emergency_id: rotation.batch,
            needs,
            from_version: rotation.from_version,
            to_version: candidate.map(|one| one.version),
            key_id,
            expires_at,
            public_key: rotation.public_key,
            verified: rotation.verified,
            grace_seconds: rotation.grace_seconds,
            grace_until: rotation.grace_until,
            trouble: rotation.trouble,
            leftovers: rotation.leftovers,
            steps: rotation.steps,
            started_at: rotation.started_at,
            updated_at: rotation.updated_at,
            ended_at: rotation.ended_at,
        }
    }
}

fn needed(rotation: &Rotation) -> Option<Needed> {
    match rotation.state {
        RotationState::Due => Some(Needed::Credentials),
        RotationState::Test if rotation.waits_for_publication() => Some(Needed::Publication),
        state if state.is_end() && rotation.has_leftovers() => Some(Needed::CleanUp),
        _ => None,
    }
}

/// When an integration's credentials are replaced, and what is going on.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RotationPlanView {
    /// None, if they are replaced by request only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<RotationPolicy>,
    /// Nothing but emergencies goes on until it is resumed.
    pub(crate) paused: bool,
    /// The rotation that has not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) active_rotation_id: Option<RotationId>,
    /// The last one that has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_rotation_id: Option<RotationId>,
    /// Whether that one has left what a person has to clean up: none begins by itself then.
    pub(crate) has_leftovers: bool,
    /// When it is looked at next whether something has to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_look_at: Option<Timestamp>,
}

impl From<RotationPlan> for RotationPlanView {
    fn from(plan: RotationPlan) -> Self {
        Self {
            policy: plan.policy,
            paused: plan.paused,
            active_rotation_id: plan.active,
            last_rotation_id: plan.last,
            has_leftovers: plan.has_leftovers,
            next_look_at: plan.due_at,
        }
    }
}
