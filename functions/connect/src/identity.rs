use gatehouse::domain::GrantIdentity;
use gatehouse::oauth::{IdTokenCheck, TokenReply, verify_id_token};
use secrecy::{ExposeSecret as _, SecretString};

use crate::State;
use crate::connection::Connection;
use crate::page::Page;

/// Who has consented, as the ID token says that came with the tokens. Where `openid` was asked for,
/// there has to be one (OpenID Connect Core 1.0 section 3.1.3.3).
#[expect(
    clippy::disallowed_methods,
    reason = "the nonce is compared with the token's, and a client's id is no secret"
)]
pub(crate) async fn of(
    state: &State,
    connection: &Connection,
    reply: &TokenReply,
    nonce: &SecretString,
) -> Result<GrantIdentity, Page> {
    let integration = connection.integration.id;
    let refused = |cause: &dyn std::fmt::Display| {
        tracing::warn!(
            integration.id = %integration,
            cause = %cause,
            "{integration} was not connected: the ID token"
        );
        Page::IDENTITY
    };
    let token = reply.id_token.as_ref();
    let token = token.ok_or_else(|| refused(&"there is none"))?;
    let client = connection.credentials.get("clientId");
    let client = client.map_or("", |id| id.expose_secret());
    let server = state.client.server(&connection.client(None)).await;
    let server = server.map_err(|error| Page::oauth(&error, integration))?;
    let metadata = server.metadata();
    let metadata = metadata.ok_or_else(|| refused(&"no issuer is configured"))?;
    let keys = state
        .client
        .metadata()
        .keys(metadata, &connection.tls)
        .await;
    let keys = keys.map_err(|error| Page::oauth(&error, integration))?;
    let check = IdTokenCheck {
        metadata,
        client_id: client,
        nonce: Some(nonce.expose_secret()),
        max_age: None,
        access_token: Some(&reply.access_token),
        // Who connects again may be another: he is shown, and not refused.
        subject: None,
    };
    let verified = verify_id_token(token, &keys, &check, state.sources.now()).await;
    let verified = verified.map_err(|error| refused(&error))?;
    Ok(GrantIdentity {
        issuer: metadata.issuer.clone(),
        subject: verified.subject,
        sid: verified.session_id,
    })
}
