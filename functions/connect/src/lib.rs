//! `connect`: has people consent that Gatehouse acts for them at a provider, and keeps, shows and
//! ends what they have consented to (OAuth 2.0, OpenID Connect).
//!
//! A consent starts with a `state` of 256 random bits that is bound to one browser by a cookie,
//! and ends with whatever answer brings that state first. Before the code of an answer is sent
//! anywhere, all of this has been found in order: the state is known, not used and not too old; the
//! browser is the one that it is bound to; the integration is set up as it was; and the answer's
//! issuer is the integration's (RFC 9207).
//!
//! What it guarantees: nothing of a request appears on a page. No token, code or secret is in a log,
//! an answer or, in clear, in the table. What it does not: that whoever is sent a one-time link is
//! who he should be; such a link is as good as an invitation.

mod answer;
mod authorize;
mod callback;
mod connection;
mod consent;
mod cookie;
mod grant;
mod identity;
mod logout;
mod openapi;
mod page;
mod start;
mod state;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use gatehouse::domain::Error;
use gatehouse::flows::within_limits;
use gatehouse::http::{ApiError, authenticated, authorized, recorded};

pub use openapi::document;
pub use state::State;

/// More than the longest logout token.
const MAX_FORM_BYTES: usize = 32 * 1024;

/// The function's HTTP interface.
pub fn router(state: State) -> Router {
    let edge = state.edge.clone();
    let portal = Router::new()
        .route("/portal/integrations/{integration}/oauth", get(grant::read))
        .route(
            "/portal/integrations/{integration}/oauth/authorize",
            post(authorize::create),
        )
        .route(
            "/portal/integrations/{integration}/oauth/revoke",
            post(grant::revoke),
        )
        .route_layer(from_fn_with_state(state.authorization.clone(), authorized))
        .fallback(|| async { ApiError::from(Error::NotFound("resource")) })
        .method_not_allowed_fallback(|| async {
            ApiError::from(Error::MethodNotAllowed {
                allow: String::new(),
            })
        })
        .layer(from_fn_with_state(state.recorder.clone(), recorded))
        .layer(from_fn_with_state(state.limits.clone(), within_limits))
        .layer(from_fn_with_state(
            state.authentication.clone(),
            authenticated,
        ));
    // A look at a link, by `HEAD`, must not use it up.
    let public = Router::new()
        .route("/oauth/callback", get(callback::take).head(not_allowed))
        .route(
            "/oauth/start/{ticket}",
            get(start::follow).head(not_allowed),
        )
        .route(
            "/oauth/backchannel-logout/{organization}/{integration}",
            post(logout::take),
        )
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES));
    edge.apply(portal.merge(public).with_state(state))
}

async fn not_allowed() -> ApiError {
    ApiError::from(Error::MethodNotAllowed {
        allow: "GET".to_owned(),
    })
}
