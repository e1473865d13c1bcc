use std::time::Duration;

use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use futures::StreamExt as _;
use futures::stream;
use gatehouse::access::Caller;
use gatehouse::domain::{Error, IntegrationId};
use gatehouse::http::{ApiError, Json, OriginOf, PathId, RequestId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::State;
use crate::bodies::{NewRequest, RequestAnswer};

const MAX_REQUESTS: usize = 25;
/// So many are made at the same time.
const PARALLEL: usize = 8;
/// What a function has for all of them.
const TIME: Duration = Duration::from_secs(25);

/// Less time than any call takes.
const SHORTEST: Duration = Duration::from_millis(100);

/// Calls to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewBatch {
    #[schema(min_items = 1, max_items = 25)]
    pub(crate) requests: Vec<NewRequest>,
}

/// What became of each, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchAnswer {
    pub(crate) results: Vec<BatchResult>,
}

/// What became of one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchResult {
    /// What it would have been answered with by itself.
    pub(crate) status: u16,
    /// What the provider answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response: Option<RequestAnswer>,
    /// Why there is no good answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<gatehouse::http::ProblemSchema>)]
    pub(crate) problem: Option<Value>,
}

/// Makes several calls, each on its own: one that fails says nothing of the others.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    caller: Caller,
    OriginOf(origin): OriginOf,
    PathId(integration): PathId<IntegrationId>,
    Extension(RequestId(id)): Extension<RequestId>,
    Json(body): Json<NewBatch>,
) -> Result<impl IntoResponse, ApiError> {
    if !(1..=MAX_REQUESTS).contains(&body.requests.len()) {
        return Err(Error::field("/requests", "expected 1 to 25 requests").into());
    }
    // Of one that does not exist, nothing is tried.
    state.outbound.integration(&caller, integration).await?;
    let deadline = Instant::now() + TIME;
    let calls = body.requests.into_iter().map(|request| {
        let (state, caller, origin) = (&state, &caller, &origin);
        async move {
            let mut call = request.into_call(None, origin.clone())?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left < SHORTEST {
                let message = "the batch's time was over before this request was made";
                return Err(Error::Unavailable(message.into()));
            }
            call.timeout = Some(call.timeout.map_or(left, |timeout| timeout.min(left)));
            let answer = state.outbound.execute_request(caller, integration, call);
            RequestAnswer::of(answer.await?)
        }
    });
    let ends: Vec<Result<RequestAnswer, Error>> =
        stream::iter(calls).buffered(PARALLEL).collect().await;
    let results = ends
        .into_iter()
        .map(|end| BatchResult::of(end, &id))
        .collect();
    Ok(Json(BatchAnswer { results }))
}

impl BatchResult {
    /// `id` is the batch's own: a problem is found in the log by it.
    fn of(end: Result<RequestAnswer, Error>, id: &str) -> Self {
        match end {
            Ok(response) => Self {
                status: StatusCode::OK.as_u16(),
                response: Some(response),
                problem: None,
            },
            Err(error) => {
                let error = ApiError::from(error);
                error.log(id);
                Self {
                    status: error.status().as_u16(),
                    response: None,
                    problem: Some(error.problem(id)),
                }
            }
        }
    }
}
