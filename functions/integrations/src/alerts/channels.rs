use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use futures::future::try_join_all;
use gatehouse::access::{Access, Caller, Resource};
use gatehouse::domain::alert::{AlertChannel, AlertSetup, ChannelTarget, NoticeBody};
use gatehouse::domain::{Action, ChannelId, Error, FieldError, NoticeId, OrganizationId};
use gatehouse::http::{ApiError, IfMatch, Json, PathId, etag};
use gatehouse::store::OwedNotice;
use http::{StatusCode, header};

use super::bodies::{ChannelBody, ChannelTest, ChannelView};
use crate::State;
use crate::access::refuse;
use crate::bodies::ListOf;

/// Makes a channel.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Json(body): Json<ChannelBody>,
) -> Result<impl IntoResponse, ApiError> {
    let (organization, now) = (access.caller().organization_id, state.sources.now());
    check(&state, &access, &body).await?;
    let id = ChannelId::generate(now, state.sources.randomness.as_ref());
    let channel = body.made(id, now);
    let changed = state.alerts.change_setup(organization, |setup| {
        if setup.channels.len() >= AlertSetup::MAX_CHANNELS {
            return Err(Error::LimitReached {
                what: "channels",
                limit: u32::try_from(AlertSetup::MAX_CHANNELS).unwrap_or(u32::MAX),
            });
        }
        setup.channels.push(channel.clone());
        Ok(())
    });
    changed.await?;
    tracing::info!(channel.id = %id, organization.id = %organization, "{id} was made");
    let location = format!("/portal/alerts/channels/{id}");
    let view = view(&state, organization, channel).await?;
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        etag(1),
        Json(view),
    ))
}

/// The organization's channels, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let setup = state.store.alert_setup(organization).await?.item;
    let newest_first = setup.channels.into_iter().rev();
    let views = newest_first.map(|channel| view(&state, organization, channel));
    let items = try_join_all(views).await?;
    Ok(Json(ListOf::<ChannelView> {
        items,
        next_cursor: None,
    }))
}

/// One channel, and how it fares.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<ChannelId>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let channel = find(&state, organization, id).await?;
    let version = channel.version;
    let view = view(&state, organization, channel).await?;
    Ok((etag(version), Json(view)))
}

/// Has a channel as the body says.
pub(crate) async fn replace(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(id): PathId<ChannelId>,
    IfMatch(expected): IfMatch,
    Json(body): Json<ChannelBody>,
) -> Result<impl IntoResponse, ApiError> {
    let (organization, now) = (access.caller().organization_id, state.sources.now());
    find(&state, organization, id).await?;
    check(&state, &access, &body).await?;
    let wanted = body.made(id, now);
    let changed = state.alerts.change_setup(organization, |setup| {
        let channel = of(setup, id)?;
        if channel.version != expected {
            return Err(Error::PreconditionFailed);
        }
        *channel = AlertChannel {
            created_at: channel.created_at,
            version: expected + 1,
            ..wanted.clone()
        };
        Ok(channel.clone())
    });
    let (channel, _) = changed.await?;
    let view = view(&state, organization, channel).await?;
    Ok((etag(expected + 1), Json(view)))
}

/// Deletes a channel. What it has not been told it will not be.
pub(crate) async fn delete(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<ChannelId>,
    expected: Option<IfMatch>,
) -> Result<impl IntoResponse, ApiError> {
    let changed = state.alerts.change_setup(caller.organization_id, |setup| {
        let version = of(setup, id)?.version;
        if expected.is_some_and(|IfMatch(expected)| expected != version) {
            return Err(Error::PreconditionFailed);
        }
        setup.channels.retain(|channel| channel.id != id);
        Ok(())
    });
    changed.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has a test sent by a channel, be it in use or not. How it went is seen at the channel.
pub(crate) async fn test(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<ChannelId>,
) -> Result<impl IntoResponse, ApiError> {
    let (organization, now) = (caller.organization_id, state.sources.now());
    find(&state, organization, id).await?;
    let notice = OwedNotice {
        id: NoticeId::generate(now, state.sources.randomness.as_ref()),
        organization,
        due_at: now,
        body: NoticeBody::Test {
            channel: id,
            at: now,
        },
        channels: None,
        attempts: 0,
        owed_at: now,
        was_muted: false,
        group: None,
    };
    state.store.owe_notice(&notice).await?;
    let test = ChannelTest {
        channel_id: id,
        notice_id: notice.id,
    };
    Ok((StatusCode::ACCEPTED, Json(test)))
}

/// Whether what a channel sends by is the organization's, and its author may have it send: nobody does by a
/// channel what he may not do himself.
async fn check(state: &State, access: &Access, body: &ChannelBody) -> Result<(), Error> {
    let organization = access.caller().organization_id;
    let mut errors = body.wrong_fields();
    let integration = body.target.integration();
    let found = state.store.integration(organization, integration).await?;
    let Some(found) = found else {
        let message = "there is no such integration";
        errors.push(FieldError::new("/target/integrationId", message));
        return refuse(errors);
    };
    let right = match body.target {
        ChannelTarget::Destination { .. } => Action::ManageDestinations,
        _ => Action::CallProvider,
    };
    let resource = Resource::Integration((&found.item).into());
    access.check(right, &resource).await?;
    if let ChannelTarget::Destination { destination_id, .. } = body.target {
        let found = (state.store).destination(organization, integration, destination_id);
        if found.await?.is_none() {
            let message = "the integration has no such destination";
            errors.push(FieldError::new("/target/destinationId", message));
        }
        // What it is told is sealed as the body of any event.
        state.keys.ensure(organization).await?;
    }
    refuse(errors)
}

async fn find(
    state: &State,
    organization: OrganizationId,
    id: ChannelId,
) -> Result<AlertChannel, Error> {
    let mut setup = state.store.alert_setup(organization).await?.item;
    of(&mut setup, id).cloned()
}

fn of(setup: &mut AlertSetup, id: ChannelId) -> Result<&mut AlertChannel, Error> {
    let mut channels = setup.channels.iter_mut();
    let found = channels.find(|channel| channel.id == id);
    found.ok_or(Error::NotFound("channel"))
}

async fn view(
    state: &State,
    organization: OrganizationId,
    channel: AlertChannel,
) -> Result<ChannelView, Error> {
    let fares = state.store.channel_state(organization, channel.id).await?;
    Ok(ChannelView {
        channel,
        state: fares,
    })
}
