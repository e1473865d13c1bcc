use serde_json::Value;

use super::id_token::{algorithms, check_issued_at, subject};
use super::{IdentityError, Metadata};
use crate::domain::Timestamp;
use crate::jwt::{self, Claims, Compact, Expected, JwtError, KeySet, LEEWAY, TokenUse};

const WHAT: &str = "logout token";
/// OpenID Connect Back-Channel Logout 1.0 section 2.4.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What a logout token that is accepted says: at least one of subject and session is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    /// Who is signed out: everywhere, if no session is named.
    pub subject: Option<String>,
    /// Which session is over.
    pub session_id: Option<String>,
    /// Its `jti`. Who acts on a token remembers it until `expires_at` and the leeway have passed,
    /// since whoever sees one can send it again.
    pub token_id: String,
    /// When it is not accepted any more.
    pub expires_at: Timestamp,
}

/// Whether a text has the form of a logout token. Nothing of it is verified by that.
#[must_use]
pub fn may_be_logout_token(text: &str) -> bool {
    Compact::read(text).is_ok()
}

/// Verifies a logout token that was sent for `client_id` (OpenID Connect Back-Channel Logout 1.0
/// section 2.6) at `now`. Whether it was seen before is for the caller to find out.
///
/// # Errors
///
/// What is wrong with it, or that the keys cannot be had.
pub async fn verify_logout_token(
    token: &str,
    keys: &KeySet,
    metadata: &Metadata,
    client_id: &str,
    now: Timestamp,
) -> Result<LogoutToken, IdentityError> {
    let algorithms = algorithms(metadata);
    let expected = Expected {
        token_use: TokenUse::LogoutToken,
        issuer: &metadata.issuer,
        audience: client_id,
        algorithms: &algorithms,
        leeway: LEEWAY,
    };
    let claims = jwt::verify(token, keys, &expected, now).await;
    let read = claims.and_then(|claims| read(&claims, now));
    read.map_err(|error| IdentityError::of(WHAT, error))
}

fn read(claims: &Claims, now: Timestamp) -> Result<LogoutToken, JwtError> {
    check_issued_at(claims, now)?;
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(JwtError::Invalid("event"));
    }
    // So that it cannot be taken for an ID token, nor the other way round.
    if claims.get("nonce").is_some() {
        return Err(JwtError::Invalid("nonce"));
    }
    let token_id = claims.text("jti").filter(|id| !id.is_empty());
    let token_id = token_id.ok_or(JwtError::Invalid("no token id"))?;
    let session = match claims.get("sid") {
        None => None,
        Some(Value::String(session)) if !session.is_empty() => Some(session.clone()),
        Some(_) => return Err(JwtError::Invalid("session")),
    };
    let subject = match claims.get("sub") {
        None => None,
        Some(_) => Some(subject(claims).ok_or(JwtError::Invalid("subject"))?),
    };
    if session.is_none() && subject.is_none() {
        return Err(JwtError::Invalid("neither subject nor session"));
    }
    let expires = claims.second("exp")?.and_then(Timestamp::from_second);
    Ok(LogoutToken {
        subject: subject.map(str::to_owned),
        session_id: session,
        token_id: token_id.to_owned(),
        expires_at: expires.ok_or(JwtError::Invalid("time"))?,
    })
}
