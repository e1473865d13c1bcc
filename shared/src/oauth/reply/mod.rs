//! What is made of a token endpoint's answer (RFC 6749 sections 5.1 and 5.2).
//!
//! Where a token is only to be read from an odd answer, it is: a refresh token that may be used
//! once is spent, and what is not read of the answer to it is lost. Hence a lifetime or a scope
//! that makes no sense is left out, and does not fail the whole.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{OauthError, TokenReply};
use crate::domain::Timestamp;
use crate::egress::OutboundResponse;

/// What fits into the headers that servers take.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
const MAX_SCOPES: usize = 256;

/// The codes of the standards (RFC 6749 section 5.2, RFC 8707, RFC 9126, RFC 9449), and of OpenID
/// Connect. Others are not passed on: their text is the server's.
const CODES: [&str; 19] = [
    "access_denied",
    "authorization_pending",
    "consent_required",
    "interaction_required",
    "invalid_client",
    "invalid_dpop_proof",
    "invalid_grant",
    "invalid_request",
    "invalid_request_object",
    "invalid_scope",
    "invalid_target",
    "invalid_token",
    "login_required",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
    "use_dpop_nonce",
];
/// How GitHub and Slack, which answer with status 200, say `invalid_grant`.
const INVALID_GRANT: [&str; 6] = [
    "invalid_grant",
    "bad_refresh_token",
    "bad_verification_code",
    "invalid_refresh_token",
    "invalid_code",
    "code_already_used",
];

/// A text, or anything else, which is no text.
#[derive(Default)]
struct Secret(Option<SecretString>);

