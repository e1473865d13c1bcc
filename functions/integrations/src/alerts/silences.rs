use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::alert::{AlertSetup, Silence};
use gatehouse::domain::{Error, SilenceId, Timestamp};
use gatehouse::http::{ApiError, IfMatch, Json, PathId, etag};
use http::{StatusCode, header};

use super::bodies::{SilenceBody, SilenceView};
use crate::State;
use crate::bodies::ListOf;

/// How long one that is over is still listed, if there is room.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes a silence.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    caller: Caller,
    Json(body): Json<SilenceBody>,
) -> Result<impl IntoResponse, ApiError> {
    let (organization, now) = (caller.organization_id, state.sources.now());
    let id = SilenceId::generate(now, state.sources.randomness.as_ref());
    let silence = body.made(id, &caller.subject, now)?;
    let changed = state.alerts.change_setup(organization, |setup| {
        make_room(setup, now)?;
        setup.silences.push(silence.clone());
        Ok(())
    });
    changed.await?;
    tracing::info!(silence.id = %id, organization.id = %organization, "{id} was made");
    let location = format!("/portal/alerts/silences/{id}");
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        etag(1),
        Json(SilenceView::new(silence, now)),
    ))
}

/// Forgets silences that are over: after a while, or if there is no room for another.
fn make_room(setup: &mut AlertSetup, now: Timestamp) -> Result<(), Error> {
    let is_old = |silence: &Silence| silence.is_over(now.minus(REMEMBERED));
    setup.silences.retain(|silence| !is_old(silence));
    if setup.silences.len() >= AlertSetup::MAX_SILENCES {
        setup.silences.retain(|silence| !silence.is_over(now));
    }
    if setup.silences.len() >= AlertSetup::MAX_SILENCES {
        return Err(Error::LimitReached {
            what: "silences",
            limit: u32::try_from(AlertSetup::MAX_SILENCES).unwrap_or(u32::MAX),
        });
    }
    Ok(())
}

/// The organization's silences, newest first; those that are over for some days.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let now = state.sources.now();
    let setup = state.store.alert_setup(caller.organization_id).await?.item;
    let newest_first = setup.silences.into_iter().rev();
    let items = newest_first.map(|one| SilenceView::new(one, now)).collect();
    Ok(Json(ListOf::<SilenceView> {
        items,
        next_cursor: None,
    }))
}

/// One silence.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<SilenceId>,
) -> Result<impl IntoResponse, ApiError> {
    let now = state.sources.now();
    let mut setup = state.store.alert_setup(caller.organization_id).await?.item;
    let silence = of(&mut setup, id)?.clone();
    Ok((etag(silence.version), Json(SilenceView::new(silence, now))))
}

/// Has a silence as the body says.
pub(crate) async fn replace(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<SilenceId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<SilenceBody>,
) -> Result<impl IntoResponse, ApiError> {
    let (organization, now) = (caller.organization_id, state.sources.now());
    let wanted = body.made(id, &caller.subject, now)?;
    let changed = state.alerts.change_setup(organization, |setup| {
        let silence = of(setup, id)?;
        if silence.version != expected {
            return Err(Error::PreconditionFailed);
        }
        *silence = Silence {
            created_by: silence.created_by.clone(),
            created_at: silence.created_at,
            version: expected + 1,
            ..wanted.clone()
        };
        Ok(silence.clone())
    });
    let (silence, _) = changed.await?;
    Ok((etag(silence.version), Json(SilenceView::new(silence, now))))
}

/// Ends a silence, and forgets it.
pub(crate) async fn delete(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<SilenceId>,
    expected: Option<IfMatch>,
) -> Result<impl IntoResponse, ApiError> {
    let changed = state.alerts.change_setup(caller.organization_id, |setup| {
        let version = of(setup, id)?.version;
        if expected.is_some_and(|IfMatch(expected)| expected != version) {
            return Err(Error::PreconditionFailed);
        }
        setup.silences.retain(|silence| silence.id != id);
        Ok(())
    });
    changed.await?;
    Ok(StatusCode::NO_CONTENT)
}

fn of(setup: &mut AlertSetup, id: SilenceId) -> Result<&mut Silence, Error> {
    let mut silences = setup.silences.iter_mut();
    let found = silences.find(|silence| silence.id == id);
    found.ok_or(Error::NotFound("silence"))
}
