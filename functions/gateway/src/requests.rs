use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::IntegrationId;
use gatehouse::http::{ApiError, Json, OriginOf, PathId, idempotency_key};
use http::HeaderMap;

use crate::State;
use crate::bodies::{NewRequest, RequestAnswer};

/// Makes a call with the integration's credentials.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    caller: Caller,
    OriginOf(origin): OriginOf,
    PathId(integration): PathId<IntegrationId>,
    headers: HeaderMap,
    Json(body): Json<NewRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let call = body.into_call(idempotency_key(&headers)?, origin)?;
    let answer = state
        .outbound
        .execute_request(&caller, integration, call)
        .await?;
    Ok(Json(RequestAnswer::of(answer)?))
}
