//! The header and the claims of an access token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::AccessError;
use crate::config::AccessSettings;
use crate::domain::{OrganizationId, Timestamp};

/// By how much the issuer's clock and ours may differ, in seconds.
const LEEWAY: i64 = 30;

/// What we read of a header (RFC 7515 section 4.1).
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
    #[serde(default, deserialize_with = "is_there")]
    b64: bool,
}

/// Whatever the value is, `null` too: no extension is understood here.
fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Header {
    /// Reads the header of a token in compact form.
    pub(super) fn of(token: &str) -> Result<Self, AccessError> {
        let (header, _) = token.split_once('.').ok_or(AccessError::Invalid("form"))?;
        let bytes = URL_SAFE_NO_PAD
            .decode(header)
            .map_err(|_| AccessError::Invalid("form"))?;
        let header: Self =
            serde_json::from_slice(&bytes).map_err(|_| AccessError::Invalid("header"))?;
        if header.crit || header.b64 {
            return Err(AccessError::Invalid("critical extension"));
        }
        // RFC 9068 section 4; plain `JWT` and none are what most issuers send.
        let typ = header.typ.as_deref().map(str::to_ascii_lowercase);
        match typ.as_deref() {
            None | Some("jwt" | "at+jwt" | "application/at+jwt") => Ok(header),
            Some(_) => Err(AccessError::Invalid("type")),
        }
    }
}

/// Checks the claims of a token whose signature holds, and reads who calls.
pub(super) fn check(
    claims: &Map<String, Value>,
    settings: &AccessSettings,
    now: Timestamp,
) -> Result<(OrganizationId, String), AccessError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(settings.issuer.as_str()) {
        return Err(AccessError::Invalid("issuer"));
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::String(audience)) => *audience == settings.audience,
        Some(Value::Array(audiences)) => audiences
            .iter()
            .any(|audience| audience.as_str() == Some(settings.audience.as_str())),
        _ => false,
    };
    if !is_for_us {
        return Err(AccessError::Invalid("audience"));
    }
    check_times(claims, now.as_second())?;
    let subject = text("sub").filter(|subject| !subject.is_empty());
    let subject = subject.ok_or(AccessError::Invalid("subject"))?;
    let organization = text(&settings.organization_claim).and_then(|claim| claim.parse().ok());
    Ok((
        organization.ok_or(AccessError::NoOrganization)?,
        subject.to_owned(),
    ))
}

fn check_times(claims: &Map<String, Value>, now: i64) -> Result<(), AccessError> {
    let expires = instant(claims, "exp")?.ok_or(AccessError::Invalid("no expiry"))?;
    if expires.saturating_add(LEEWAY) <= now {
        return Err(AccessError::Invalid("expired"));
    }
    for name in ["nbf", "iat"] {
        if instant(claims, name)?.is_some_and(|at| at.saturating_sub(LEEWAY) > now) {
            return Err(AccessError::Invalid("not valid yet"));
        }
    }
    Ok(())
}

/// A NumericDate (RFC 7519 section 2), which may have a fraction.
fn instant(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, AccessError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, which is what is wanted"
    )]
    let fraction = || value.as_f64().map(|seconds| seconds.floor() as i64);
    value
        .as_i64()
        .or_else(fraction)
        .map(Some)
        .ok_or(AccessError::Invalid("time"))
}
