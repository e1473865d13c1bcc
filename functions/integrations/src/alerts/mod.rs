//! Alerts: which there are, by which rules, who is told of them and when nobody is.

mod bodies;
mod channels;
mod openapi;
mod rules;
mod settling;
mod silences;

use axum::Router;
use axum::routing::{get, post};

use crate::State;

pub(crate) use openapi::document;

/// The routes.
pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/portal/alerts", get(settling::list))
        .route("/portal/alerts/rules", get(rules::read).put(rules::replace))
        .route(
            "/portal/integrations/{integration}/alerts/rules",
            get(rules::read_of).put(rules::replace_of),
        )
        .route(
            "/portal/alerts/channels",
            post(channels::create).get(channels::list),
        )
        .route(
            "/portal/alerts/channels/{channel}",
            get(channels::read)
                .put(channels::replace)
                .delete(channels::delete),
        )
        .route(
            "/portal/alerts/channels/{channel}/test",
            post(channels::test),
        )
        .route(
            "/portal/alerts/silences",
            post(silences::create).get(silences::list),
        )
        .route(
            "/portal/alerts/silences/{silence}",
            get(silences::read)
                .put(silences::replace)
                .delete(silences::delete),
        )
        .route("/portal/alerts/{alert}", get(settling::read))
        .route(
            "/portal/alerts/{alert}/acknowledge",
            post(settling::acknowledge),
        )
        .route("/portal/alerts/{alert}/resolve", post(settling::resolve))
}
