use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{IdentityError, Metadata, OauthError};
use crate::domain::Timestamp;
use crate::egress::{Egress, OutboundRequest, OutboundResponse, TlsSettings};
use crate::jwt::{self, Expected, KeySet, LEEWAY, TokenUse};

const WHAT: &str = "answer of the UserInfo endpoint";
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A question to the UserInfo endpoint (OpenID Connect Core 1.0 section 5.3).
#[derive(Clone, Copy, Debug)]
pub struct UserInfoRequest<'a> {
    /// Of the issuer that is asked.
    pub metadata: &'a Metadata,
    /// The issuer's keys, for an answer that is signed.
    pub keys: &'a KeySet,
    /// The client that asks.
    pub client_id: &'a str,
    /// The access token that came with the ID token.
    pub access_token: &'a SecretString,
    /// The proof of possession, where the access token is bound to a key (RFC 9449 section 7.1).
    pub proof: Option<&'a HeaderValue>,
    /// The `sub` of the ID token.
    pub subject: &'a str,
    /// What is asked of TLS.
    pub tls: &'a TlsSettings,
    /// How long it may take.
    pub timeout: Duration,
}

/// What the UserInfo endpoint says of the subject: claims by name, `sub` among them.
///
/// # Errors
///
/// If it cannot be asked, or its answer is not a JSON object or a token signed by the issuer for this
/// client, or is about somebody else (Core section 5.3.2): an access token may have been swapped.
/// Encrypted answers are not taken.
pub async fn userinfo(
    egress: &Egress,
    request: &UserInfoRequest<'_>,
    now: Timestamp,
) -> Result<Map<String, Value>, IdentityError> {
    let answer = ask(egress, request).await?;
    let claims = match media_type(&answer).as_deref() {
        Some("application/json") => serde_json::from_slice(&answer.body)
            .map_err(|_| OauthError::Unreadable("it is no JSON object"))?,
        Some("application/jwt") => signed(&answer, request, now).await?,
        _ => {
            let why = "it is neither application/json nor application/jwt";
            return Err(OauthError::Unreadable(why).into());
        }
    };
    match claims.get("sub") {
        Some(Value::String(subject)) if subject == request.subject => Ok(claims),
        Some(_) => Err(refused("it is about another subject")),
        None => Err(refused("it names no subject")),
    }
}

fn refused(why: &'static str) -> IdentityError {
    IdentityError::Refused { what: WHAT, why }
}

async fn ask(
    egress: &Egress,
    request: &UserInfoRequest<'_>,
) -> Result<OutboundResponse, OauthError> {
    let endpoint = request.metadata.userinfo_endpoint.clone();
    let endpoint = endpoint.ok_or(OauthError::Configuration(
        "the metadata name no UserInfo endpoint",
    ))?;
    let mut call = OutboundRequest::new(Method::GET, endpoint, request.timeout);
    call.max_response_bytes = MAX_ANSWER_BYTES;
    call.tls = request.tls.clone();
    let accept = HeaderValue::from_static("application/json, application/jwt");
    call.headers.insert(header::ACCEPT, accept);
    let scheme = if let Some(proof) = request.proof {
        call.headers.insert(DPOP, proof.clone());
        "DPoP"
    } else {
        "Bearer"
    };
    #[expect(clippy::disallowed_methods, reason = "onto the call that it is for")]
    let value = Zeroizing::new(format!("{scheme} {}", request.access_token.expose_secret()));
    let mut value = HeaderValue::try_from(value.as_str())
        .map_err(|_| OauthError::Unreadable("its access token fits into no header"))?;
    value.set_sensitive(true);
    call.headers.insert(header::AUTHORIZATION, value);
    let answer = egress.send(call).await?;
    if answer.status != http::StatusCode::OK {
        return Err(OauthError::Refused {
            status: answer.status.as_u16(),
            code: None,
        });
    }
    if answer.truncated {
        return Err(OauthError::Unreadable("it is too large"));
    }
    Ok(answer)
}

fn media_type(answer: &OutboundResponse) -> Option<String> {
    let value = answer.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media_type = value.split(';').next()?;
    Some(media_type.trim().to_ascii_lowercase())
}

/// Core section 5.3.2: signed answers name their issuer, and the client that they are for.
async fn signed(
    answer: &OutboundResponse,
    request: &UserInfoRequest<'_>,
    now: Timestamp,
) -> Result<Map<String, Value>, IdentityError> {
    let unreadable = |_| OauthError::Unreadable("it is no text");
    let token = std::str::from_utf8(&answer.body).map_err(unreadable)?;
    let expected = Expected {
        token_use: TokenUse::UserInfo,
        issuer: &request.metadata.issuer,
        audience: request.client_id,
        algorithms: &[],
        leeway: LEEWAY,
    };
    let claims = jwt::verify(token.trim(), request.keys, &expected, now).await;
    let claims = claims.map_err(|error| IdentityError::of(WHAT, error))?;
    Ok(claims.into_map())
}
