use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::{Access, Caller, Resource};
use gatehouse::domain::rotation::EmergencyScope;
use gatehouse::domain::{Action, Error, IntegrationAttributes, OrganizationId, RotationId};
use gatehouse::http::{ApiError, Cursor, Json, PathId, Query};
use gatehouse::lambda::telemetry::chain;
use http::{StatusCode, header};

use super::emergency_bodies::{EmergencyReportView, EmergencyView, NewEmergency};
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::{PageQuery, find as find_integration};

const LIST: &str = "emergencies";

/// Replaces the credentials of many integrations at once, without grace.
pub(crate) async fn start(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Json(body): Json<NewEmergency>,
) -> Result<impl IntoResponse, ApiError> {
    let caller = access.caller();
    let organization = caller.organization_id;
    let scope = body.scope()?;
    check(&state, &access, organization, &scope).await?;
    let emergencies = &state.emergencies;
    let begun = emergencies.begin(organization, scope, caller.subject.clone());
    let begun = begun.await?;
    let id = begun.item.id;
    tracing::warn!(emergency.id = %id, organization.id = %organization, "{id} was asked for");
    // The first ones now: an emergency does not wait for a schedule. What this does not do, or breaks
    // off, the schedule does.
    let emergency = match emergencies.advance(begun.clone()).await {
        Ok(advanced) => advanced.item,
        Err(error) => {
            tracing::warn!(emergency.id = %id, cause = chain(&error), "{id} waits for the schedule");
            begun.item
        }
    };
    let location = format!("/portal/rotations/emergency/{id}");
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(EmergencyView::from(emergency)),
    ))
}

/// Whether there is what is meant, and the caller may do it.
async fn check(
    state: &State,
    access: &Access,
    organization: OrganizationId,
    scope: &EmergencyScope,
) -> Result<(), Error> {
    let EmergencyScope::Integration { integration_id } = scope else {
        return Ok(());
    };
    let found = find_integration(state, organization, *integration_id).await;
    let found = found.map_err(|error| match error {
        Error::NotFound(_) => Error::field("/integrationId", "there is no such integration"),
        error => error,
    })?;
    let resource = Resource::Integration(IntegrationAttributes::from(&found.item));
    access.check(Action::RotateCredentials, &resource).await
}

/// The organization's emergencies, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let (limit, after) = (query.limit(50)?, query.after(LIST)?);
    let organization = caller.organization_id;
    let page = state.store.emergencies(organization, limit, after).await?;
    let items = page.items.into_iter().map(|found| found.item.into());
    let next_cursor = page.next.map(|after| Cursor::write(LIST, &after));
    Ok(Json(ListOf::<EmergencyView> {
        items: items.collect(),
        next_cursor,
    }))
}

/// How far one has come, and what has come of it for each integration.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<RotationId>,
    Query(query): Query<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let list = format!("{LIST}/{id}");
    let (limit, after) = (query.limit(50)?, query.after(&list)?);
    let organization = caller.organization_id;
    let found = state.store.emergency(organization, id).await?;
    let found = found.ok_or(Error::NotFound("emergency"))?;
    let members = state
        .store
        .emergency_members(organization, id, limit, after);
    let members = members.await?;
    Ok(Json(EmergencyReportView {
        emergency: found.item.into(),
        items: members.items,
        next_cursor: members.next.map(|after| Cursor::write(&list, &after)),
    }))
}
