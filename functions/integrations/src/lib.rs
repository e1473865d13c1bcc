//! `integrations`: what people set up (integrations, endpoints, destinations), and what they look
//! at (events, status, the providers of the catalogue).
//!
//! Every route under `/portal` needs an access token and reaches what belongs to the token's
//! organization, and nothing else: an id of another organization's is as unknown as one that does
//! not exist. Secrets come in here and never go out, with two exceptions, which are shown once:
//! a signing secret that was made for a destination, and one that a provider brought and asks a
//! person for.

mod access;
mod alerts;
mod audit;
mod audit_bodies;
mod bodies;
mod bulk;
mod bulk_retry;
mod credential_check;
mod credentials;
mod deletion;
mod destination_bodies;
mod destinations;
mod endpoint_bodies;
mod endpoints;
mod events;
mod free_json;
mod health;
mod incidents;
mod integration_check;
mod integrations;
mod openapi;
mod providers;
mod reach;
mod replay;
mod revocations;
mod rotation;
mod secrets;
mod setup;
mod state;
mod status;
mod sync;
mod variables;
mod webhook_checks;
mod webhook_test;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use gatehouse::domain::Error;
use gatehouse::flows::{idempotent, within_limits};
use gatehouse::http::{ApiError, BodyLimit, authenticated, authorized, recorded};

pub use openapi::{document, whole_document};
pub use state::State;

/// The function's HTTP interface.
#[expect(
    clippy::too_many_lines,
    reason = "one table of routes, easier to read whole"
)]
pub fn router(state: State) -> Router {
    let edge = state.edge.clone();
    let portal = Router::new()
        .route("/portal/providers", get(providers::list))
        .route("/portal/providers/{slug}", get(providers::read))
        .route(
            "/portal/integrations",
            post(integrations::create).get(integrations::list),
        )
        .route("/portal/integrations:bulk", post(bulk::run))
        .route(
            "/portal/integrations/{integration}",
            get(integrations::read)
                .patch(integrations::update)
                .delete(deletion::delete),
        )
        .route(
            "/portal/integrations/{integration}/status",
            get(status::read),
        )
        .route(
            "/portal/integrations/{integration}/webhooks",
            post(endpoints::create).get(endpoints::list),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/logs",
            get(events::list),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/events/{event}",
            get(events::read),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/events/{event}/retry",
            post(replay::retry),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/{endpoint}",
            get(endpoints::read)
                .patch(endpoints::update)
                .delete(endpoints::delete),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/{endpoint}/retry",
            post(bulk_retry::retry),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/{endpoint}/secrets",
            post(endpoints::add_secret),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/{endpoint}/secrets/{secret}",
            axum::routing::delete(endpoints::delete_secret),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/{endpoint}/secrets/{secret}/reveal",
            post(endpoints::reveal_secret),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/{endpoint}/test",
            post(webhook_test::test),
        )
        .route(
            "/portal/integrations/{integration}/webhooks/{endpoint}/verify",
            post(webhook_checks::verify),
        )
        .route(
            "/portal/integrations/{integration}/destinations",
            post(destinations::create).get(destinations::list),
        )
        .route(
            "/portal/integrations/{integration}/destinations/{destination}",
            get(destinations::read)
                .patch(destinations::update)
                .delete(destinations::delete),
        )
        .route(
            "/portal/integrations/{integration}/destinations/{destination}/secrets",
            post(destinations::rotate_secret),
        )
        .route(
            "/portal/integrations/{integration}/destinations/{destination}/secrets/{secret}/reveal",
            post(destinations::reveal_secret),
        )
        .route(
            "/portal/access/revocations",
            post(revocations::create).get(revocations::list),
        )
        .merge(sync::router())
        .merge(incidents::router())
        .merge(alerts::router())
        .merge(health::router())
        .merge(rotation::router())
        .route_layer(from_fn_with_state(state.idempotency(), idempotent))
        .route("/portal/audit", get(audit::list))
        .route("/portal/audit/export", get(audit::export))
        // An anchor is of its moment: there is nothing to be repeated.
        .route(
            "/portal/audit/verify",
            post(audit::verify).layer(axum::Extension(BodyLimit(audit::MAX_VERIFY_BYTES))),
        )
        .merge(access::router())
        // Outside what answers repetitions: who may not do it may not have it answered again.
        .route_layer(from_fn_with_state(state.authorization.clone(), authorized))
        .fallback(|| async { ApiError::from(Error::NotFound("resource")) })
        .method_not_allowed_fallback(|| async {
            ApiError::from(Error::MethodNotAllowed {
                allow: String::new(),
            })
        })
        .layer(from_fn_with_state(state.recorder.clone(), recorded))
        .layer(from_fn_with_state(state.limits.clone(), within_limits))
        // Outermost: nobody without a token learns which routes there are.
        .layer(from_fn_with_state(
            state.authentication.clone(),
            authenticated,
        ));
    let public = Router::new().route("/openapi.json", get(openapi::serve));
    edge.apply(portal.merge(public).with_state(state))
}
