//! Who may do what: API keys, elevations, and the review of both.

pub(crate) mod elevation_bodies;
pub(crate) mod elevations;
pub(crate) mod key_bodies;
pub(crate) mod keys;
pub(crate) mod review;
pub(crate) mod rights;

use axum::Router;
use axum::routing::{delete, get, post};
use gatehouse::domain::{Error, FieldError, IntegrationId, OrganizationId};

use crate::State;

pub(crate) use key_bodies::refuse;

/// The most integrations that a key or an elevation names.
const MAX_INTEGRATIONS: usize = 25;

/// The routes under `/portal/access`. No answer of these is kept for an `Idempotency-Key`: one of
/// them holds a key that is shown once.
pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/portal/access/keys", post(keys::create).get(keys::list))
        .route("/portal/access/keys/{key}", delete(keys::revoke))
        .route(
            "/portal/access/elevations",
            post(elevations::create).get(elevations::list),
        )
        .route(
            "/portal/access/elevations/{elevation}",
            delete(elevations::end),
        )
        .route(
            "/portal/access/elevations/{elevation}/approve",
            post(elevations::approve),
        )
        .route(
            "/portal/access/elevations/{elevation}/deny",
            post(elevations::deny),
        )
        .route("/portal/access/review", get(review::list))
}

/// Whether every integration that a body names is one of the organization's. One of another's is as
/// unknown as one that does not exist.
async fn check_integrations(
    state: &State,
    organization: OrganizationId,
    integrations: impl ExactSizeIterator<Item = &IntegrationId>,
    errors: &mut Vec<FieldError>,
) -> Result<(), Error> {
    if !(1..=MAX_INTEGRATIONS).contains(&integrations.len()) {
        let message = "expected 1 to 25 integrations";
        errors.push(FieldError::new("/integrations", message));
        return Ok(());
    }
    for (index, id) in integrations.enumerate() {
        if state.store.integration(organization, *id).await?.is_none() {
            let pointer = format!("/integrations/{index}");
            errors.push(FieldError::new(pointer, "there is no such integration"));
        }
    }
    Ok(())
}

/// Whether a text of free words has from 1 to `most` characters.
pub(crate) fn check_text(pointer: &str, text: &str, most: usize, errors: &mut Vec<FieldError>) {
    if text.trim().is_empty() || text.chars().count() > most {
        let message = format!("expected 1 to {most} characters");
        errors.push(FieldError::new(pointer, message));
    }
}
