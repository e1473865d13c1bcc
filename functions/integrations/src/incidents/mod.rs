//! Incidents and who looks after them; playbooks, and what is done by them.

mod bodies;
mod looked_after;
mod openapi;
mod playbook_bodies;
mod playbooks;
mod run_bodies;
mod runs;

use axum::Router;
use axum::routing::{get, post, put};
use gatehouse::domain::{Error, FieldError};

use crate::State;

pub(crate) use openapi::document;

/// The routes.
pub(crate) fn router() -> Router<State> {
    Router::new()
        .route(
            "/portal/incidents",
            post(looked_after::create).get(looked_after::list),
        )
        .route(
            "/portal/incidents/{incident}",
            get(looked_after::read).patch(looked_after::update),
        )
        .route(
            "/portal/incidents/{incident}/timeline",
            get(looked_after::timeline).post(looked_after::note),
        )
        .route(
            "/portal/incidents/{incident}/notes",
            put(looked_after::write_notes),
        )
        .route(
            "/portal/incidents/{incident}/acknowledge",
            post(looked_after::acknowledge),
        )
        .route(
            "/portal/incidents/{incident}/mitigate",
            post(looked_after::mitigate),
        )
        .route(
            "/portal/incidents/{incident}/resolve",
            post(looked_after::resolve),
        )
        .route(
            "/portal/incidents/{incident}/close",
            post(looked_after::close),
        )
        .route(
            "/portal/incidents/{incident}/reopen",
            post(looked_after::reopen),
        )
        .merge(playbook_router())
}

fn playbook_router() -> Router<State> {
    Router::new()
        .route(
            "/portal/playbooks",
            post(playbooks::create).get(playbooks::list),
        )
        .route(
            "/portal/playbooks/{playbook}",
            get(playbooks::read)
                .put(playbooks::replace)
                .delete(playbooks::delete),
        )
        .route("/portal/playbooks/{playbook}/runs", post(runs::start))
        .route("/portal/playbook-runs", get(runs::list))
        .route("/portal/playbook-runs/{run}", get(runs::read))
        .route("/portal/playbook-runs/{run}/approve", post(runs::approve))
        .route("/portal/playbook-runs/{run}/reject", post(runs::reject))
        .route("/portal/playbook-runs/{run}/cancel", post(runs::cancel))
        .route("/portal/playbook-runs/{run}/undo", post(runs::undo))
}

/// Whether a text of free words has from 1 to `most` characters.
fn check_text(pointer: &str, text: &str, most: usize, errors: &mut Vec<FieldError>) {
    if text.trim().is_empty() || text.chars().count() > most {
        let message = format!("expected 1 to {most} characters");
        errors.push(FieldError::new(pointer, message));
    }
}

/// Refuses a body that has something wrong.
fn refuse(errors: Vec<FieldError>) -> Result<(), Error> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}
