use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::health::Check;
use gatehouse::domain::{Error, IntegrationId};
use gatehouse::http::{ApiError, Cursor, Json, PathId, Query};
use serde::Deserialize;

use crate::State;
use crate::bodies::ListOf;
use crate::integrations::find;

/// As many as are kept.
const MAX_LIMIT: u16 = 100;
const DEFAULT_LIMIT: u16 = 50;

/// Which checks are listed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CheckQuery {
    limit: Option<u16>,
    cursor: Option<String>,
}

/// An integration's checks, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(query): Query<CheckQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::Malformed("`limit` must be from 1 to 100".to_owned()).into());
    }
    let list = format!("checks/{integration}");
    let after = query
        .cursor
        .as_deref()
        .map(|cursor| Cursor::read(&list, cursor))
        .transpose()?;
    find(&state, organization, integration).await?;
    let now = state.sources.now();
    let page = state
        .store
        .checks(organization, integration, (limit, after), now)
        .await?;
    let items: Vec<Check> = page.items.into_iter().map(|check| check.item).collect();
    let next_cursor = page.next.map(|after| Cursor::write(&list, &after));
    Ok(Json(ListOf { items, next_cursor }))
}
