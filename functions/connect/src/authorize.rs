use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{
    ConsentTicket, Error, FieldError, IntegrationId, PendingConsent, Timestamp,
};
use gatehouse::flows::grants::GrantError;
use gatehouse::http::{ApiError, Json, PathId};
use gatehouse::oauth::random_secret;
use gatehouse::vault::SealContext;
use http::{StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::State;
use crate::connection::Connection;
use crate::consent::{self, LIFETIME, Secrets};
use crate::cookie::Binding;

const MAX_SCOPES: usize = 100;
const MAX_RETURN_URL_BYTES: usize = 2048;

/// What somebody is asked to consent to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewAuthorization {
    /// The scopes; those of `authConfig`, if not given.
    #[schema(max_items = 100)]
    pub(crate) scopes: Option<Vec<String>>,
    /// Where the browser is sent afterwards, with `status=connected` or `status=failed` added to
    /// its query. Its origin has to be one that the deployment names. If not given, a page says it.
    #[schema(max_length = 2048)]
    pub(crate) return_url: Option<Url>,
}

/// Where consent is asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Authorization {
    /// The provider's page, for the browser that gets the cookie of this answer.
    pub(crate) authorization_url: Url,
    /// A link for another browser, which works once. Whoever follows it is asked to consent.
    pub(crate) start_url: Url,
    /// Until when an answer is taken.
    pub(crate) expires_at: Timestamp,
}

/// Begins a consent.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    body: Option<Json<NewAuthorization>>,
) -> Result<impl IntoResponse, ApiError> {
    let body = body.map(|Json(body)| body).unwrap_or_default();
    let connection = Connection::load(&state, caller.organization_id, integration).await?;
    connection.check_consent()?;
    let scopes = check(&state, &connection, &body)?;
    let is_openid = scopes.iter().any(|scope| scope == "openid");
    let client = connection.client(None);
    let server = state.client.server(&client).await;
    let server = server.map_err(|error| Error::from(GrantError::from(error)))?;
    let secrets = Secrets::new(&state, is_openid, server.wants_dpop())?;
    let secret = random_secret(state.sources.randomness.as_ref());
    let url = secrets.url(&state, &connection, (&secret, &scopes)).await;
    let authorization_url = url.map_err(|error| Error::from(GrantError::from(error)))?;
    let consent = consent::digest(&secret);
    let binding = Binding::new(&state, consent);
    let now = state.sources.now();
    let expires_at = now.plus(LIFETIME);
    let pending = PendingConsent {
        organization_id: caller.organization_id,
        integration_id: integration,
        asked_by: caller.subject.clone(),
        asked_at: now,
        scopes,
        return_url: body.return_url,
        basis: connection.basis(),
        browser: binding.digest(),
        sealed: secrets.seal(&state, &connection, consent).await?,
    };
    let created = state.store.create_consent(consent, &pending, expires_at);
    created.await.map_err(Error::from)?;
    let answer = Authorization {
        authorization_url,
        start_url: ticket(&state, &pending, &secret, expires_at).await?,
        expires_at,
    };
    let cookie = binding.header().map(|value| [(header::SET_COOKIE, value)]);
    Ok((StatusCode::CREATED, cookie, Json(answer)))
}

/// Keeps a link to the consent, and says what it is.
#[expect(
    clippy::disallowed_methods,
    reason = "the state is sealed, and the ticket handed out"
)]
async fn ticket(
    state: &State,
    pending: &PendingConsent,
    secret: &SecretString,
    expires_at: Timestamp,
) -> Result<Url, Error> {
    let ticket = random_secret(state.sources.randomness.as_ref());
    let digest = consent::digest(&ticket);
    let context = SealContext::ConsentTicket { ticket: digest };
    let text = secret.expose_secret().as_bytes();
    let sealed = state
        .keys
        .seal(pending.organization_id, &context, text)
        .await?;
    let link = ConsentTicket {
        organization_id: pending.organization_id,
        integration_id: pending.integration_id,
        sealed,
    };
    let created = state.store.create_consent_ticket(digest, &link, expires_at);
    created.await?;
    Ok(state.addresses.start(ticket.expose_secret()))
}

/// Checks what is asked for; answers the scopes.
fn check(
    state: &State,
    connection: &Connection,
    body: &NewAuthorization,
) -> Result<Vec<String>, Error> {
    let mut errors = Vec::new();
    let given = body.scopes.clone();
    let scopes = given.unwrap_or_else(|| connection.config.scopes.clone());
    if scopes.len() > MAX_SCOPES {
        errors.push(FieldError::new("/scopes", "expected at most 100"));
    }
    for (index, scope) in scopes.iter().take(MAX_SCOPES).enumerate() {
        if let Err(message) = gatehouse::domain::check_scope(scope) {
            errors.push(FieldError::new(format!("/scopes/{index}"), message));
        }
    }
    if scopes.iter().any(|scope| scope == "openid") && connection.config.issuer.is_none() {
        let message =
            "`openid` needs `authConfig.issuer`: without it an ID token cannot be verified";
        errors.push(FieldError::new("/scopes", message));
    }
    if let Some(url) = &body.return_url
        && (url.as_str().len() > MAX_RETURN_URL_BYTES || !state.addresses.may_return_to(url))
    {
        let message = "expected a URL of an origin that the deployment names (`ReturnOrigins`)";
        errors.push(FieldError::new("/returnUrl", message));
    }
    if errors.is_empty() {
        Ok(scopes)
    } else {
        Err(Error::Invalid(errors))
    }
}
