use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse as _, Response};
use gatehouse::domain::{Error, PendingConsent};
use gatehouse::store::{Digest, Versioned};
use gatehouse::vault::SealContext;
use http::{StatusCode, header};
use secrecy::SecretString;

use crate::State;
use crate::connection::Connection;
use crate::consent::{self, LIFETIME, Secrets};
use crate::cookie::Binding;
use crate::page::Page;

/// Follows a one-time link: binds the consent to this browser, and sends it to the provider.
pub(crate) async fn follow(Shared(state): Shared<State>, Path(ticket): Path<String>) -> Response {
    match go(&state, &SecretString::from(ticket)).await {
        Ok(response) => response,
        Err(page) => page.into_response(),
    }
}

async fn go(state: &State, ticket: &SecretString) -> Result<Response, Page> {
    let ticket = consent::digest(ticket);
    let (secret, pending, version) = find(state, ticket)
        .await
        .map_err(Page::failed)?
        .ok_or(Page::LINK)?;
    let (organization, integration) = (pending.organization_id, pending.integration_id);
    let connection = Connection::load(state, organization, integration).await;
    let connection = connection.map_err(Page::failed)?;
    if connection.basis() != pending.basis {
        return Err(Page::CHANGED);
    }
    let consent = consent::digest(&secret);
    let secrets = Secrets::open(state, consent, &pending)
        .await
        .map_err(Page::failed)?;
    let url = secrets
        .url(state, &connection, (&secret, &pending.scopes))
        .await;
    let url = url.map_err(|error| Page::oauth(&error, integration))?;
    let binding = Binding::new(state, consent);
    let expires_at = pending.asked_at.plus(LIFETIME);
    let bound = PendingConsent {
        browser: binding.digest(),
        ..pending
    };
    let updated = state
        .store
        .update_consent(consent, bound, version, expires_at);
    let is_there = updated.await.map_err(|error| Page::failed(error.into()))?;
    if !is_there {
        return Err(Page::LINK);
    }
    let cookie = binding.header().map(|value| [(header::SET_COOKIE, value)]);
    let location = [(header::LOCATION, url.as_str().to_owned())];
    Ok((StatusCode::SEE_OTHER, cookie, location, Page::HEADERS).into_response())
}

/// Takes the link away; answers the state and the consent that it led to.
async fn find(
    state: &State,
    ticket: Digest,
) -> Result<Option<(SecretString, PendingConsent, u64)>, Error> {
    let now = state.sources.now();
    let Some(link) = state.store.take_consent_ticket(ticket, now).await? else {
        return Ok(None);
    };
    let context = SealContext::ConsentTicket { ticket };
    let opened = state
        .keys
        .open(link.organization_id, &context, &link.sealed);
    let bytes = opened.await?;
    let secret = std::str::from_utf8(&bytes).unwrap_or_default();
    let secret = SecretString::from(secret);
    let found = state.store.consent(consent::digest(&secret), now).await?;
    Ok(found.map(|Versioned { item, version }| (secret, item, version)))
}
