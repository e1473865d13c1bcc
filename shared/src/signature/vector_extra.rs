//! What a vector's configuration besides its secret is to an endpoint.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderName;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::keys::P256_SPKI;
use super::{
    HandshakeResponse, KeyLocation, PublishedKey, PublishedKeys, SchemeSettings, SigningSecret,
    key_of_certificate,
};
use crate::catalog::{Coded, Need, Scheme, Verification};
use crate::jwt::VerificationKey;

type Extra = Map<String, Value>;

/// What an endpoint would have for settings.
pub(super) fn settings(scheme: &Scheme, extra: &Extra) -> SchemeSettings {
    let text = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| extra.get(*name));
        found.find_map(Value::as_str).map(str::to_owned)
    };
    let used = |name: &str| {
        let mut settings = scheme.coded_settings().iter();
        settings.any(|setting| setting.name == name)
    };
    let setting = |name: &str, names: &[&str]| used(name).then(|| text(names)).flatten();
    let url = text(&["notification_url", "callback_url", "public_url", "url"]);
    SchemeSettings {
        url: url.filter(|_| scheme.signs_url()),
        topic_arn: setting("topicArn", &["topic_arn"]),
        webhook_id: setting("webhookId", &["webhook_id"]),
        audience: setting("audience", &["audience"]),
        service_account: setting("serviceAccount", &["service_account_email"]),
        tenant_id: setting("tenantId", &["tenant_id"]),
        public_key: setting("publicKey", &["public_key"]),
        verify_token: setting("verifyToken", &["verify_token"]),
        organization_id: setting("organizationId", &["organization_id"]),
        base_url: setting("baseUrl", &["base_url"]),
        ..SchemeSettings::default()
    }
}

/// The secrets of an endpoint, the one that the vector calls so first.
pub(super) fn secrets(
    scheme: &Scheme,
    configured: Option<SigningSecret>,
    extra: &Extra,
) -> Vec<SigningSecret> {
    let texts = |name: &str| -> Vec<String> {
        let values: Vec<&Value> = match extra.get(name) {
            Some(Value::Object(members)) => members.values().collect(),
            Some(Value::Array(items)) => items.iter().collect(),
            Some(value) => vec![value],
            None => Vec::new(),
        };
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        values.into_iter().map(text).collect()
    };
    let mut found: Vec<String> = match &scheme.verification {
        Verification::Code { module, .. } => match module {
            Coded::MicrosoftGraphEncrypted | Coded::MicrosoftGraphRich => {
                texts("private_key_pkcs8_base64_by_cert_id")
            }
            Coded::Plaid => plaid_keys(extra),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    for name in [
        "secondary_key",
        "secondary_secret",
        "secret2",
        "second_key",
        "secondary",
    ] {
        found.extend(texts(name));
    }
    let found = found
        .into_iter()
        .map(|text| SigningSecret::from(SecretString::from(text)));
    match scheme.secret() {
        Need::None => Vec::new(),
        Need::Optional => found.collect(),
        Need::Required | Need::InBand => configured.into_iter().chain(found).collect(),
    }
}

/// Plaid's keys as it would give them out.
fn plaid_keys(extra: &Extra) -> Vec<String> {
    let mut keys = Vec::new();
    for name in ["jwk", "jwks", "jwk_by_kid", "jwks_by_kid"] {
        match extra.get(name) {
            Some(Value::Object(set)) if set.contains_key("keys") => {
                let set = set.get("keys").and_then(Value::as_array);
                keys.extend(set.into_iter().flatten().map(Value::to_string));
            }
            Some(key @ Value::Object(members)) if members.contains_key("kty") => {
                keys.push(key.to_string());
            }
            Some(Value::Object(members)) => keys.extend(members.values().map(Value::to_string)),
            Some(Value::Array(items)) => keys.extend(items.iter().map(Value::to_string)),
            _ => {}
        }
    }
    let pems = extra.get("jwks_pem_by_kid").and_then(Value::as_object);
    let of_pem = |(id, pem): (&String, &Value)| {
        let der = der_of_pem(pem.as_str()?)?;
        let point = der.strip_prefix(&P256_SPKI)?;
        let coordinate = |range| point.get(range).map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let key = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id,
            "x": coordinate(1..33)?, "y": coordinate(33..65)?,
        });
        Some(key.to_string())
    };
    keys.extend(pems.into_iter().flatten().filter_map(of_pem));
    keys
}

fn der_of_pem(pem: &str) -> Option<Vec<u8>> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).ok()
}

/// An RSA key as its provider would publish it.
fn rsa_key(id: &str, pem: &str) -> Option<VerificationKey> {
    let der = der_of_pem(pem)?;
    let (spki, _) = der_value(0x30, &der)?;
    let (_, bits) = der_value(0x30, spki)?;
    let (bits, _) = der_value(0x03, bits)?;
    let (key, _) = der_value(0x30, bits.strip_prefix(&[0])?)?;
    let (modulus, rest) = der_value(0x02, key)?;
    let (exponent, _) = der_value(0x02, rest)?;
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes.strip_prefix(&[0]).unwrap_or(bytes));
    VerificationKey::from_jwk(&json!({
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": id,
        "n": number(modulus), "e": number(exponent),
    }))
}

/// The contents of a DER value with this tag, and what comes after it.
fn der_value(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first().filter(|_| found == tag)?;
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let digits = digits.iter().filter(|_| digits.len() <= 4);
            (
                digits.fold(0, |sum, digit| sum << 8 | usize::from(*digit)),
                rest,
            )
        }
    };
    rest.split_at_checked(length)
}

/// The keys that the provider would publish, where it would publish them. What is elsewhere is not
/// to be fetched at all.
pub(super) fn keys(extra: &Extra) -> PublishedKeys {
    let object = |name: &str| {
        extra
            .get(name)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    let mut keys = PublishedKeys::default();
    for (url, pem) in object("cert_by_url") {
        let key = pem
            .as_str()
            .and_then(|pem| key_of_certificate(pem.as_bytes()));
        let key = key.map_or(PublishedKey::Absent, PublishedKey::Rsa);
        let locations = [KeyLocation::sns(url), KeyLocation::paypal(url)];
        keys.extend(
            locations
                .into_iter()
                .flatten()
                .map(|location| (location, key.clone())),
        );
    }
    for (id, pem) in object("jwks_pem_by_kid") {
        let Some(key) = pem.as_str().and_then(|pem| rsa_key(id, pem)) else {
            continue;
        };
        let key = PublishedKey::Token(Arc::new(key));
        let locations = [KeyLocation::google(id), KeyLocation::microsoft(id)];
        keys.extend(
            locations
                .into_iter()
                .flatten()
                .map(|location| (location, key.clone())),
        );
    }
    keys
}

/// Whether an answer bears the headers. Of a media type, parameters do not count; that the function
/// forbids guessing it, it does for every handshake.
pub(super) fn bears(answer: &HandshakeResponse, headers: &Value) -> bool {
    let mut headers = headers.as_object().into_iter().flatten();
    headers.all(|(name, value)| {
        let (Ok(name), Some(value)) = (name.parse::<HeaderName>(), value.as_str()) else {
            return false;
        };
        match name.as_str() {
            "content-type" => answer.content_type.split(';').next() == value.split(';').next(),
            "x-content-type-options" => value == "nosniff",
            _ => {
                let mut found = answer.headers.iter();
                found.any(|(one, found)| *one == name && found == value)
            }
        }
    })
}
