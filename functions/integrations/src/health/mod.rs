//! How an integration is doing: what is measured of it, and what its checks found.

mod bodies;
mod checks;
mod headroom;
mod metrics;
mod openapi;

use axum::Router;
use axum::routing::get;

use crate::State;

pub(crate) use bodies::MetricsSummary;
pub(crate) use headroom::{LimitState, headroom};
pub(crate) use openapi::document;

pub(crate) use metrics::measured_now;

/// The routes of this part.
pub(crate) fn router() -> Router<State> {
    Router::new()
        .route(
            "/portal/integrations/{integration}/metrics",
            get(metrics::read),
        )
        .route(
            "/portal/integrations/{integration}/checks",
            get(checks::list),
        )
}
