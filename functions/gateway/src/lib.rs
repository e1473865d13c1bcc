//! `gateway`: calls providers for an organization, with the credentials of its integrations.
//!
//! A caller names an integration and an endpoint; what an integration may call, how it
//! authenticates and what is kept of it is the integration's own to say. Credentials are used here
//! and never shown: what a provider answers is searched for them before it is passed on.
//!
//! What it guarantees: a call is in the log of requests before it is made, whatever becomes of this
//! function then. What it does not: that a call which broke off had no effect.

mod batch;
mod bodies;
mod cache;
mod checks;
mod directory;
mod log;
mod openapi;
mod proxy;
mod requests;
mod state;
mod values;
mod verify;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, delete, get, post};
use gatehouse::domain::Error;
use gatehouse::flows::{idempotent, within_limits};
use gatehouse::http::{ApiError, authenticated, authorized, recorded};

pub use openapi::document;
pub use state::State;

/// Longer than a call for tokens, and the writing of its answer, take.
const SETTLED: Duration = Duration::from_secs(15);

/// The function's HTTP interface.
pub fn router(state: State) -> Router {
    let edge = state.edge.clone();
    let portal = Router::new()
        .route(
            "/portal/integrations/{integration}/requests",
            post(requests::create).get(log::list),
        )
        .route(
            "/portal/integrations/{integration}/requests:batch",
            post(batch::create),
        )
        .route(
            "/portal/integrations/{integration}/requests/{request}",
            get(log::read),
        )
        .route("/portal/integrations/{integration}/test", post(verify::run))
        .route(
            "/portal/integrations/{integration}/checks/run",
            post(checks::run),
        )
        .route_layer(from_fn_with_state(state.idempotency(), idempotent))
        .route(
            "/portal/integrations/{integration}/cache",
            delete(cache::purge),
        )
        .route(
            "/portal/integrations/{integration}/directory/users:lookup",
            post(directory::find_user),
        )
        // Its `Idempotency-Key` is the provider's to understand.
        .route(
            "/portal/integrations/{integration}/proxy/{*path}",
            any(proxy::forward),
        )
        // Outside what answers repetitions: who may not do it may not have it answered again.
        .route_layer(from_fn_with_state(state.authorization.clone(), authorized))
        .fallback(|| async { ApiError::from(Error::NotFound("resource")) })
        .method_not_allowed_fallback(|| async {
            ApiError::from(Error::MethodNotAllowed {
                allow: String::new(),
            })
        })
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(state.recorder.clone(), recorded))
        .layer(from_fn_with_state(state.limits.clone(), within_limits))
        .layer(from_fn_with_state(
            state.authentication.clone(),
            authenticated,
        ));
    let portal = portal.layer(from_fn_with_state(state.clone(), settle));
    edge.apply(portal.with_state(state))
}

/// A function that has answered is frozen, perhaps for good. It does not answer while it renews a
/// grant: what an authorization server says then would be lost.
async fn settle(
    axum::extract::State(state): axum::extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let answer = next.run(request).await;
    state.outbound.grants().settled(SETTLED).await;
    answer
}
