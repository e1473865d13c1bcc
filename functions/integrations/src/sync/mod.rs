//! Data synchronization: jobs, what they have brought, and what a person has to decide.
//!
//! What a record holds goes out in answers only: no log, no error and no item of the table has it in
//! clear.

mod conflict_bodies;
mod conflicts;
mod entities;
mod export;
mod feed;
mod job_bodies;
mod jobs;
mod kinds;
mod openapi;
mod read;
mod record_bodies;
mod records;
mod retention;
mod suggest;
pub(crate) mod targets;

use axum::Router;
use axum::routing::{get, post};

use crate::State;

pub(crate) use openapi::document;

/// The routes.
pub(crate) fn router() -> Router<State> {
    jobs_router().merge(records_router())
}

fn jobs_router() -> Router<State> {
    Router::new()
        .route("/portal/integrations/{integration}/sync", post(jobs::start))
        .route(
            "/portal/integrations/{integration}/sync/entities",
            get(entities::list),
        )
        .route(
            "/portal/integrations/{integration}/sync/jobs",
            get(jobs::list),
        )
        .route(
            "/portal/integrations/{integration}/sync/jobs/{job}",
            get(jobs::read),
        )
        .route(
            "/portal/integrations/{integration}/sync/jobs/{job}/cancel",
            post(jobs::cancel),
        )
        .route(
            "/portal/integrations/{integration}/sync/jobs/{job}/retry",
            post(jobs::retry),
        )
        .route(
            "/portal/integrations/{integration}/sync/jobs/{job}/skip",
            post(jobs::skip),
        )
        .route(
            "/portal/integrations/{integration}/sync/jobs/{job}/approve-deletes",
            post(jobs::approve_deletes),
        )
        .route(
            "/portal/integrations/{integration}/sync/mapping/suggest",
            post(suggest::run),
        )
}

fn records_router() -> Router<State> {
    Router::new()
        .route(
            "/portal/records/retention",
            get(retention::read).put(retention::replace),
        )
        .route(
            "/portal/integrations/{integration}/records",
            get(feed::list),
        )
        .route(
            "/portal/integrations/{integration}/records/export",
            get(export::run).post(records::create_export),
        )
        .route(
            "/portal/integrations/{integration}/records/{entity}",
            post(records::create),
        )
        .route(
            "/portal/integrations/{integration}/records/{entity}/{record}",
            get(records::read)
                .put(records::replace)
                .patch(records::update)
                .delete(records::delete),
        )
        .route(
            "/portal/integrations/{integration}/records/{entity}/{record}/history",
            get(records::history),
        )
        .route(
            "/portal/integrations/{integration}/records/{entity}/{record}/push",
            post(records::push),
        )
        .route(
            "/portal/integrations/{integration}/conflicts",
            get(conflicts::list),
        )
        .route(
            "/portal/integrations/{integration}/conflicts/{conflict}",
            get(conflicts::read),
        )
        .route(
            "/portal/integrations/{integration}/conflicts/{conflict}/resolve",
            post(conflicts::resolve),
        )
}
