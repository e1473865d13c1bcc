use axum::Extension;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use gatehouse::access::{Access, Caller, Resource};
use gatehouse::domain::playbook::{Approval, NewRun, PlaybookRun, StepAction, StepState};
use gatehouse::domain::{Action, Actor, Error, IncidentId, PlaybookRunId};
use gatehouse::http::{ApiError, Cursor, Json, PathId, Query, etag};
use gatehouse::store::Versioned;
use http::{StatusCode, header};

use super::looked_after::find as find_incident;
use super::refuse;
use super::run_bodies::{DryRun, NewRunRequest, RunQuery, StartedRun, StepDecision};
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::{find as find_integration, limit_of};

/// A run as it stands, with its version.
type Answer = Result<([(header::HeaderName, String); 1], Json<PlaybookRun>), ApiError>;

/// Starts a run, or says what one would do.
pub(crate) async fn start(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Path(key): Path<String>,
    Json(body): Json<NewRunRequest>,
) -> Result<Response, ApiError> {
    let (caller, now) = (access.caller(), state.sources.now());
    let organization = caller.organization_id;
    let known = state.playbooks.find(organization, &key).await?;
    refuse(body.wrong_fields(&known.spec))?;
    check(&state, &access, &body).await?;
    let run = PlaybookRun::new(
        NewRun {
            id: PlaybookRunId::generate(now, state.sources.randomness.as_ref()),
            organization,
            playbook: &known.key,
            spec: &known.spec,
            integration: body.integration_id,
            incident: body.incident_id,
            parameters: body.parameters(),
            by: Actor::from(caller),
        },
        now,
    );
    if body.dry_run {
        let steps = state.playbooks.outlook(&run).await?;
        let dry_run = DryRun {
            dry_run: true,
            steps,
        };
        return Ok(Json(StartedRun::DryRun(dry_run)).into_response());
    }
    let automatic = run.steps.iter().map(|step| &step.step);
    let automatic = automatic.filter(|step| step.approval == Approval::Automatic);
    may(&state, &access, &run, automatic.map(|step| step.action)).await?;
    let begun = state.playbooks.begin(run).await?;
    let id = begun.item.id;
    tracing::info!(run.id = %id, organization.id = %organization, "{id} was started");
    let location = format!("/portal/playbook-runs/{id}");
    let answer = Json(StartedRun::Run(Box::new(begun.item)));
    let headers = ([(header::LOCATION, location)], etag(begun.version));
    Ok((StatusCode::CREATED, headers, answer).into_response())
}

/// Whether what a run is to act on is there, and the caller may run playbooks on it.
async fn check(state: &State, access: &Access, body: &NewRunRequest) -> Result<(), Error> {
    let organization = access.caller().organization_id;
    let id = body.integration_id;
    let found = state.store.integration(organization, id).await?;
    let Some(found) = found else {
        let message = "there is no such integration";
        return Err(Error::field("/integrationId", message));
    };
    let resource = Resource::Integration((&found.item).into());
    access.check(Action::RunPlaybooks, &resource).await?;
    if let Some(endpoint) = body.endpoint_id {
        let found = state.store.endpoint(organization, id, endpoint).await?;
        if found.is_none() {
            let message = "the integration has no such endpoint";
            return Err(Error::field("/endpointId", message));
        }
    }
    if let Some(incident) = body.incident_id {
        let found = state.store.incident(organization, incident).await?;
        let Some(found) = found else {
            let message = "there is no such incident";
            return Err(Error::field("/incidentId", message));
        };
        if found.item.integration_id.is_some_and(|about| about != id) {
            let message = "the incident is about another integration";
            return Err(Error::field("/incidentId", message));
        }
        if !found.item.status.is_live() {
            let message = "the incident is over";
            return Err(Error::field("/incidentId", message));
        }
    }
    Ok(())
}

/// Lets the caller do all of this to the integration of a run, or not.
async fn may(
    state: &State,
    access: &Access,
    run: &PlaybookRun,
    actions: impl Iterator<Item = StepAction>,
) -> Result<(), Error> {
    let (organization, integration) = (run.organization_id, run.integration_id);
    let found = find_integration(state, organization, integration).await?;
    let resource = Resource::Integration((&found.item).into());
    for action in actions {
        access.check(action.right(), &resource).await?;
    }
    Ok(())
}