impl Secret {
    /// The text, if it can be a token: the characters of headers, without spaces.
    #[expect(clippy::disallowed_methods, reason = "only its form is looked at")]
    fn token(self) -> Option<SecretString> {
        self.0.filter(|text| {
            let text = text.expose_secret();
            (1..=MAX_TOKEN_BYTES).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_graphic())
        })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret(Some(SecretString::from(text))))
    }

    fn visit_unit<E>(self) -> Result<Secret, E> {
        Ok(Secret(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Secret, E> {
        Ok(Secret(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Secret, E> {
        Ok(Secret(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Secret, E> {
        Ok(Secret(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Secret, E> {
        Ok(Secret(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Secret, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Secret(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Secret, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Secret(None))
    }
}

/// A member twice makes the whole unreadable: which of them counts would be a guess.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    error: Value,
    ok: Value,
    access_token: Secret,
    token_type: Value,
    refresh_token: Secret,
    id_token: Secret,
    expires_in: Value,
    refresh_token_expires_in: Value,
    /// Keycloak's name of it.
    refresh_expires_in: Value,
    /// Intuit's.
    x_refresh_token_expires_in: Value,
    scope: Value,
}

/// Whether the answer asks for a nonce that it brings (RFC 9449 section 8).
pub(super) fn asks_for_nonce(response: &OutboundResponse) -> bool {
    object::<Answer>(&response.body)
        .is_some_and(|answer| answer.error.as_str() == Some("use_dpop_nonce"))
}

/// Reads an answer to what was asked at `asked_at`. `wants_dpop`: that the token is bound to a
/// key, and no other will do.
pub(super) fn read(
    response: &OutboundResponse,
    wants_dpop: bool,
    asked_at: Timestamp,
) -> Result<TokenReply, OauthError> {
    if response.truncated {
        return Err(OauthError::Unreadable("it is too large"));
    }
    if !response.status.is_success() {
        return Err(refusal(response));
    }
    let unreadable = OauthError::Unreadable("it is no JSON object with each member once");
    let answer: Answer = object(&response.body).ok_or(unreadable)?;
    if !answer.error.is_null() || answer.ok == Value::Bool(false) {
        return Err(error_of(response.status, &answer));
    }
    let is_dpop = is_dpop(&answer)?;
    if wants_dpop && !is_dpop {
        return Err(OauthError::Unreadable("its token is not bound to the key"));
    }
    let refresh_token_expires_in = [
        &answer.refresh_token_expires_in,
        &answer.refresh_expires_in,
        &answer.x_refresh_token_expires_in,
    ];
    let refresh_token_expires_in = refresh_token_expires_in.into_iter().find_map(seconds);
    Ok(TokenReply {
        is_dpop,
        expires_in: seconds(&answer.expires_in),
        // 0: that it does not lapse, as Keycloak has it.
        refresh_token_expires_in: refresh_token_expires_in.filter(|lasts| !lasts.is_zero()),
        scopes: scopes(&answer.scope),
        access_token: (answer.access_token.token())
            .ok_or(OauthError::Unreadable("it has no access token"))?,
        refresh_token: answer.refresh_token.token(),
        id_token: answer.id_token.token(),
        asked_at,
    })
}

/// Why an answer without success refuses.
pub(super) fn refusal(response: &OutboundResponse) -> OauthError {
    let answer = object(&response.body).unwrap_or_default();
    error_of(response.status, &answer)
}

/// Reads a JSON object. `serde` alone would also read a list, by the order of the members.
pub(super) fn object<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Option<T> {
    let first = body.trim_ascii_start().first();
    serde_json::from_slice(body)
        .ok()
        .filter(|_| first == Some(&b'{'))
}

fn error_of(status: StatusCode, answer: &Answer) -> OauthError {
    let said = answer.error.as_str().unwrap_or_default();
    let code = CODES.into_iter().find(|code| *code == said);
    // What a gateway before the server says in its trouble ends no grant.
    let is_final = matches!(status.as_u16(), 200..=299 | 400..=499)
        && !matches!(status.as_u16(), 408 | 425 | 429);
    match code {
        _ if is_final && INVALID_GRANT.contains(&said) => OauthError::InvalidGrant,
        Some(code @ ("invalid_client" | "unauthorized_client")) if is_final => {
            OauthError::InvalidClient(code)
        }
        code => OauthError::Refused {
            status: status.as_u16(),
            code,
        },
    }
}

/// Which of the two types that can be used a token is of; an answer that does not say is taken as
/// `Bearer`. Slack calls its bearer tokens by whom they act for.
fn is_dpop(answer: &Answer) -> Result<bool, OauthError> {
    let other = OauthError::Unreadable("its token is of another type");
    let kind = match &answer.token_type {
        Value::Null => return Ok(false),
        Value::String(kind) => kind,
        _ => return Err(other),
    };
    let is_slacks = answer.ok == Value::Bool(true) && matches!(kind.as_str(), "bot" | "user");
    if kind.eq_ignore_ascii_case("bearer") || is_slacks {
        Ok(false)
    } else if kind.eq_ignore_ascii_case("dpop") {
        Ok(true)
    } else {
        Err(other)
    }
}

/// A number of seconds, or the text of one.
fn seconds(value: &Value) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Duration::try_from_secs_f64(number?).ok()
}

/// Scopes as a text with spaces (RFC 6749 section 3.3), as one with commas, or as a list.
fn scopes(value: &Value) -> Option<Vec<String>> {
    let texts: Vec<&str> = match value {
        Value::String(text) if text.contains(char::is_whitespace) => {
            text.split_whitespace().collect()
        }
        Value::String(text) => text.split(',').collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .flat_map(str::split_whitespace)
            .collect(),
        _ => return None,
    };
    let texts = texts.into_iter().map(|text| text.trim_matches(','));
    let texts = texts.filter(|text| !text.is_empty() && !text.contains(char::is_control));
    let mut scopes: Vec<String> = Vec::new();
    for text in texts.take(MAX_SCOPES) {
        if !scopes.iter().any(|scope| scope == text) {
            scopes.push(text.to_owned());
        }
    }
    Some(scopes)
}

#[cfg(test)]
mod tests;
