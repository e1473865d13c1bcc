//! The steps that Secrets Manager asks for when it rotates a secret by itself.
//!
//! They are the steps of a rotation of ours, made when Secrets Manager says so: the version that it
//! has labelled `AWSPENDING` is the candidate, and `finishSecret` is the switch. The grace, and the
//! end of the old credentials, follow by the schedule. A step that was made is made again by doing
//! nothing; one that comes out of order is refused.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>

use gatehouse::domain::rotation::{Rotation, RotationFailure, RotationState, RotationTrigger};
use gatehouse::domain::{Cause, Error, Integration};
use gatehouse::flows::rotation::{RotationError, StartRotation};
use gatehouse::store::StoreError;
use gatehouse::vault::{VaultError, VersionStanding};
use serde::Deserialize;

use crate::State;

/// What Secrets Manager sends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StepEvent {
    /// The step to make.
    pub step: Step,
    /// The secret's ARN.
    pub secret_id: String,
    /// The version that the new value is to have.
    pub client_request_token: String,
}

/// A step of Secrets Manager's rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Make the new credentials, and keep them as the version.
    CreateSecret,
    /// Make them known to the provider.
    SetSecret,
    /// Test them.
    TestSecret,
    /// Take them into use.
    FinishSecret,
}

impl Step {
    /// The state of ours that this step ends.
    fn state(self) -> RotationState {
        match self {
            Self::CreateSecret => RotationState::Create,
            Self::SetSecret => RotationState::Set,
            Self::TestSecret => RotationState::Test,
            Self::FinishSecret => RotationState::Finish,
        }
    }

    /// Its place in the order of steps.
    fn place(state: RotationState) -> Option<u8> {
        match state {
            RotationState::Create => Some(0),
            RotationState::Set => Some(1),
            RotationState::Test => Some(2),
            RotationState::Finish => Some(3),
            RotationState::Grace | RotationState::Revoke | RotationState::Done => Some(4),
            RotationState::Due
            | RotationState::Discard
            | RotationState::Failed
            | RotationState::OrphanPossible => None,
        }
    }
}

/// Why a step was not made. Secrets Manager shows the text, and tries the rotation again later.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The secret is none of ours.
    #[error("the secret holds no integration's credentials")]
    NotOurs,
    /// The integration is gone.
    #[error("the integration of these credentials is gone")]
    NoIntegration,
    /// The secret is not set up to be rotated.
    #[error("the secret is not rotated by Secrets Manager")]
    NotEnabled,
    /// The version is not the one that is to be filled.
    #[error("the version is not staged as AWSPENDING")]
    NotPending,
    /// The rotation is not there yet, or was never begun.
    #[error("the step is not the next one of a rotation to this version")]
    OutOfOrder,
    /// Another rotation of the integration has not ended, or somebody works on this one.
    #[error("another rotation of the integration has not ended: {0}")]
    Busy(String),
    /// The step was tried, and is to be tried again.
    #[error("the step could not be made yet: {}", .0.as_str())]
    NotYet(RotationFailure),
    /// The rotation has ended without these credentials.
    #[error("the rotation to this version was given up: {}", .0.as_str())]
    GivenUp(RotationFailure),
    /// Secrets Manager does not answer as it should.
    #[error("Secrets Manager does not answer as it should")]
    Vault(#[from] VaultError),
    /// The table does not answer.
    #[error("the table does not answer")]
    Store(#[from] StoreError),
    /// Anything else.
    #[error("the step could not be made")]
    Other(#[source] Cause),
}

impl From<RotationError> for StepError {
    fn from(error: RotationError) -> Self {
        match error {
            RotationError::Moved => Self::Busy("it has changed meanwhile".to_owned()),
            RotationError::Store(error) => Self::Store(error),
            error => Self::Other(Box::new(error)),
        }
    }
}

/// Makes a step.
///
/// # Errors
///
/// [`StepError`].
pub(crate) async fn handle(state: &State, event: &StepEvent) -> Result<(), StepError> {
    let of = state.credentials.owner_of(&event.secret_id);
    let of = of.ok_or(StepError::NotOurs)?;
    let token = &event.client_request_token;
    match state.credentials.standing(of.0, of.1, token).await? {
        VersionStanding::Pending => {}
        // Every step of it was made.
        VersionStanding::Current => return Ok(()),
        VersionStanding::NotPending => return Err(StepError::NotPending),
        VersionStanding::NoRotation => return Err(StepError::NotEnabled),
    }
    let found = state.store.integration(of.0, of.1).await?;
    let integration = found.ok_or(StepError::NoIntegration)?.item;
    let rotation = match (active(state, &integration, token).await?, event.step) {
        (Some(rotation), _) => rotation,
        (None, Step::CreateSecret) => start(state, &integration, token).await?,
        (None, _) => return Err(StepError::OutOfOrder),
    };
    let wanted = Step::place(event.step.state());
    let stands = Step::place(rotation.state);
    if stands.is_none() {
        return Err(given_up(&rotation));
    }
    if stands > wanted {
        // It was made before.
        return Ok(());
    }
    if stands < wanted {
        return Err(StepError::OutOfOrder);
    }
    let step = event.step.state();
    let advanced = Box::pin(state.rotator.advance(integration, |next| next == step));
    let Some(rotation) = advanced.await? else {
        return Err(StepError::Busy("somebody works on it".to_owned()));
    };
    let stands = Step::place(rotation.state);
    if stands.is_none() {
        return Err(given_up(&rotation));
    }
    if stands > wanted {
        return Ok(());
    }
    let trouble = rotation.trouble.map(|trouble| trouble.reason);
    Err(StepError::NotYet(
        trouble.unwrap_or(RotationFailure::Unavailable),
    ))
}

/// The rotation that is to fill the version, if it was begun.
async fn active(
    state: &State,
    integration: &Integration,
    token: &str,
) -> Result<Option<Rotation>, StepError> {
    let of = (integration.organization_id, integration.id);
    let plan = state.store.rotation_plan(of.0, of.1).await?;
    let Some(id) = plan.item.active else {
        return Ok(None);
    };
    let found = state.store.rotation(of.0, of.1, id).await?;
    let Some(found) = found else {
        return Ok(None);
    };
    if found.item.wanted_version.as_deref() == Some(token) {
        return Ok(Some(found.item));
    }
    Err(StepError::Busy(id.to_string()))
}

async fn start(
    state: &State,
    integration: &Integration,
    token: &str,
) -> Result<Rotation, StepError> {
    let of = (integration.organization_id, integration.id);
    // A value that is there already is that of a rotation that was given up: it may be worthless.
    match state.credentials.get(of.0, of.1, token).await {
        Err(VaultError::NotFound) => {}
        Ok(_) => return Err(StepError::GivenUp(RotationFailure::NotAccepted)),
        Err(error) => return Err(error.into()),
    }
    let start = StartRotation {
        wanted_version: Some(token.to_owned()),
        ..StartRotation::by(RotationTrigger::SecretsManager)
    };
    let started = state.rotator.desk().start(of, start).await;
    started.map_err(|error| match error {
        Error::Conflict(message) => StepError::Busy(message),
        error => StepError::Other(Box::new(error)),
    })
}

fn given_up(rotation: &Rotation) -> StepError {
    let reason = rotation.trouble.map(|trouble| trouble.reason);
    StepError::GivenUp(reason.unwrap_or(RotationFailure::Cancelled))
}
