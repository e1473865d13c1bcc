use axum::extract::{RawQuery, State as Shared};
use axum::response::{IntoResponse as _, Response};
use gatehouse::audit::AuditError;
use gatehouse::domain::{
    Actor, AuditOutcome, AuditSubject, IntegrationStatus, NewAuditEntry, Origin, PendingConsent,
};
use gatehouse::flows::grants::NewGrant;
use gatehouse::http::OriginOf;
use gatehouse::lambda::telemetry::chain;
use gatehouse::oauth::TokenRequest;
use gatehouse::store::Digest;
use http::{HeaderMap, StatusCode, header};
use secrecy::{SecretSlice, SecretString};
use url::Url;

use crate::State;
use crate::answer::{Answer, Outcome};
use crate::connection::{Connection, set_status};
use crate::consent::{self, Secrets};
use crate::cookie;
use crate::identity;
use crate::page::Page;

/// Takes a provider's answer from the browser that brings it.
pub(crate) async fn take(
    Shared(state): Shared<State>,
    OriginOf(origin): OriginOf,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(answer) = Answer::read(&query.unwrap_or_default()) else {
        return Page::UNREADABLE.into_response();
    };
    let consent = consent::digest(&answer.state);
    // Whoever comes second finds nothing, however this goes on.
    let taken = state.store.take_consent(consent, state.sources.now()).await;
    let pending = match taken {
        Ok(Some(pending)) => pending,
        Ok(None) => return Page::LINK.into_response(),
        Err(error) => return Page::failed(error.into()).into_response(),
    };
    if !cookie::is_bound(&state, &headers, consent, &pending.browser) {
        tracing::warn!(
            organization.id = %pending.organization_id,
            integration.id = %pending.integration_id,
            "{} was not connected: another browser has brought the answer", pending.integration_id
        );
        return Page::BROWSER.into_response();
    }
    let page = match record(&state, &pending, &origin, None).await {
        Ok(()) => finish(&state, consent, &pending, answer)
            .await
            .unwrap_or_else(|page| page),
        Err(error) => Page::failed(error.into()),
    };
    if let Err(error) = record(&state, &pending, &origin, Some(page)).await {
        tracing::error!(
            organization.id = %pending.organization_id,
            integration.id = %pending.integration_id,
            cause = chain(&error),
            "how a consent ended is not in the audit trail"
        );
    }
    let cookie = cookie::expired(&state, consent).map(|value| [(header::SET_COOKIE, value)]);
    match &pending.return_url {
        Some(url) => {
            let location = [(header::LOCATION, returned(url, &pending, page))];
            (StatusCode::SEE_OTHER, cookie, location, Page::HEADERS).into_response()
        }
        None => (cookie, page).into_response(),
    }
}

/// Records that a consent is about to be taken, or how that ended. The actor is who asked for it: who
/// consented is the provider's to know.
async fn record(
    state: &State,
    pending: &PendingConsent,
    origin: &Origin,
    end: Option<Page>,
) -> Result<(), AuditError> {
    let outcome = match end {
        None => AuditOutcome::Started,
        Some(page) if page.is_connected() => AuditOutcome::Succeeded,
        Some(_) => AuditOutcome::Refused,
    };
    let actor = Actor::user(&pending.asked_by);
    let mut entry = NewAuditEntry::new(actor, "grant.connect", outcome)
        .of(AuditSubject::new("integration", pending.integration_id))
        .from(origin);
    entry.code = end.map(|page| page.reason.to_owned());
    let recorded = state.trail.record(pending.organization_id, entry).await;
    recorded.map(|_| ())
}

