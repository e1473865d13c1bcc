use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::rotation::Rotation;
use gatehouse::domain::{Error, IntegrationId, RotationId};
use gatehouse::http::{ApiError, Cursor, Json, PathId, PathIds, Query};

use super::bodies::RotationView;
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::PageQuery;

/// An integration's rotations, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(query): Query<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let list = format!("rotations/{integration}");
    let (limit, after) = (query.limit(50)?, query.after(&list)?);
    let of = (caller.organization_id, integration);
    let page = state.rotations.list(of, limit, after).await?;
    let items = page.items.into_iter().map(|found| found.item.into());
    let next_cursor = page.next.map(|after| Cursor::write(&list, &after));
    Ok(Json(ListOf::<RotationView> {
        items: items.collect(),
        next_cursor,
    }))
}

/// One rotation.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, RotationId>,
) -> Result<impl IntoResponse, ApiError> {
    let found = state
        .rotations
        .get((caller.organization_id, integration), id);
    Ok(Json(RotationView::from(found.await?.item)))
}

/// Ends a rotation whose new credentials are not in use yet.
pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, RotationId>,
) -> Result<impl IntoResponse, ApiError> {
    let of = (caller.organization_id, integration);
    answer(state.rotations.cancel(of, id).await)
}

/// Notes that what a rotation has left at the provider is cleaned up.
pub(crate) async fn cleaned_up(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, RotationId>,
) -> Result<impl IntoResponse, ApiError> {
    let of = (caller.organization_id, integration);
    answer(state.rotations.cleaned_up(of, id).await)
}

fn answer(changed: Result<Rotation, Error>) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(RotationView::from(changed?)))
}
