//! The replacing of credentials: asked for, looked at, planned, and for many at once; and of data keys.
//!
//! Requests start rotations and decide about them; no step is made here, and no provider is called.
//! `rotation`, the function, does that.

mod bodies;
mod data_keys;
mod emergencies;
mod emergency_bodies;
mod openapi;
mod policy;
mod rotate;
mod rotations;

use axum::Router;
use axum::routing::{get, post};

use crate::State;

pub(crate) use openapi::document;

/// The routes.
pub(crate) fn router() -> Router<State> {
    Router::new()
        .route(
            "/portal/integrations/{integration}/credentials/rotate",
            post(rotate::start),
        )
        .route(
            "/portal/integrations/{integration}/rotations",
            get(rotations::list),
        )
        .route(
            "/portal/integrations/{integration}/rotations/pause",
            post(policy::pause),
        )
        .route(
            "/portal/integrations/{integration}/rotations/resume",
            post(policy::resume),
        )
        .route(
            "/portal/integrations/{integration}/rotations/{rotation}",
            get(rotations::read),
        )
        .route(
            "/portal/integrations/{integration}/rotations/{rotation}/cancel",
            post(rotations::cancel),
        )
        .route(
            "/portal/integrations/{integration}/rotations/{rotation}/cleaned-up",
            post(rotations::cleaned_up),
        )
        .route(
            "/portal/integrations/{integration}/rotation-policy",
            get(policy::read).put(policy::replace),
        )
        .route("/portal/data-keys", get(data_keys::read))
        .route("/portal/data-keys/rotate", post(data_keys::rotate))
        .route(
            "/portal/rotations/emergency",
            post(emergencies::start).get(emergencies::list),
        )
        .route(
            "/portal/rotations/emergency/{rotation}",
            get(emergencies::read),
        )
}
