use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LeftoverKind, Rotation, RotationFailure, RotationState};
use crate::domain::{IntegrationId, RotationId, Timestamp};

/// What has come of it for one integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberOutcome {
    /// Its credentials are being replaced.
    Running,
    /// A person has to hand new ones in, to publish a key, or to make the old ones worthless.
    NeedsPerson,
    /// They are replaced, and the old ones worthless.
    Done,
    /// They are not replaced.
    Failed,
    /// Nothing could be started.
    NotStarted,
}

impl MemberOutcome {
    /// What a rotation that stands like this has come to.
    #[must_use]
    pub fn of(rotation: &Rotation) -> Self {
        match rotation.state {
            // A person still has to make the old credentials worthless.
            state if state.is_end() && keeps_old(rotation) => Self::NeedsPerson,
            RotationState::Done => Self::Done,
            RotationState::OrphanPossible if is_in_use(rotation) => Self::Done,
            RotationState::Failed | RotationState::OrphanPossible => Self::Failed,
            RotationState::Due => Self::NeedsPerson,
            RotationState::Test if rotation.waits_for_publication() => Self::NeedsPerson,
            RotationState::Create
            | RotationState::Set
            | RotationState::Test
            | RotationState::Finish
            | RotationState::Grace
            | RotationState::Revoke
            | RotationState::Discard => Self::Running,
        }
    }

    /// Whether it may still become another.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::NeedsPerson)
    }
}

/// Whether the new credentials were taken into use: all that was left to do was about the old ones.
fn is_in_use(rotation: &Rotation) -> bool {
    let mut steps = rotation.steps.iter();
    steps.any(|taken| taken.step == RotationState::Grace)
        && rotation
            .trouble
            .is_some_and(|trouble| trouble.reason == RotationFailure::NotRevoked)
}

fn keeps_old(rotation: &Rotation) -> bool {
    let mut leftovers = rotation.leftovers.iter();
    leftovers.any(|leftover| {
        leftover.kind == LeftoverKind::OldCredentials && leftover.cleaned_up_at.is_none()
    })
}

/// One integration of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyMember {
    /// The integration.
    pub integration_id: IntegrationId,
    /// What people called it then.
    pub name: String,
    /// What has come of it.
    pub outcome: MemberOutcome,
    /// Its rotation, if one was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_id: Option<RotationId>,
    /// Why none was; or the code of what went wrong with it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When this was last written.
    pub updated_at: Timestamp,
}

impl EmergencyMember {
    /// An integration with its rotation as that stands.
    #[must_use]
    pub fn rotated(integration_id: IntegrationId, name: String, rotation: &Rotation) -> Self {
        let trouble = rotation.trouble.as_ref();
        Self {
            integration_id,
            name,
            outcome: MemberOutcome::of(rotation),
            rotation_id: Some(rotation.id),
            reason: trouble.map(|trouble| trouble.reason.as_str().to_owned()),
            updated_at: rotation.updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rotation::{Leftover, StepTaken};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    fn rotation(state: RotationState) -> Rotation {
        let rotation = serde_json::json!({
            "id": "rot_01K72Z5QSW0123456789ABCDEF",
            "organizationId": "org_01K72Z5QSW0123456789ABCDEF",
            "integrationId": "int_01K72Z5QSW0123456789ABCDEF",
            "strategy": "provider_api", "trigger": "request", "state": "create", "fromVersion": "v",
            "graceSeconds": 120, "startedAt": at(0), "updatedAt": at(0),
        });
        let rotation: Rotation = serde_json::from_value(rotation).unwrap();
        Rotation { state, ..rotation }
    }

    #[test]
    fn as_long_as_old_credentials_are_good_it_is_not_done() {
        use RotationState as S;
        for (state, expected) in [
            (S::Due, MemberOutcome::NeedsPerson),
            (S::Create, MemberOutcome::Running),
            (S::Revoke, MemberOutcome::Running),
            (S::Discard, MemberOutcome::Running),
            (S::Done, MemberOutcome::Done),
            (S::Failed, MemberOutcome::Failed),
            (S::OrphanPossible, MemberOutcome::Failed),
        ] {
            assert_eq!(MemberOutcome::of(&rotation(state)), expected, "{state:?}");
        }
        let mut kept = rotation(S::Revoke);
        kept.steps = vec![StepTaken {
            step: S::Grace,
            at: at(1),
        }];
        kept.leftovers = vec![Leftover {
            kind: LeftoverKind::OldCredentials,
            key_id: None,
            label: None,
            since: at(1),
            cleaned_up_at: None,
        }];
        kept.end(S::OrphanPossible, RotationFailure::NotRevoked, at(2));
        assert_eq!(MemberOutcome::of(&kept), MemberOutcome::NeedsPerson);
        kept.cleaned_up(at(3));
        assert_eq!(MemberOutcome::of(&kept), MemberOutcome::Done);
        let mut unclear = rotation(S::Create);
        unclear.end(S::OrphanPossible, RotationFailure::CreationUnknown, at(2));
        assert_eq!(MemberOutcome::of(&unclear), MemberOutcome::Failed);
    }
}
