use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::IntegrationId;
use gatehouse::http::{ApiError, PathId};
use http::StatusCode;

use crate::State;

/// Makes every cached answer of the integration void, in all functions within seconds.
pub(crate) async fn purge(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    state.outbound.integration(&caller, integration).await?;
    state.outbound.purge_cache(&caller, integration).await?;
    Ok(StatusCode::NO_CONTENT)
}
