use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::{Access, Caller};
use gatehouse::domain::incident::{Incident, IncidentChange, NewTimelineEntry, TimelineEntry};
use gatehouse::domain::playbook::TriggerStart;
use gatehouse::domain::{Actor, Error, IncidentId, OrganizationId};
use gatehouse::flows::incidents::Said;
use gatehouse::http::{ApiError, Cursor, IfMatch, Json, PathId, Query, etag};
use gatehouse::store::{IncidentQuery, Versioned};
use http::{StatusCode, header};

use super::bodies::{
    IncidentDetail, IncidentListQuery, IncidentUpdate, NewEntry, NewIncident, NewNotes, Place,
    Remark,
};
use super::refuse;
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::{PageQuery, limit_of};

const LIST: &str = "incidents";

/// Opens an incident.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Json(body): Json<NewIncident>,
) -> Result<impl IntoResponse, ApiError> {
    let (caller, now) = (access.caller(), state.sources.now());
    let organization = caller.organization_id;
    refuse(body.wrong_fields())?;
    if let Some(id) = body.integration_id
        && state.store.integration(organization, id).await?.is_none()
    {
        let message = "there is no such integration";
        return Err(Error::field("/integrationId", message).into());
    }
    let id = IncidentId::generate(now, state.sources.randomness.as_ref());
    let by = Actor::from(caller);
    let incident = Incident {
        title: body.title,
        incident_type: body.incident_type,
        severity: body.severity,
        integration_id: body.integration_id,
        ..Incident::blank(id, organization, (by.clone(), now))
    };
    let said = NewTimelineEntry::new(by, now).saying(body.text);
    let opened = state.incidents.open(incident, said).await?;
    tracing::info!(incident.id = %id, organization.id = %organization, "{id} was opened");
    let location = format!("/portal/incidents/{id}");
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        etag(opened.version),
        Json(opened.item),
    ))
}

/// Incidents: those that are looked after first, each part newest first. A page may hold fewer than were
/// asked for.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(query): Query<IncidentListQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let limit = limit_of(query.limit, 50)?;
    let cursor = query.cursor.as_deref();
    let place = cursor
        .map(|text| Cursor::read::<Place>(LIST, text))
        .transpose()?;
    let is_live = query
        .status
        .map(gatehouse::domain::incident::IncidentStatus::is_live);
    let first = match is_live {
        Some(false) => Place::Past(None),
        Some(true) | None => Place::Live(None),
    };
    let wanted = IncidentQuery {
        status: query.status,
        integration: query.integration,
        min_severity: query.min_severity,
        limit,
        after: None,
    };
    let organization = caller.organization_id;
    let (items, next) = match place.unwrap_or(first) {
        Place::Live(after) => {
            let wanted = IncidentQuery { after, ..wanted };
            let page = state.store.live_incidents(organization, &wanted).await?;
            let then = is_live.is_none().then_some(Place::Past(None));
            let next = page.next.map(|after| Place::Live(Some(after)));
            (page.items, next.or(then))
        }
        Place::Past(after) => {
            let wanted = IncidentQuery { after, ..wanted };
            let page = state.store.past_incidents(organization, &wanted).await?;
            (page.items, page.next.map(|after| Place::Past(Some(after))))
        }
    };
    let items = items.into_iter().map(|found| found.item).collect();
    let next_cursor = next.map(|place| Cursor::write(LIST, &place));
    Ok(Json(ListOf::<Incident> { items, next_cursor }))
}

/// An incident, with what can be done about it.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IncidentId>,
) -> Result<impl IntoResponse, ApiError> {
    let found = find(&state, caller.organization_id, id).await?;
    let suggested = if found.item.status.is_live() {
        let suggest = TriggerStart::Suggest;
        state.playbooks.matching(&found.item, suggest).await?
    } else {
        Vec::new()
    };
    let detail = IncidentDetail {
        incident: found.item,
        suggested_playbooks: suggested.into_iter().map(|known| known.key).collect(),
    };
    Ok((etag(found.version), Json(detail)))
}

/// An incident of `organization`; not found, if there is none.
pub(super) async fn find(
    state: &State,
    organization: OrganizationId,
    id: IncidentId,
) -> Result<Versioned<Incident>, Error> {
    let found = state.store.incident(organization, id).await?;
    found.ok_or(Error::NotFound("incident"))
}

