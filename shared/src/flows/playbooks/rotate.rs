//! The step that has credentials replaced: it starts a rotation. The rotation goes on by itself.

use crate::catalog;
use crate::domain::playbook::{PlaybookRun, StepEnd};
use crate::domain::rotation::{Rotation, RotationState, RotationTrigger};
use crate::domain::{
    AuthConfig, Error, GrantType, Integration, IntegrationId, OrganizationId, RotationMethod,
    Timestamp,
};
use crate::flows::rotation::{RotationDesk, StartRotation};
use crate::store::{Store, StoreError};

const GONE: &str = "the integration is no more";

/// Starts a rotation. `again`: an earlier try may have started one.
pub(super) async fn start(
    desk: &RotationDesk,
    store: &Store,
    (run, index): (&PlaybookRun, usize),
    again: bool,
) -> Result<StepEnd, Error> {
    let of = (run.organization_id, run.integration_id);
    // A second rotation of what is new already would do no good.
    if again && let Some(ours) = begun_since(store, of, allowed_at(run, index)).await? {
        return Ok(started(&ours));
    }
    let emergency = is_emergency(run, index);
    if !emergency && let Some(end) = under_way(store, of).await? {
        return Ok(end);
    }
    let start = StartRotation {
        emergency,
        ..StartRotation::by(RotationTrigger::Request)
    };
    match desk.start(of, start).await {
        Ok(rotation) => Ok(started(&rotation)),
        Err(Error::NotFound(_)) => Ok(failed(GONE)),
        Err(Error::Conflict(says)) => Ok(match under_way(store, of).await? {
            // Somebody else has started one in this moment.
            Some(end) if !emergency => end,
            _ => StepEnd::Failed(says),
        }),
        Err(error) => Err(error),
    }
}

/// What the step would do, in words; or what comes of it, if it does nothing.
pub(super) async fn outlook(
    store: &Store,
    (run, index): (&PlaybookRun, usize),
) -> Result<StepEnd, Error> {
    let of = (run.organization_id, run.integration_id);
    let Some(found) = store.integration(of.0, of.1).await? else {
        return Ok(failed(GONE));
    };
    let emergency = is_emergency(run, index);
    let active = active(store, of).await?;
    if let Some(end) = active.as_ref().filter(|_| !emergency) {
        return Ok(met(end, &found.item));
    }
    if let Some(active) = active {
        return Ok(done(format!(
            "{} is made an emergency: the old credentials get no grace",
            active.id
        )));
    }
    let integration = &found.item;
    if integration.credentials.is_none() {
        return Ok(failed("the integration has no credentials to replace"));
    }
    let grace = if emergency {
        ", and the old ones get no grace"
    } else {
        ""
    };
    if is_by_person(integration) {
        return Ok(done(format!(
            "a person is asked to hand in new credentials{grace}"
        )));
    }
    if catalog::profile_of(integration).verification.is_none() {
        return Ok(failed(
            "nothing is known of a call that tests new credentials (`apiProfile.verification`)",
        ));
    }
    Ok(done(format!(
        "new credentials are made, tested and taken into use{grace}"
    )))
}

/// How what the step acts on stands.
pub(super) async fn present(
    store: &Store,
    of: (OrganizationId, IntegrationId),
) -> Result<String, Error> {
    Ok(match active(store, of).await? {
        Some(active) => format!("{} is in step `{}`", active.id, active.state.as_str()),
        None => "no rotation is under way".to_owned(),
    })
}

/// What comes of the step where a rotation is under way that it does not hurry.
async fn under_way(
    store: &Store,
    of: (OrganizationId, IntegrationId),
) -> Result<Option<StepEnd>, Error> {
    let Some(active) = active(store, of).await? else {
        return Ok(None);
    };
    let found = store.integration(of.0, of.1).await?;
    Ok(Some(found.map_or_else(
        || failed(GONE),
        |found| met(&active, &found.item),
    )))
}

fn met(active: &Rotation, integration: &Integration) -> StepEnd {
    let current = integration.credentials.as_ref().map(|info| &info.version);
    let new = active
        .candidate
        .as_ref()
        .map(|candidate| &candidate.version);
    let is_in_use = new.is_some() && new == current;
    let id = active.id;
    if active.is_past_switch(is_in_use) {
        return StepEnd::Failed(format!(
            "{id} has replaced the credentials before, and has not ended: start one when it has"
        ));
    }
    StepEnd::Unchanged(format!("{id} replaces the credentials already"))
}

async fn active(
    store: &Store,
    of: (OrganizationId, IntegrationId),
) -> Result<Option<Rotation>, StoreError> {
    let plan = store.rotation_plan(of.0, of.1).await?;
    let Some(id) = plan.item.active else {
        return Ok(None);
    };
    let found = store.rotation(of.0, of.1, id).await?;
    Ok(found.map(|found| found.item))
}

/// The newest rotation, if it began at or after this instant, whether it has ended or not.
async fn begun_since(
    store: &Store,
    of: (OrganizationId, IntegrationId),
    since: Timestamp,
) -> Result<Option<Rotation>, StoreError> {
    let page = store.rotations(of.0, of.1, 1, None).await?;
    let newest = page.items.into_iter().next().map(|found| found.item);
    Ok(newest.filter(|rotation| rotation.started_at >= since))
}

/// Since when the step may be taken: what was started before was not started by it.
fn allowed_at(run: &PlaybookRun, index: usize) -> Timestamp {
    let decided = run.steps.get(index).and_then(|step| step.decided.as_ref());
    decided.map_or(run.started_at, |mark| mark.at)
}

fn is_emergency(run: &PlaybookRun, index: usize) -> bool {
    let step = run.steps.get(index);
    step.and_then(|step| step.step.emergency)
        .unwrap_or_default()
}

/// Whether a person has to hand in an integration's new credentials.
fn is_by_person(integration: &Integration) -> bool {
    let auth = AuthConfig::read(integration.auth_method, integration.auth_config.as_ref());
    let waits_for_consent = matches!(
        auth,
        Ok(AuthConfig::Oauth2(auth)) if auth.grant_type == GrantType::AuthorizationCode
    );
    let profile = catalog::profile_of(integration);
    waits_for_consent
        || !matches!(
            profile.rotation,
            Some(
                RotationMethod::ProviderApi { .. }
                    | RotationMethod::Asymmetric { .. }
                    | RotationMethod::OauthClientSecret { keys: Some(_), .. }
            )
        )
}

fn started(rotation: &Rotation) -> StepEnd {
    let id = rotation.id;
    done(match rotation.state {
        RotationState::Due => format!("{id} waits for a person to hand in new credentials"),
        _ if rotation.emergency => format!("{id} has begun, without grace for the old credentials"),
        _ => format!("{id} has begun"),
    })
}

fn done(said: String) -> StepEnd {
    StepEnd::Done(said, None)
}

fn failed(said: &str) -> StepEnd {
    StepEnd::Failed(said.to_owned())
}
