use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::{Access, Resource};
use gatehouse::domain::rotation::{Rotation, RotationTrigger};
use gatehouse::domain::{
    Action, Error, FieldError, Integration, IntegrationAttributes, IntegrationId,
};
use gatehouse::flows::rotation::StartRotation;
use gatehouse::http::{ApiError, Json, PathId};
use gatehouse::vault::CredentialSet;
use http::{StatusCode, header};

use super::bodies::{RotateRequest, RotationView};
use crate::State;
use crate::integration_check::check_expiry;
use crate::integrations::find as find_integration;
use crate::setup::Asked;

/// Starts a rotation; one that is active is the answer, unless it is to change.
pub(crate) async fn start(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(integration): PathId<IntegrationId>,
    body: Option<Json<RotateRequest>>,
) -> Result<impl IntoResponse, ApiError> {
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let organization = access.caller().organization_id;
    let found = find_integration(&state, organization, integration).await?;
    if body.credentials.is_some() {
        let resource = Resource::Integration(IntegrationAttributes::from(&found.item));
        access.check(Action::ChangeCredentials, &resource).await?;
    }
    check(&state, &found.item, &body)?;
    let emergency = body.emergency;
    let is_change = emergency || body.credentials.is_some();
    let start = StartRotation {
        emergency,
        credentials: body.credentials,
        expires_at: body.credentials_expire_at,
        ..StartRotation::by(RotationTrigger::Request)
    };
    let rotation = begin(&state, &found.item, start, is_change).await?;
    let id = rotation.id;
    tracing::info!(rotation.id = %id, integration.id = %integration, emergency, "{id} was asked for");
    let location = format!("/portal/integrations/{integration}/rotations/{id}");
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(RotationView::from(rotation)),
    ))
}

async fn begin(
    state: &State,
    integration: &Integration,
    start: StartRotation,
    is_change: bool,
) -> Result<Rotation, Error> {
    let of = (integration.organization_id, integration.id);
    let active = async || {
        let plan = state.store.rotation_plan(of.0, of.1).await?;
        match plan.item.active {
            Some(id) => state.store.rotation(of.0, of.1, id).await,
            None => Ok(None),
        }
    };
    if !is_change && let Some(active) = active().await? {
        return Ok(active.item);
    }
    match state.rotations.start(of, start).await {
        // Somebody else has started one in this moment.
        Err(error @ Error::Conflict(_)) if !is_change => {
            active().await?.map(|active| active.item).ok_or(error)
        }
        started => started,
    }
}

/// Whether the credentials, if some are given, have all that the integration's way to authenticate
/// needs.
fn check(state: &State, current: &Integration, body: &RotateRequest) -> Result<(), Error> {
    let mut errors = Vec::new();
    let (given, end) = (body.credentials.as_ref(), body.credentials_expire_at);
    check_expiry(end, given.is_some(), state.sources.now(), &mut errors);
    if let Some(given) = given {
        check_given(state, current, given, &mut errors);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

fn check_given(
    state: &State,
    current: &Integration,
    given: &CredentialSet,
    errors: &mut Vec<FieldError>,
) {
    let asked = Asked {
        provider: current.provider.as_deref(),
        base_url: None,
        variables: None,
        auth_method: current.auth_method,
        auth_config: None,
        credentials: Some(given),
        api_profile: None,
        current: Some(current),
    };
    asked.set_up(&state.egress, errors);
}