/// Changes title and severity.
pub(crate) async fn update(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IncidentId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<IncidentUpdate>,
) -> Result<impl IntoResponse, ApiError> {
    refuse(body.wrong_fields())?;
    let said = said(&caller, body.text.clone());
    let (organization, edit) = (caller.organization_id, body.edit());
    let incidents = &state.incidents;
    let edited = incidents.edit(organization, (id, expected), &edit, &said);
    answer(edited.await)
}

/// The timeline, newest first.
pub(crate) async fn timeline(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IncidentId>,
    Query(query): Query<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let list = format!("timeline/{id}");
    let (limit, before) = (query.limit(100)?, query.after(&list)?);
    find(&state, organization, id).await?;
    let page = state
        .store
        .timeline(organization, id, limit, before)
        .await?;
    let next_cursor = page.next.map(|before| Cursor::write(&list, &before));
    let items = page.items;
    Ok(Json(ListOf::<TimelineEntry> { items, next_cursor }))
}

/// Adds what a person says to the timeline.
pub(crate) async fn note(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IncidentId>,
    Json(body): Json<NewEntry>,
) -> Result<impl IntoResponse, ApiError> {
    refuse(body.wrong_fields())?;
    let said = said(&caller, Some(body.text));
    answer(
        state
            .incidents
            .note(caller.organization_id, id, &said)
            .await,
    )
}

/// Puts down what was learned.
pub(crate) async fn write_notes(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IncidentId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<NewNotes>,
) -> Result<impl IntoResponse, ApiError> {
    refuse(body.wrong_fields())?;
    let (organization, said) = (caller.organization_id, said(&caller, None));
    let incidents = &state.incidents;
    let written = incidents.write_notes(organization, (id, expected), &body.text, &said);
    answer(written.await)
}

/// Says that the caller looks after it.
pub(crate) async fn acknowledge(
    state: Shared<State>,
    caller: Caller,
    id: PathId<IncidentId>,
    body: Option<Json<Remark>>,
) -> Result<impl IntoResponse, ApiError> {
    change(state, caller, id, body, IncidentChange::Acknowledge).await
}

/// Says that it does no more harm.
pub(crate) async fn mitigate(
    state: Shared<State>,
    caller: Caller,
    id: PathId<IncidentId>,
    body: Option<Json<Remark>>,
) -> Result<impl IntoResponse, ApiError> {
    change(state, caller, id, body, IncidentChange::Mitigate).await
}

/// Says that it is over.
pub(crate) async fn resolve(
    state: Shared<State>,
    caller: Caller,
    id: PathId<IncidentId>,
    body: Option<Json<Remark>>,
) -> Result<impl IntoResponse, ApiError> {
    change(state, caller, id, body, IncidentChange::Resolve).await
}

/// Closes it, once its notes are written.
pub(crate) async fn close(
    state: Shared<State>,
    caller: Caller,
    id: PathId<IncidentId>,
    body: Option<Json<Remark>>,
) -> Result<impl IntoResponse, ApiError> {
    change(state, caller, id, body, IncidentChange::Close).await
}

/// Says that it was not over after all.
pub(crate) async fn reopen(
    state: Shared<State>,
    caller: Caller,
    id: PathId<IncidentId>,
    body: Option<Json<Remark>>,
) -> Result<impl IntoResponse, ApiError> {
    change(state, caller, id, body, IncidentChange::Reopen).await
}

async fn change(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IncidentId>,
    body: Option<Json<Remark>>,
    change: IncidentChange,
) -> Result<impl IntoResponse, ApiError> {
    let remark = body.map(|Json(body)| body).unwrap_or_default();
    refuse(remark.wrong_fields())?;
    let said = said(&caller, remark.text);
    let organization = caller.organization_id;
    let changed = state.incidents.change(organization, id, change, &said);
    let changed = changed.await;
    if changed.is_ok() {
        let done = change.done();
        tracing::info!(incident.id = %id, organization.id = %organization, "{id} was {done}");
    }
    answer(changed)
}

fn said(caller: &Caller, text: Option<String>) -> Said {
    let by = caller.into();
    Said { by, text }
}

fn answer(changed: Result<Versioned<Incident>, Error>) -> Result<impl IntoResponse, ApiError> {
    let changed = changed?;
    Ok((etag(changed.version), Json(changed.item)))
}
