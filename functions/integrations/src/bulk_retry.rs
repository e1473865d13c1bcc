use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{EndpointId, Error, EventStatus, IntegrationId, Timestamp};
use gatehouse::http::{ApiError, Cursor, Json, PathIds};
use gatehouse::store::EventQuery;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::State;
use crate::endpoints::find as find_endpoint;
use crate::events::find as find_event;
use crate::replay::replay;

/// One call retries no more events than fit into its time.
const MAX_EVENTS: u16 = 100;

/// Which events of an endpoint are delivered again: those that failed, and those with a delivery that should
/// have been tried a minute ago.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BulkRetryRequest {
    /// Received then or later.
    pub(crate) from: Timestamp,
    /// Received before then.
    pub(crate) to: Timestamp,
    /// The `nextCursor` of the call before, to go on.
    pub(crate) cursor: Option<String>,
}

/// What a bulk retry has begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkRetried {
    pub(crate) events: usize,
    pub(crate) deliveries: usize,
    /// There may be more: call again with this as `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// Makes the failed and the overdue deliveries of an endpoint's events in a time range again, newest first.
pub(crate) async fn retry(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, endpoint): PathIds<IntegrationId, EndpointId>,
    Json(body): Json<BulkRetryRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    find_endpoint(&state, organization, integration, endpoint).await?;
    if body.from >= body.to {
        return Err(Error::field("/to", "must be later than `from`").into());
    }
    let list = format!("retry/{endpoint}");
    let after = body
        .cursor
        .as_deref()
        .map(|cursor| Cursor::read(&list, cursor))
        .transpose()?;
    let query = EventQuery {
        endpoint: Some(endpoint),
        statuses: vec![EventStatus::Failed, EventStatus::Retrying],
        from: Some(body.from),
        to: Some(body.to),
        after,
        ..EventQuery::newest(MAX_EVENTS, state.sources.now())
    };
    let page = state
        .store
        .events(organization, integration, &query)
        .await?;
    let (mut events, mut deliveries) = (0, 0);
    for listed in &page.items {
        let event = find_event(&state, organization, integration, listed.id).await?;
        if let Some(retried) = replay(&state, &event, None).await? {
            events += 1;
            deliveries += retried.deliveries;
        }
    }
    let next_cursor = page.next.map(|after| Cursor::write(&list, &after));
    Ok((
        StatusCode::ACCEPTED,
        Json(BulkRetried {
            events,
            deliveries,
            next_cursor,
        }),
    ))
}
