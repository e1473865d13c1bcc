use std::collections::BTreeSet;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use futures::future::try_join_all;
use gatehouse::access::Caller;
use gatehouse::domain::sync::{EntityName, SyncJob, SyncTrigger};
use gatehouse::domain::{Error, FieldError, Integration, IntegrationId, OrganizationId, SyncJobId};
use gatehouse::flows::sync::EntitySettings;
use gatehouse::http::{ApiError, Cursor, Json, PathId, PathIds, Query};
use gatehouse::store::{SyncJobQuery, Versioned};
use http::StatusCode;

use super::job_bodies::{JobQuery, JobView, NewSync, StartedJobs};
use super::kinds::check_usable;
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::{find as find_integration, limit_of};

/// So many kinds of record are synchronized by one request at most.
const MAX_ENTITIES: usize = 50;

/// Starts a job for each kind of record, unless one runs already.
pub(crate) async fn start(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Json(body): Json<NewSync>,
) -> Result<impl IntoResponse, ApiError> {
    let found = find_integration(&state, caller.organization_id, integration).await?;
    let integration = found.item;
    check(&integration, &body.entities)?;
    check_usable(&integration)?;
    let started = body.entities.iter().map(|entity| {
        let jobs = &state.jobs;
        jobs.start(&integration, entity, body.sync_type, SyncTrigger::Manual)
    });
    let started = try_join_all(started).await?;
    let jobs = started
        .into_iter()
        .map(|started| JobView::from(started.job.item))
        .collect();
    Ok((StatusCode::ACCEPTED, Json(StartedJobs { jobs })))
}

/// Whether all kinds can be synchronized. Either all jobs are started, or none is.
fn check(integration: &Integration, entities: &[EntityName]) -> Result<(), Error> {
    if !(1..=MAX_ENTITIES).contains(&entities.len()) {
        let message = format!("expected 1 to {MAX_ENTITIES} kinds of record");
        return Err(Error::field("/entities", message));
    }
    let mut known = BTreeSet::new();
    let mut errors = Vec::new();
    for (index, entity) in entities.iter().enumerate() {
        let pointer = format!("/entities/{index}");
        if !known.insert(entity) {
            errors.push(FieldError::new(pointer, "is there twice"));
            continue;
        }
        match EntitySettings::of(integration, entity) {
            Ok(_) => {}
            Err(Error::NotFound(_)) => {
                let message = "neither `syncConfig` nor the catalogue says how it is listed";
                errors.push(FieldError::new(pointer, message));
            }
            Err(error) => return Err(error),
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

/// An integration's jobs, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(query): Query<JobQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let limit = limit_of(query.limit, 50)?;
    let list = format!("sync_jobs/{integration}");
    let cursor = query.cursor.as_deref();
    let wanted = SyncJobQuery {
        entity: query.entity,
        status: query.status,
        limit,
        after: cursor.map(|text| Cursor::read(&list, text)).transpose()?,
        now: state.sources.now(),
    };
    find_integration(&state, organization, integration).await?;
    let page = state.store.sync_jobs(organization, integration, &wanted);
    let page = page.await?;
    let items = page.items.into_iter().map(|job| job.item.into()).collect();
    let next_cursor = page.next.map(|after| Cursor::write(&list, &after));
    Ok(Json(ListOf::<JobView> { items, next_cursor }))
}

/// One job.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, SyncJobId>,
) -> Result<impl IntoResponse, ApiError> {
    let now = state.sources.now();
    let found = state
        .store
        .sync_job(caller.organization_id, integration, id, now);
    let found = found.await?.ok_or(Error::NotFound("job"))?;
    Ok(Json(JobView::from(found.item)))
}

/// Ends a job for good.
pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, SyncJobId>,
) -> Result<impl IntoResponse, ApiError> {
    let integration = known(&state, caller.organization_id, (integration, id)).await?;
    answer(state.jobs.cancel(&integration, id).await)
}

/// Has a job that stopped try its page again.
pub(crate) async fn retry(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, SyncJobId>,
) -> Result<impl IntoResponse, ApiError> {
    let integration = known(&state, caller.organization_id, (integration, id)).await?;
    check_usable(&integration)?;
    answer(state.jobs.retry(&integration, id).await)
}

/// Has a job that stopped leave out what it cannot take.
pub(crate) async fn skip(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, SyncJobId>,
) -> Result<impl IntoResponse, ApiError> {
    let integration = known(&state, caller.organization_id, (integration, id)).await?;
    check_usable(&integration)?;
    answer(state.jobs.skip(&integration, id).await)
}

/// Lets a job that asked delete what is missing.
pub(crate) async fn approve_deletes(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, SyncJobId>,
) -> Result<impl IntoResponse, ApiError> {
    let integration = known(&state, caller.organization_id, (integration, id)).await?;
    check_usable(&integration)?;
    answer(state.jobs.approve_deletes(&integration, id).await)
}

/// The integration of a job that there is: what is wrong with an integration is told of those only.
async fn known(
    state: &State,
    organization: OrganizationId,
    (integration, job): (IntegrationId, SyncJobId),
) -> Result<Integration, Error> {
    let now = state.sources.now();
    let found = state.store.sync_job(organization, integration, job, now);
    found.await?.ok_or(Error::NotFound("job"))?;
    let found = find_integration(state, organization, integration).await?;
    Ok(found.item)
}

fn answer(moved: Result<Versioned<SyncJob>, Error>) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(JobView::from(moved?.item)))
}