/// Runs, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(query): Query<RunQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let limit = limit_of(query.limit, 50)?;
    let of = query.incident.as_ref().map(IncidentId::to_string);
    let list = format!("runs/{}", of.unwrap_or_default());
    let cursor = query.cursor.as_deref();
    let after = cursor.map(|text| Cursor::read(&list, text)).transpose()?;
    if let Some(incident) = query.incident {
        find_incident(&state, organization, incident).await?;
    }
    let page = state
        .store
        .playbook_runs(organization, query.incident, limit, after)
        .await?;
    let items = page.items.into_iter().map(|found| found.item).collect();
    let next_cursor = page.next.map(|after| Cursor::write(&list, &after));
    Ok(Json(ListOf::<PlaybookRun> { items, next_cursor }))
}

/// One run.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<PlaybookRunId>,
) -> Result<impl IntoResponse, ApiError> {
    let found = find(&state, &caller, id).await?;
    Ok((etag(found.version), Json(found.item)))
}

async fn find(
    state: &State,
    caller: &Caller,
    id: PlaybookRunId,
) -> Result<Versioned<PlaybookRun>, Error> {
    let found = state.store.playbook_run(caller.organization_id, id).await?;
    found.ok_or(Error::NotFound("run"))
}

/// Says yes to the step that waits, and has the run go on.
pub(crate) async fn approve(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(id): PathId<PlaybookRunId>,
    Json(body): Json<StepDecision>,
) -> Result<impl IntoResponse, ApiError> {
    let caller = access.caller();
    let found = find(&state, caller, id).await?;
    let index = index_of(&body, &found.item)?;
    // What the run goes on to by itself after this step is as much this person's doing.
    let coming = found.item.steps.iter().skip(index);
    let coming = coming
        .enumerate()
        .take_while(|(place, step)| *place == 0 || step.step.approval == Approval::Automatic);
    let actions = coming.map(|(_, step)| step.step.action);
    may(&state, &access, &found.item, actions).await?;
    decide(&state, caller, (id, index), true).await
}

/// Says no to the step that waits, which ends the run.
pub(crate) async fn reject(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<PlaybookRunId>,
    Json(body): Json<StepDecision>,
) -> Result<impl IntoResponse, ApiError> {
    let found = find(&state, &caller, id).await?;
    let index = index_of(&body, &found.item)?;
    decide(&state, &caller, (id, index), false).await
}

fn index_of(body: &StepDecision, run: &PlaybookRun) -> Result<usize, Error> {
    let index = body.step.checked_sub(1);
    index
        .filter(|index| *index < run.steps.len())
        .ok_or_else(|| Error::field("/step", "the run has no such step"))
}

async fn decide(
    state: &State,
    caller: &Caller,
    step: (PlaybookRunId, usize),
    approved: bool,
) -> Answer {
    let (organization, by) = (caller.organization_id, Actor::from(caller));
    let decided = state.playbooks.decide(organization, step, approved, &by);
    answer(decided.await)
}

/// Ends a run. What it has done stays.
pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<PlaybookRunId>,
) -> Result<impl IntoResponse, ApiError> {
    let (organization, by) = (caller.organization_id, Actor::from(&caller));
    answer(state.playbooks.cancel(organization, id, &by).await)
}

/// Undoes what a run that has ended has done, as far as there is a way back.
pub(crate) async fn undo(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(id): PathId<PlaybookRunId>,
) -> Result<impl IntoResponse, ApiError> {
    let caller = access.caller();
    let found = find(&state, caller, id).await?;
    let done = found.item.steps.iter();
    let done = done.filter(|step| step.state == StepState::Done && step.memo.is_some());
    let actions = done.map(|step| step.step.action);
    may(&state, &access, &found.item, actions).await?;
    let (organization, by) = (caller.organization_id, Actor::from(caller));
    answer(state.playbooks.undo(organization, id, &by).await)
}

fn answer(changed: Result<Versioned<PlaybookRun>, Error>) -> Answer {
    let changed = changed?;
    Ok((etag(changed.version), Json(changed.item)))
}
