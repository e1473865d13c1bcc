use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::IntegrationId;
use gatehouse::domain::health::Check;
use gatehouse::flows::health::By;
use gatehouse::http::{ApiError, Json, OriginOf, PathId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeChecks {
    /// A check of each kind that applies to the integration; none, if it is switched off.
    pub(crate) items: Vec<Check>,
}

/// Checks an integration now, within its organization's budget.
pub(crate) async fn run(
    Shared(state): Shared<State>,
    caller: Caller,
    OriginOf(origin): OriginOf,
    PathId(integration): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    let by = By::Caller(&caller, &origin);
    let items = Box::pin(state.checks.run(caller.organization_id, integration, by)).await?;
    Ok(Json(MadeChecks { items }))
}
