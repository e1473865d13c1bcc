use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::alert::Alert;
use gatehouse::domain::{AlertId, Error};
use gatehouse::flows::alerts::Settlement;
use gatehouse::http::{ApiError, Cursor, Json, PathId, Query};
use gatehouse::store::AlertQuery;

use super::bodies::{AlertListQuery, AlertNote, WantedState};
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::limit_of;

const LIST: &str = "alerts";

/// The organization's alerts, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(query): Query<AlertListQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let cursor = query.cursor.as_deref();
    let wanted = AlertQuery {
        open: query.state.is_some_and(WantedState::is_open),
        state: query.state.and_then(WantedState::state),
        integration: query.integration,
        kind: query.kind,
        min_severity: query.min_severity,
        limit: limit_of(query.limit, 50)?,
        after: cursor.map(|text| Cursor::read(LIST, text)).transpose()?,
        now: state.sources.now(),
    };
    let page = state.store.alerts(caller.organization_id, &wanted).await?;
    let items = page.items.into_iter().map(|stored| stored.item).collect();
    let next_cursor = page.next.map(|after| Cursor::write(LIST, &after));
    Ok(Json(ListOf::<Alert> { items, next_cursor }))
}

/// One alert.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<AlertId>,
) -> Result<impl IntoResponse, ApiError> {
    let now = state.sources.now();
    let found = state.store.alert(caller.organization_id, id, now).await?;
    let found = found.ok_or(Error::NotFound("alert"))?;
    Ok(Json(found.item))
}

/// Notes that the caller has taken notice.
pub(crate) async fn acknowledge(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<AlertId>,
    body: Option<Json<AlertNote>>,
) -> Result<impl IntoResponse, ApiError> {
    let settlement = settlement(&caller, body)?;
    let organization = caller.organization_id;
    let alert = state.alerts.acknowledge(organization, id, &settlement);
    Ok(Json(alert.await?))
}

/// Ends an alert.
pub(crate) async fn resolve(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<AlertId>,
    body: Option<Json<AlertNote>>,
) -> Result<impl IntoResponse, ApiError> {
    let settlement = settlement(&caller, body)?;
    let organization = caller.organization_id;
    let alert = state.alerts.resolve(organization, id, &settlement);
    Ok(Json(alert.await?))
}

fn settlement(caller: &Caller, body: Option<Json<AlertNote>>) -> Result<Settlement, Error> {
    let body = body.map(|Json(body)| body).unwrap_or_default();
    Ok(Settlement {
        by: caller.subject.clone(),
        note: body.checked()?,
    })
}
