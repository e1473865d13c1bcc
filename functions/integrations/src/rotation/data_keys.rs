//! The organization's data keys: how they stand, and another one.

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::data_key::{DataKeyPlan, Resealed, Resealing};
use gatehouse::domain::{Error, Timestamp};
use gatehouse::http::{ApiError, Json};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;

/// How the organization's data keys stand.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "number": 2, "createdAt": "2026-01-31T09:30:00.000Z",
    "resealing": {"number": 2, "beginsAt": "2026-01-31T10:00:00.000Z", "resealed": 0, "left": 0}
}))]
pub(crate) struct DataKeyView {
    /// The number of the newest one, counted from 1: what is sealed is sealed under it, from five minutes
    /// after it was made at the latest.
    pub(crate) number: u16,
    pub(crate) created_at: Timestamp,
    /// What is sealed anew under it, as long as that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resealing: Option<ResealingView>,
    /// The last time that all was gone through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_resealed: Option<ResealedView>,
}

/// How far what never expires is sealed anew.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResealingView {
    /// What is sealed under a key with a lower number is sealed anew.
    pub(crate) number: u16,
    pub(crate) begins_at: Timestamp,
    /// How many items were sealed anew.
    pub(crate) resealed: u64,
    /// How many were not: others were writing them, or they do not open.
    pub(crate) left: u64,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResealedView {
    pub(crate) number: u16,
    pub(crate) ended_at: Timestamp,
    /// How many items were sealed anew.
    pub(crate) resealed: u64,
    /// How many were not: others were writing them, or they do not open.
    pub(crate) left: u64,
}

impl From<DataKeyPlan> for DataKeyView {
    fn from(plan: DataKeyPlan) -> Self {
        Self {
            number: plan.newest,
            created_at: plan.made_at,
            resealing: plan.resealing.as_ref().map(ResealingView::from),
            last_resealed: plan.resealed.map(ResealedView::from),
        }
    }
}

impl From<&Resealing> for ResealingView {
    fn from(pass: &Resealing) -> Self {
        Self {
            number: pass.target,
            begins_at: pass.begins_at,
            resealed: pass.done,
            left: pass.left,
        }
    }
}

impl From<Resealed> for ResealedView {
    fn from(pass: Resealed) -> Self {
        Self {
            number: pass.target,
            ended_at: pass.ended_at,
            resealed: pass.done,
            left: pass.left,
        }
    }
}

/// How the organization's data keys stand.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let plan = state.data_keys.plan(caller.organization_id).await?;
    let plan = plan.ok_or(Error::NotFound("data key"))?;
    Ok(Json(DataKeyView::from(plan)))
}

/// Replaces the organization's data key.
pub(crate) async fn rotate(
    Shared(state): Shared<State>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let plan = Box::pin(state.data_keys.rotate(caller.organization_id)).await?;
    Ok((StatusCode::ACCEPTED, Json(DataKeyView::from(plan))))
}
