use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::rotation::{RotationPlan, RotationPolicy};
use gatehouse::domain::{Error, IntegrationId};
use gatehouse::http::{ApiError, IfMatch, Json, PathId, etag};
use gatehouse::store::Versioned;

use super::bodies::RotationPlanView;
use crate::State;

/// When credentials are replaced.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    answer(
        state
            .rotations
            .plan((caller.organization_id, integration))
            .await,
    )
}

/// Says when credentials are replaced; never by themselves, if the body says no day.
pub(crate) async fn replace(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    expected: Option<IfMatch>,
    Json(policy): Json<RotationPolicy>,
) -> Result<impl IntoResponse, ApiError> {
    let of = (caller.organization_id, integration);
    let expected = expected.map(|IfMatch(version)| version);
    answer(state.rotations.set_policy(of, Some(policy), expected).await)
}

/// Holds back everything but emergencies.
pub(crate) async fn pause(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    answer(
        state
            .rotations
            .pause((caller.organization_id, integration))
            .await,
    )
}

/// Lets rotations go on.
pub(crate) async fn resume(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    answer(
        state
            .rotations
            .resume((caller.organization_id, integration))
            .await,
    )
}

fn answer(plan: Result<Versioned<RotationPlan>, Error>) -> Result<impl IntoResponse, ApiError> {
    let Versioned { item, version } = plan?;
    Ok((etag(version), Json(RotationPlanView::from(item))))
}