/// Everything between a browser that is the right one, and a grant. What ends it is a page.
async fn finish(
    state: &State,
    consent: Digest,
    pending: &PendingConsent,
    answer: Answer,
) -> Result<Page, Page> {
    let (organization, integration) = (pending.organization_id, pending.integration_id);
    let connection = Connection::load(state, organization, integration).await;
    let connection = connection.map_err(Page::failed)?;
    connection.check_consent().map_err(Page::failed)?;
    if connection.basis() != pending.basis {
        return Err(Page::CHANGED);
    }
    check_issuer(state, &connection, answer.issuer.as_deref()).await?;
    let code = match answer.outcome {
        Outcome::Code(code) => code,
        Outcome::Error(refusal) => {
            tracing::info!(
                integration.id = %integration,
                refusal = ?refusal,
                "{integration} was not connected: nobody has consented"
            );
            return Err(Page::refused(refusal));
        }
    };
    let secrets = Secrets::open(state, consent, pending)
        .await
        .map_err(Page::failed)?;
    let new = exchange(state, &connection, pending, &secrets, &code).await?;
    let before = state.grants.read(organization, integration).await;
    let before = before.map_err(|error| Page::failed(error.into()))?;
    let before = before.and_then(|grant| grant.identity);
    let is_other = match (&before, &new.identity) {
        (Some(before), Some(now)) => {
            (&before.issuer, &before.subject) != (&now.issuer, &now.subject)
        }
        _ => false,
    };
    let grant = state.grants.connect(&connection.grant(), new).await;
    grant.map_err(|error| Page::failed(error.into()))?;
    let status = set_status(state, organization, integration, IntegrationStatus::Active).await;
    status.map_err(Page::failed)?;
    tracing::info!(
        organization.id = %organization,
        integration.id = %integration,
        account.changed = is_other,
        "{integration} is connected"
    );
    Ok(if is_other {
        Page::CONNECTED_OTHER
    } else {
        Page::CONNECTED
    })
}

/// Whether the answer is the integration's authorization server's (RFC 9207 section 2.4). One that
/// names its issuer has to name the one that is configured; where none is, it could be anybody's,
/// and its code would be shown to another.
async fn check_issuer(
    state: &State,
    connection: &Connection,
    named: Option<&str>,
) -> Result<(), Page> {
    let integration = connection.integration.id;
    let server = state.client.server(&connection.client(None)).await;
    let server = server.map_err(|error| Page::oauth(&error, integration))?;
    let has_to_name = server
        .metadata()
        .is_some_and(|metadata| metadata.authorization_response_iss_parameter_supported);
    let is_right = match (named, server.issuer()) {
        (Some(named), issuer) => issuer == Some(named),
        (None, _) => !has_to_name,
    };
    if is_right {
        return Ok(());
    }
    tracing::warn!(
        integration.id = %integration,
        "{integration} was not connected: the answer is another issuer's, or does not say whose"
    );
    Err(Page::ISSUER)
}

/// Exchanges the code, and finds out who has consented.
async fn exchange(
    state: &State,
    connection: &Connection,
    pending: &PendingConsent,
    secrets: &Secrets,
    code: &SecretString,
) -> Result<NewGrant, Page> {
    let integration = connection.integration.id;
    let client = connection.client(secrets.dpop_key());
    let request = TokenRequest::Code {
        code,
        verifier: &secrets.verifier,
        redirect_uri: &state.addresses.callback,
    };
    let reply = state.client.token(&client, request).await;
    let reply = reply.map_err(|error| Page::oauth(&error, integration))?;
    let identity = match &secrets.nonce {
        Some(nonce) => Some(identity::of(state, connection, &reply, nonce).await?),
        None => None,
    };
    let dpop_key = secrets
        .dpop_key()
        .map(|key| SecretSlice::from(key.to_vec()));
    Ok(NewGrant {
        dpop_key: dpop_key.filter(|_| reply.is_dpop),
        reply,
        identity,
        scopes_asked: pending.scopes.clone(),
    })
}

/// Where the browser goes, with what became of it. Only words of ours are added.
fn returned(url: &Url, pending: &PendingConsent, page: Page) -> String {
    let mut url = url.clone();
    let status = if page.is_connected() {
        "connected"
    } else {
        "failed"
    };
    url.query_pairs_mut()
        .append_pair("integrationId", &pending.integration_id.to_string())
        .append_pair("status", status);
    if page != Page::CONNECTED {
        url.query_pairs_mut().append_pair("reason", page.reason);
    }
    url.into()
}
