//! OpenID Connect Back-Channel Logout 1.0: a provider tells that somebody has signed out.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use gatehouse::domain::{
    Actor, AuditOutcome, AuditSubject, Error, IntegrationId, NewAuditEntry, OrganizationId,
};
use gatehouse::flows::grants::LoggedOut;
use gatehouse::oauth::{LogoutToken, may_be_logout_token, verify_logout_token};
use gatehouse::store::Digest;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret as _;
use serde_json::json;
use zeroize::Zeroizing;

use crate::State;
use crate::connection::{Connection, Found};

/// How long after its end a token is remembered: longer than clocks differ.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
const FORM: &str = "application/x-www-form-urlencoded";

/// Why a logout does not count.
enum Refused {
    /// The token is not in order, or was seen before. Which of these is not told.
    Token,
    /// We cannot say, for the moment.
    Unavailable(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(_) | Error::Conflict(_) => Self::Token,
            other => Self::Unavailable(other),
        }
    }
}

/// Takes a logout token, once, and ends the grant of whom it names.
pub(crate) async fn take(
    Shared(state): Shared<State>,
    Path((organization, integration)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Section 2.8 asks for this on every answer.
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let (organization, integration) = (organization.parse(), integration.parse());
    let result = match (organization, integration, token(&headers, &body)) {
        (Ok(organization), Ok(integration), Some(token)) => {
            end(&state, (organization, integration), &token).await
        }
        _ => Err(Refused::Token),
    };
    match result {
        Ok(()) => (StatusCode::OK, no_store).into_response(),
        Err(Refused::Token) => {
            let body = axum::Json(json!({"error": "invalid_request"}));
            (StatusCode::BAD_REQUEST, no_store, body).into_response()
        }
        Err(Refused::Unavailable(error)) => gatehouse::http::ApiError::from(error).into_response(),
    }
}

/// The token of a form that has it once (section 2.5).
fn token(headers: &HeaderMap, body: &[u8]) -> Option<Zeroizing<String>> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next()?.trim();
    let mut pairs = form_urlencoded::parse(body);
    let mut tokens = pairs
        .by_ref()
        .filter(|(name, _)| name == "logout_token")
        .map(|(_, value)| Zeroizing::new(value.into_owned()));
    let token = tokens.next()?;
    (kind.eq_ignore_ascii_case(FORM) && tokens.next().is_none()).then_some(token)
}

async fn end(
    state: &State,
    (organization, integration): (OrganizationId, IntegrationId),
    token: &str,
) -> Result<(), Refused> {
    // Anybody may send something: what costs little is looked at first.
    if !may_be_logout_token(token) {
        return Err(Refused::Token);
    }
    let found = Found::read(state, organization, integration).await?;
    if found.config.issuer.is_none() {
        return Err(Refused::Token);
    }
    let connection = found.with_credentials(state).await?;
    let (issuer, said) = verified(state, &connection, token).await?;
    let digest = Digest::of_parts(&[issuer.as_bytes(), said.token_id.as_bytes()]);
    let seen = state
        .store
        .has_seen_logout(organization, integration, digest);
    if seen.await.map_err(Error::from)? {
        return Err(Refused::Token);
    }
    let who = LoggedOut {
        issuer: &issuer,
        subject: said.subject.as_deref(),
        sid: said.session_id.as_deref(),
    };
    let entry = NewAuditEntry::new(
        Actor::system("connect"),
        "grant.log_out",
        AuditOutcome::Started,
    )
    .of(AuditSubject::new("integration", integration));
    let recorded = state.trail.record(organization, entry).await;
    recorded.map_err(Error::from)?;
    // First the effect, which may come twice, and then the memory: what is killed in between is
    // sent again by the provider.
    let ended = state.grants.log_out(organization, integration, who).await;
    let ended = ended.map_err(Error::from)?;
    let (now, until) = (state.sources.now(), said.expires_at.plus(REMEMBERED));
    let remembered = state
        .store
        .remember_logout(organization, integration, digest, now, until);
    remembered.await.map_err(Error::from)?;
    tracing::info!(
        organization.id = %organization,
        integration.id = %integration,
        grant.ended = ended,
        "the provider of {integration} tells of a sign-out"
    );
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a client's id is no secret")]
async fn verified(
    state: &State,
    connection: &Connection,
    token: &str,
) -> Result<(String, LogoutToken), Refused> {
    let integration = connection.integration.id;
    let unavailable =
        |error: gatehouse::domain::Cause| Refused::Unavailable(Error::Unavailable(error));
    let server = state.client.server(&connection.client(None)).await;
    let server = server.map_err(|error| unavailable(error.into()))?;
    let metadata = server.metadata().ok_or(Refused::Token)?;
    let keys = state
        .client
        .metadata()
        .keys(metadata, &connection.tls)
        .await;
    let keys = keys.map_err(|_| Refused::Token)?;
    let client = connection.credentials.get("clientId");
    let client = client.ok_or(Refused::Token)?.expose_secret();
    let now = state.sources.now();
    match verify_logout_token(token, &keys, metadata, client, now).await {
        Ok(said) => Ok((metadata.issuer.clone(), said)),
        Err(error) if error.is_transient() => Err(unavailable(error.into())),
        Err(error) => {
            tracing::info!(
                integration.id = %integration,
                cause = %error,
                "a sign-out that the provider of {integration} is said to tell of does not count"
            );
            Err(Refused::Token)
        }
    }
}
