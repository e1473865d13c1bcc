use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::IntegrationId;
use gatehouse::http::{ApiError, Json, PathId, Query};

use super::read::{PageSize, Read};
use super::record_bodies::{ChangePage, FeedQuery};
use crate::State;
use crate::integrations::limit_of;

/// Lambda answers with 6 MB at most, and writes an answer into JSON of its own: there, each character
/// may take two bytes.
const MAX_BYTES: usize = 2_800_000;

/// The records of a kind that have changed, oldest change first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(query): Query<FeedQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let size = PageSize {
        records: limit_of(query.limit, 100)?.into(),
        bytes: MAX_BYTES,
    };
    let owner = (caller.organization_id, integration);
    let read = Read::of(&state, owner, &query, "records").await?;
    let page = read.page(&state, size).await?;
    Ok(Json(ChangePage {
        items: page.records,
        next_cursor: page.next,
        changes_cursor: page.changes,
    }))
}
