use axum::Extension;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use gatehouse::access::{Access, Caller, Resource};
use gatehouse::domain::playbook::{Approval, Playbook, PlaybookSpec, TriggerStart};
use gatehouse::domain::{Error, FieldError, PlaybookId};
use gatehouse::flows::playbooks::built_in;
use gatehouse::http::{ApiError, IfMatch, Json, PathId, Query, etag};
use http::{StatusCode, header};

use super::playbook_bodies::PlaybookView;
use super::refuse;
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::NoQuery;

/// Makes a playbook.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Json(spec): Json<PlaybookSpec>,
) -> Result<impl IntoResponse, ApiError> {
    check(&state, &access, &spec).await?;
    let (caller, now) = (access.caller(), state.sources.now());
    let id = PlaybookId::generate(now, state.sources.randomness.as_ref());
    let playbook = Playbook {
        id,
        organization_id: caller.organization_id,
        spec,
        created_at: now,
        updated_at: now,
    };
    state.store.create_playbook(&playbook).await?;
    let organization = caller.organization_id;
    tracing::info!(playbook.id = %id, organization.id = %organization, "{id} was made");
    let location = format!("/portal/playbooks/{id}");
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        etag(1),
        Json(PlaybookView::from(playbook)),
    ))
}

/// What a playbook says may be wrong by itself, name integrations that there are not, or do by itself what
/// its author may not do.
async fn check(state: &State, access: &Access, spec: &PlaybookSpec) -> Result<(), Error> {
    refuse(spec.wrong_fields())?;
    let Some(trigger) = &spec.trigger else {
        return Ok(());
    };
    let organization = access.caller().organization_id;
    let mut errors = Vec::new();
    for (index, id) in trigger.integrations.iter().enumerate() {
        let found = state.store.integration(organization, *id).await?;
        let Some(found) = found else {
            let pointer = format!("/trigger/integrations/{index}");
            errors.push(FieldError::new(pointer, "there is no such integration"));
            continue;
        };
        if trigger.start == TriggerStart::Automatic {
            let resource = Resource::Integration((&found.item).into());
            for step in &spec.steps {
                if step.approval == Approval::Automatic {
                    access.check(step.action.right(), &resource).await?;
                }
            }
        }
    }
    refuse(errors)
}

/// All playbooks: the organization's own, newest first, then those that are built in.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(_): Query<NoQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let own = state.store.playbooks(caller.organization_id).await?;
    let own = own.into_iter().map(|found| found.item.into());
    let built_in = built_in().iter();
    let built_in = built_in.map(|(name, spec)| PlaybookView::built_in(name, spec.clone()));
    Ok(Json(ListOf::<PlaybookView> {
        items: own.chain(built_in).collect(),
        next_cursor: None,
    }))
}

/// One playbook, by its id or its name.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Response, ApiError> {
    if let Some((name, spec)) = built_in().get_key_value(key.as_str()) {
        return Ok(Json(PlaybookView::built_in(name, spec.clone())).into_response());
    }
    let id: PlaybookId = key.parse().map_err(|_| Error::NotFound("playbook"))?;
    let found = state.store.playbook(caller.organization_id, id).await?;
    let found = found.ok_or(Error::NotFound("playbook"))?;
    Ok((etag(found.version), Json(PlaybookView::from(found.item))).into_response())
}

/// Replaces what a playbook says. Runs that have begun go on as they were.
pub(crate) async fn replace(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(id): PathId<PlaybookId>,
    IfMatch(expected): IfMatch,
    Json(spec): Json<PlaybookSpec>,
) -> Result<impl IntoResponse, ApiError> {
    let found = state
        .store
        .playbook(access.caller().organization_id, id)
        .await?;
    let found = found.ok_or(Error::NotFound("playbook"))?;
    if found.version != expected {
        return Err(Error::PreconditionFailed.into());
    }
    check(&state, &access, &spec).await?;
    let playbook = Playbook {
        spec,
        updated_at: state.sources.now(),
        ..found.item
    };
    let version = state.store.update_playbook(&playbook, expected).await?;
    Ok((etag(version), Json(PlaybookView::from(playbook))))
}

/// Deletes a playbook. Runs that have begun go on.
pub(crate) async fn delete(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<PlaybookId>,
    if_match: Option<IfMatch>,
) -> Result<StatusCode, ApiError> {
    let expected = if_match.map(|IfMatch(version)| version);
    state
        .store
        .delete_playbook(caller.organization_id, id, expected)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
