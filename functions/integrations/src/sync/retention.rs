use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::Error;
use gatehouse::domain::sync::RecordRetention;
use gatehouse::http::{ApiError, IfMatch, Json, Query, etag};
use gatehouse::store::{StoreError, Versioned};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::State;
use crate::integrations::NoQuery;

/// How long deleted records, ended jobs and settled conflicts are kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"days": 90}))]
pub(crate) struct RetentionChange {
    /// So many days; null leaves it to the deployment.
    #[schema(minimum = 1, maximum = 3650)]
    days: Option<u16>,
}

/// How long deleted records, ended jobs and settled conflicts are kept.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"days": 90, "effectiveDays": 90}))]
pub(crate) struct RetentionView {
    /// What the organization says; null if it leaves it to the deployment.
    days: Option<u16>,
    /// What holds: that, or what the deployment says.
    effective_days: u64,
}

/// How long what has ended is kept.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let retention = state.store.record_retention(caller.organization_id).await?;
    Ok(view(&state, retention))
}

/// Has what ends from now on kept for as long as the body says.
pub(crate) async fn replace(
    Shared(state): Shared<State>,
    caller: Caller,
    IfMatch(expected): IfMatch,
    Json(body): Json<RetentionChange>,
) -> Result<impl IntoResponse, ApiError> {
    let most = RecordRetention::MAX_DAYS;
    if body.days.is_some_and(|days| !(1..=most).contains(&days)) {
        return Err(Error::field("/days", format!("expected 1 to {most} days, or null")).into());
    }
    let retention = RecordRetention { days: body.days };
    let (store, organization) = (&state.store, caller.organization_id);
    let replaced = store.replace_record_retention(organization, retention, expected);
    let version = replaced.await.map_err(|error| match error {
        StoreError::Conflict => Error::PreconditionFailed,
        error => error.into(),
    })?;
    Ok(view(&state, Versioned::new(retention, version)))
}

fn view(state: &State, retention: Versioned<RecordRetention>) -> impl IntoResponse + use<> {
    let kept = retention.item.duration();
    let seconds = kept.unwrap_or(state.record_retention).as_secs();
    let body = RetentionView {
        days: retention.item.days,
        effective_days: seconds / (24 * 60 * 60),
    };
    (etag(retention.version), Json(body))
}
