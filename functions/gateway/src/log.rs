//! The log of requests.

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{
    CacheUse, Cause, Error, IntegrationId, RequestId, RequestRecord, RequestStatus, Timestamp,
};
use gatehouse::http::{ApiError, Cursor, Json, PathId, PathIds, Query};
use gatehouse::store::RequestQuery;
use gatehouse::vault::SealContext;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::State;

const MAX_LIMIT: u16 = 200;
const DEFAULT_LIMIT: u16 = 100;

/// Which requests are listed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LogQuery {
    limit: Option<u16>,
    cursor: Option<String>,
    status: Option<RequestStatus>,
    method: Option<String>,
    /// What the path starts with.
    path: Option<String>,
    response_status: Option<u16>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// A page of requests.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestList {
    pub(crate) items: Vec<RequestView>,
    /// The `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// A request, as it stands in the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestView {
    pub(crate) id: RequestId,
    /// Who called: the access token's subject.
    pub(crate) caller: String,
    pub(crate) method: String,
    /// The path under the base URL, masked.
    pub(crate) path: String,
    /// The names of the query's parameters; their values are not kept.
    pub(crate) query_names: Vec<String>,
    pub(crate) status: RequestStatus,
    /// The status of the provider's last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_status: Option<u16>,
    /// How often the provider was called.
    pub(crate) attempts: u16,
    pub(crate) cache: CacheUse,
    /// The code of the problem that it ended in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// The provider's own code of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_code: Option<String>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) started_at: Timestamp,
    /// Absent while it runs, and for good if its function ended before it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<u64>,
    /// The version of the credentials that it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
}

/// A request with its bodies, if the integration has them kept.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestDetail {
    #[serde(flatten)]
    pub(crate) request: RequestView,
    /// `{request, response}`, masked and cut off at 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bodies: Option<Value>,
}

impl From<RequestRecord> for RequestView {
    fn from(record: RequestRecord) -> Self {
        Self {
            id: record.id,
            caller: record.caller,
            method: record.method,
            path: record.path,
            query_names: record.query_names,
            status: record.status,
            response_status: record.response_status,
            attempts: record.attempts,
            cache: record.cache,
            error: record.error,
            upstream_code: record.upstream_code,
            request_bytes: record.request_bytes,
            response_bytes: record.response_bytes,
            started_at: record.started_at,
            ended_at: record.ended_at,
            duration_ms: record.duration_ms,
            credential_version: record.credential_version,
            trace_id: record.trace_id,
        }
    }
}

/// An integration's requests, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(query): Query<LogQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    state.outbound.integration(&caller, integration).await?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::Malformed("`limit` must be from 1 to 200".to_owned()).into());
    }
    let list = format!("requests/{integration}");
    let cursor = query.cursor.as_deref();
    let after = cursor
        .map(|cursor| Cursor::read(&list, cursor))
        .transpose()?;
    let query = RequestQuery {
        status: query.status,
        method: query.method.map(|method| method.to_ascii_uppercase()),
        path_prefix: query.path,
        response_status: query.response_status,
        from: query.from,
        to: query.to,
        limit,
        after,
        now: state.sources.now(),
    };
    let page = state
        .store
        .requests(organization, integration, &query)
        .await?;
    Ok(Json(RequestList {
        items: page.items.into_iter().map(RequestView::from).collect(),
        next_cursor: page.next.map(|after| Cursor::write(&list, &after)),
    }))
}

/// One request.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, RequestId>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let now = state.sources.now();
    let found = state
        .store
        .request(organization, integration, id, now)
        .await?;
    let mut record = found.ok_or(Error::NotFound("request"))?;
    let bodies = match record.bodies.take() {
        None => None,
        Some(sealed) => {
            let context = SealContext::RequestBodies {
                integration,
                request: id,
            };
            let opened = state.keys.open(organization, &context, &sealed).await?;
            Some(
                serde_json::from_slice(&opened)
                    .map_err(|error| Error::Internal(Cause::from(error)))?,
            )
        }
    };
    Ok(Json(RequestDetail {
        request: record.into(),
        bodies,
    }))
}
