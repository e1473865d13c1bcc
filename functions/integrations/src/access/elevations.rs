use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::{Access, Resource};
use gatehouse::domain::{
    Action, Elevation, ElevationDecision, ElevationId, ElevationState, Error, Timestamp,
};
use gatehouse::http::{ApiError, Cursor, Json, PathId, Query};
use gatehouse::store::{StoreError, Versioned};
use http::{StatusCode, header};

use super::check_integrations;
use super::elevation_bodies::{ElevationView, NewElevation};
use super::key_bodies::refuse;
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::PageQuery;

const LIST: &str = "elevations";

/// Asks for a role.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Json(body): Json<NewElevation>,
) -> Result<impl IntoResponse, ApiError> {
    let (caller, now) = (access.caller(), state.sources.now());
    let mut errors = body.wrong_fields();
    if let Some(integrations) = &body.integrations {
        let organization = caller.organization_id;
        check_integrations(&state, organization, integrations.iter(), &mut errors).await?;
    }
    refuse(errors)?;
    let elevation = Elevation {
        id: ElevationId::generate(now, state.sources.randomness.as_ref()),
        organization_id: caller.organization_id,
        requested_by: caller.subject.clone(),
        role: body.role,
        integrations: body.integrations,
        reason: body.reason,
        duration_minutes: body.duration_minutes,
        requested_at: now,
        decision: None,
        ends_at: None,
        ended_by: None,
    };
    state.store.create_elevation(&elevation).await?;
    let location = format!("/portal/access/elevations/{}", elevation.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(ElevationView::new(elevation, now)),
    ))
}

/// Elevations, newest first: the caller's own; all, for who may review them. A page may hold fewer
/// than were asked for.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Query(query): Query<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let (limit, after) = (query.limit(50)?, query.after(LIST)?);
    let (caller, now) = (access.caller(), state.sources.now());
    let sees_all = access
        .may(Action::ReviewAccess, &Resource::Organization)
        .await?;
    let organization = caller.organization_id;
    let page = state.store.elevations(organization, limit, after).await?;
    let shown = page.items.into_iter().map(|stored| stored.item);
    let shown = shown.filter(|one| sees_all || one.requested_by == caller.subject);
    let items = shown.map(|one| ElevationView::new(one, now)).collect();
    let next_cursor = page.next.map(|after| Cursor::write(LIST, &after));
    Ok(Json(ListOf::<ElevationView> { items, next_cursor }))
}

/// Allows somebody else an elevation.
pub(crate) async fn approve(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(id): PathId<ElevationId>,
) -> Result<impl IntoResponse, ApiError> {
    let change = |one: Elevation, by: String, now: Timestamp| match one.state(now) {
        ElevationState::Pending => Ok(one.approved(by, now)),
        state => Err(standing(state)),
    };
    settle(&state, &access, id, Action::ApproveElevation, change).await
}

/// Refuses an elevation.
pub(crate) async fn deny(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(id): PathId<ElevationId>,
) -> Result<impl IntoResponse, ApiError> {
    let change = |one: Elevation, by: String, now: Timestamp| match one.state(now) {
        ElevationState::Pending => Ok(Elevation {
            decision: Some(ElevationDecision {
                approved: false,
                by,
                at: now,
            }),
            ..one
        }),
        state => Err(standing(state)),
    };
    settle(&state, &access, id, Action::DenyElevation, change).await
}

/// Ends an elevation before its time, or takes the request back.
pub(crate) async fn end(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(id): PathId<ElevationId>,
) -> Result<impl IntoResponse, ApiError> {
    let change = |one: Elevation, by: String, now: Timestamp| match one.state(now) {
        ElevationState::Pending | ElevationState::Active => Ok(Elevation {
            ends_at: Some(now),
            ended_by: Some(by),
            ..one
        }),
        state => Err(standing(state)),
    };
    settle(&state, &access, id, Action::EndElevation, change).await
}

fn standing(state: ElevationState) -> Error {
    let text = match state {
        ElevationState::Pending => "the elevation is not decided yet",
        ElevationState::Lapsed => "the request was not decided in time; ask again",
        ElevationState::Active => "the elevation is allowed already",
        ElevationState::Denied => "the elevation was refused",
        ElevationState::Ended | ElevationState::Expired => "the elevation has ended",
    };
    Error::Conflict(text.to_owned())
}

/// Makes `change` of an elevation, if the caller may do `action` to it.
async fn settle(
    state: &State,
    access: &Access,
    id: ElevationId,
    action: Action,
    change: impl Fn(Elevation, String, Timestamp) -> Result<Elevation, Error>,
) -> Result<Json<ElevationView>, ApiError> {
    let (caller, now) = (access.caller(), state.sources.now());
    let organization = caller.organization_id;
    let found = state.store.elevation(organization, id).await?;
    let Versioned { item, version } = found.ok_or(Error::NotFound("elevation"))?;
    let resource = Resource::Elevation {
        id,
        requested_by: &item.requested_by,
        role: item.role,
    };
    access.check(action, &resource).await?;
    let changed = change(item, caller.subject.clone(), now)?;
    let settled = state.store.settle_elevation(&changed, version, now).await;
    settled.map_err(|error| match error {
        StoreError::Conflict => {
            Error::Conflict("somebody else was faster; look at the elevation again".to_owned())
        }
        error => error.into(),
    })?;
    let subject = &changed.requested_by;
    access.authorizer().forget_elevations(organization, subject);
    tracing::info!(elevation.id = %id, organization.id = %organization, %action, "{id} was settled");
    Ok(Json(ElevationView::new(changed, now)))
}
