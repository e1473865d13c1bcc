//! When credentials end, as far as it can be read in them: what is read is told to nobody but for
//! the instant.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::domain::{CredentialInfo, Timestamp};
use crate::egress::chain_ends_at;
use crate::vault::CredentialSet;

/// What may be told of credentials that are stored at `now` as `version`, and of which somebody says
/// that they end at `told`.
#[must_use]
pub fn credential_info(
    values: &CredentialSet,
    version: String,
    now: Timestamp,
    told: Option<Timestamp>,
) -> CredentialInfo {
    let mut info = CredentialInfo {
        version,
        fields: values.keys().cloned().collect(),
        created_at: now,
        last_used_at: None,
        expires_at: None,
        fields_expire_at: ends_of(values),
    };
    info.set_end(told);
    info
}

/// When each field ends that says so itself: certificates as PEM (the first of a chain to end), and
/// JSON Web Tokens with `exp` (RFC 7519 section 4.1.4). Keys do not say it.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "a date is read in what the value says of itself, and nothing else leaves"
)]
pub fn ends_of(values: &CredentialSet) -> BTreeMap<String, Timestamp> {
    let ends = values.iter().filter_map(|(name, value)| {
        let value = value.expose_secret();
        let end = chain_ends_at(value).or_else(|| token_ends_at(value))?;
        Some((name.clone(), end))
    });
    ends.collect()
}

/// Of a token's claims, the one that matters here.
#[derive(Deserialize)]
struct Claims {
    exp: f64,
}

/// The header of a token, by which it is told from any other text with points.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "alg")]
    _algorithm: serde::de::IgnoredAny,
}

/// The `exp` of a JSON Web Token that is not encrypted. Its signature is nobody's business here: who
/// has stored it knows where it is from.
fn token_ends_at(value: &str) -> Option<Timestamp> {
    let mut parts = value.trim().split('.');
    let (header, claims) = (parts.next()?, parts.next()?);
    let _signature = parts.next()?;
    if parts.next().is_some() {
        return None;
    }
    object::<Header>(header)?;
    seconds(object::<Claims>(claims)?.exp)
}

/// What the JSON object in this part of a token says.
fn object<T: DeserializeOwned>(part: &str) -> Option<T> {
    let text = Zeroizing::new(URL_SAFE_NO_PAD.decode(part).ok()?);
    // A list would do for a structure, too.
    let is_object = text.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(&text).ok())?
}

/// A `NumericDate` (RFC 7519 section 2), which may have a fraction.
fn seconds(date: f64) -> Option<Timestamp> {
    // The year 9999: later is no date, and neither is NaN.
    const LAST: f64 = 253_402_300_799.0;
    if !(0.0..=LAST).contains(&date) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "below 2^53, and a fraction of a second may go"
    )]
    let whole = date as i64;
    Timestamp::from_second(whole)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use serde_json::{Value, json};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn token(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2lnbmF0dXJl", part(header), part(claims))
    }

    fn signed(claims: &Value) -> String {
        token(&json!({"alg": "RS256"}), claims)
    }

    fn certificate() -> String {
        let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.not_after = date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    fn values(fields: &[(&str, &str)]) -> CredentialSet {
        let fields = fields.iter();
        fields
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect()
    }

    #[test]
    fn certificates_and_tokens_say_when_they_end() {
        let (certificate, token) = (certificate(), signed(&json!({"exp": 1_893_456_000.5})));
        let key = KeyPair::generate().unwrap().serialize_pem();
        let values = values(&[
            ("apiKey", &token),
            ("clientCertificate", &certificate),
            ("clientKey", &key),
            ("password", "a.b.c"),
        ]);
        let ends = ends_of(&values);
        let names: Vec<_> = ends.keys().map(String::as_str).collect();
        assert_eq!(names, ["apiKey", "clientCertificate"]);
        assert!(ends.values().all(|end| *end == at("2030-01-01T00:00:00Z")));
    }

    #[test]
    fn the_first_end_is_that_of_all() {
        let values = values(&[("clientCertificate", &certificate())]);
        let now = at("2026-01-01T00:00:00Z");
        let info = |told: Option<&str>| {
            let info = credential_info(&values, "v".to_owned(), now, told.map(at));
            info.expires_at.unwrap().to_string()
        };
        assert_eq!(info(None), "2030-01-01T00:00:00.000Z");
        assert_eq!(
            info(Some("2031-01-01T00:00:00Z")),
            "2030-01-01T00:00:00.000Z"
        );
        assert_eq!(
            info(Some("2029-01-01T00:00:00Z")),
            "2029-01-01T00:00:00.000Z"
        );
    }

    #[test]
    fn what_is_no_token_with_an_end_has_none() {
        let encrypted = format!("{}.d.e", signed(&json!({"exp": 1_893_456_000})));
        for value in [
            "",
            "secret",
            "a.b",
            "e30.e30.e30",
            encrypted.as_str(),
            &signed(&json!({})),
            &signed(&json!({"exp": "2030"})),
            &signed(&json!({"exp": -1})),
            &signed(&json!({"exp": 1e300})),
            &signed(&json!([1])),
            &token(&json!({"no": "alg"}), &json!({"exp": 1_893_456_000})),
        ] {
            assert_eq!(token_ends_at(value), None, "{value}");
        }
    }
}
