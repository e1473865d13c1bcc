use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use gatehouse::access::Caller;
use gatehouse::domain::{Error, IntegrationId};
use gatehouse::http::{ApiError, PathId, Query};
use http::{HeaderName, HeaderValue, header};

use super::read::{PageSize, Read};
use super::record_bodies::FeedQuery;
use crate::State;

/// <https://github.com/ndjson/ndjson-spec>: one JSON document a line.
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// On the last page: where the next read begins.
const CHANGES_CURSOR: HeaderName = HeaderName::from_static("gatehouse-changes-cursor");
/// Lambda answers with 6 MB at most, and what it takes for no text is written in base64: 4 bytes for
/// each 3.
const MAX_BYTES: usize = 4_000_000;
const MAX_RECORDS: usize = 10_000;

/// A page of all records of a kind that have changed, as JSON Lines; `Link` says where the next one
/// is.
pub(crate) async fn run(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(query): Query<FeedQuery>,
) -> Result<Response, ApiError> {
    if query.limit.is_some() {
        let message = "an export has no `limit`: its pages are as long as they can be";
        return Err(Error::Malformed(message.to_owned()).into());
    }
    let size = PageSize {
        records: MAX_RECORDS,
        bytes: MAX_BYTES,
    };
    let owner = (caller.organization_id, integration);
    let read = Read::of(&state, owner, &query, "export").await?;
    let page = read.page(&state, size).await?;
    let mut lines = Vec::new();
    for record in &page.records {
        serde_json::to_writer(&mut lines, record).map_err(|error| Error::Internal(error.into()))?;
        lines.push(b'\n');
    }
    let mut response = lines.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, NDJSON);
    let value =
        |text: &str| HeaderValue::from_str(text).map_err(|error| Error::Internal(error.into()));
    if let Some(cursor) = page.next {
        let entity = &query.entity;
        // RFC 8288. Nothing of an entity's name is escaped in a query.
        let link = format!(
            "</portal/integrations/{integration}/records/export?entity={entity}&cursor={cursor}>; rel=\"next\""
        );
        headers.insert(header::LINK, value(&link)?);
    }
    if let Some(cursor) = page.changes {
        headers.insert(CHANGES_CURSOR, value(&cursor)?);
    }
    Ok(response)
}
