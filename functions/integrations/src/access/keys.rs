use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use gatehouse::access::{Access, IssuedKey, Resource};
use gatehouse::domain::{Action, ApiKey, ApiKeyId, Error, Role};
use gatehouse::http::{ApiError, Cursor, Json, PathId, Query};
use gatehouse::store::Seen;
use http::{StatusCode, header};
use secrecy::ExposeSecret as _;

use super::check_integrations;
use super::key_bodies::{ApiKeyView, IssuedApiKey, NewApiKey, refuse};
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::PageQuery;

const LIST: &str = "api-keys";
/// So many reads run at the same time.
pub(super) const PARALLEL: usize = 8;

/// Makes a key.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Json(body): Json<NewApiKey>,
) -> Result<impl IntoResponse, ApiError> {
    let (caller, now) = (access.caller(), state.sources.now());
    let mut errors = body.wrong_fields(now);
    if let Some(integrations) = &body.integrations {
        let organization = caller.organization_id;
        check_integrations(&state, organization, integrations.iter(), &mut errors).await?;
    }
    refuse(errors)?;
    // What somebody is for a time only, he cannot make last: elevations do not count here.
    if !body.roles.iter().all(|role| caller.roles.cover(*role)) {
        return Err(Error::Forbidden.into());
    }
    if body.roles.contains(&Role::Owner) {
        let resource = Resource::Organization;
        access.check(Action::GrantOwner, &resource).await?;
    }
    let issued = IssuedKey::generate(now, state.sources.randomness.as_ref());
    let networks = body.networks();
    let key = ApiKey {
        id: issued.id,
        organization_id: caller.organization_id,
        name: body.name,
        roles: body.roles.into_iter().collect(),
        actions: body.actions,
        integrations: body.integrations,
        networks,
        digest: issued.digest.clone(),
        created_by: caller.subject.clone(),
        created_at: now,
        expires_at: body.expires_at,
        revoked_at: None,
    };
    state.store.create_api_key(&key).await?;
    tracing::info!(api_key.id = %key.id, organization.id = %key.organization_id, "{} was made", key.id);
    let location = format!("/portal/access/keys/{}", key.id);
    let answer = IssuedApiKey {
        key: shown(&issued),
        view: ApiKeyView::new(key, None, now),
    };
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(answer)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a new key is shown to who made it, once"
)]
fn shown(issued: &IssuedKey) -> String {
    issued.text.expose_secret().to_owned()
}

/// The organization's keys, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Query(query): Query<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let (limit, after) = (query.limit(50)?, query.after(LIST)?);
    let (organization, now) = (access.caller().organization_id, state.sources.now());
    let page = state.store.api_keys(organization, limit, after).await?;
    let views = page.items.into_iter().map(|stored| {
        let store = &state.store;
        async move {
            let key = stored.item;
            let used = store.sighting(organization, Seen::ApiKey(key.id)).await?;
            Ok::<_, Error>(ApiKeyView::new(key, used.as_ref(), now))
        }
    });
    let views = stream::iter(views).buffered(PARALLEL);
    let items: Vec<ApiKeyView> = views.try_collect().await?;
    let next_cursor = page.next.map(|after| Cursor::write(LIST, &after));
    Ok(Json(ListOf { items, next_cursor }))
}

/// Revokes a key: here at once, elsewhere within half a minute.
pub(crate) async fn revoke(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(id): PathId<ApiKeyId>,
) -> Result<impl IntoResponse, ApiError> {
    let (organization, now) = (access.caller().organization_id, state.sources.now());
    let found = state.store.api_key(organization, id).await?;
    let found = found.ok_or(Error::NotFound("API key"))?;
    // To take an owner's way in away is a matter of owners, as it is to give it.
    if found.item.roles.contains(Role::Owner) {
        let resource = Resource::Organization;
        access.check(Action::GrantOwner, &resource).await?;
    }
    state.store.revoke_api_key(organization, id, now).await?;
    access.authorizer().forget_key(id);
    tracing::info!(api_key.id = %id, organization.id = %organization, "{id} was revoked");
    Ok(StatusCode::NO_CONTENT)
}
