//! Carries out a declaration.

use http::HeaderMap;
use jiff::Timestamp;

use super::keys::{decode, fits, verify as verify_signature};
use super::{InboundRequest, Refusal, SchemeSettings, SigningSecret};
use crate::catalog::{
    Grammar, HeaderFamily, Part, Scheme, Template, TimestampUnit, Tolerance, Verification, Version,
};
use crate::domain::SecretId;

/// A header with more signatures is not looked at further: rotation needs two or three.
const MAX_SIGNATURES: usize = 20;

/// A signature that a request bears, with what was written before it.
struct Candidate<'a> {
    label: &'a str,
    text: &'a str,
}

/// What the scheme's headers say.
struct Signed<'a> {
    candidates: Vec<Candidate<'a>>,
    timestamp: Option<&'a str>,
    id: Option<&'a str>,
}

pub(super) fn verify(
    scheme: &Scheme,
    request: &InboundRequest<'_>,
    secrets: &[(SecretId, &SigningSecret)],
    settings: &SchemeSettings,
    now: Timestamp,
) -> Result<SecretId, Refusal> {
    let Verification::Signature {
        headers,
        grammar,
        signed,
        versions,
        tolerance,
    } = &scheme.verification
    else {
        return Err(Refusal::BadSignature);
    };
    let custom = settings
        .header
        .as_ref()
        .filter(|_| scheme.generic)
        .map(|header| HeaderFamily {
            signature: header.clone(),
            ..HeaderFamily::default()
        });
    let grammar = match &settings.prefix {
        Some(prefix) if scheme.generic => &Grammar::Single {
            prefix: prefix.clone(),
        },
        _ => grammar,
    };
    let family = choose(custom.as_slice(), headers, request.headers)?;
    let found = read(family, grammar, request.headers)?;
    if let (Some(tolerance), Some(timestamp)) = (tolerance, found.timestamp) {
        check_timestamp(timestamp, *tolerance, settings.tolerance_seconds, now)?;
    }
    let message = fill(signed, request, &found).ok_or(Refusal::MissingHeader)?;
    let versions = effective_versions(versions, settings);
    for candidate in &found.candidates {
        for version in versions
            .iter()
            .filter(|version| version.label == candidate.label)
        {
            let Some(signature) = decode(version.encoding, candidate.text.as_bytes()) else {
                continue;
            };
            for (id, secret) in secrets {
                let key = secret.key(&version.key).ok();
                let key = key.filter(|key| fits(version.algorithm, key));
                if key.is_some_and(|key| {
                    verify_signature(version.algorithm, &key, &message, &signature)
                }) {
                    return Ok(*id);
                }
            }
        }
    }
    Err(Refusal::BadSignature)
}

/// The kinds of signature, with what the endpoint's settings change of them.
pub(super) fn effective_versions(versions: &[Version], settings: &SchemeSettings) -> Vec<Version> {
    let encoding = settings.signature_encoding().ok().flatten();
    let key = settings.key_form().ok().flatten();
    versions
        .iter()
        .map(|version| Version {
            encoding: encoding.unwrap_or(version.encoding),
            key: key.clone().unwrap_or_else(|| version.key.clone()),
            ..version.clone()
        })
        .collect()
}

/// The first family whose signature is there.
fn choose<'a>(
    custom: &'a [HeaderFamily],
    declared: &'a [HeaderFamily],
    headers: &HeaderMap,
) -> Result<&'a HeaderFamily, Refusal> {
    let mut families = custom.iter().chain(declared);
    let found = families.find(|family| headers.contains_key(&family.signature));
    found.ok_or(Refusal::MissingHeader)
}

fn read<'a>(
    family: &HeaderFamily,
    grammar: &Grammar,
    headers: &'a HeaderMap,
) -> Result<Signed<'a>, Refusal> {
    let value = single(headers, &family.signature)?;
    let named = |name: &Option<String>| name.as_ref().map(|name| single(headers, name)).transpose();
    let mut signed = Signed {
        candidates: Vec::new(),
        timestamp: named(&family.timestamp)?,
        id: named(&family.id)?,
    };
    match grammar {
        Grammar::Single { prefix } => {
            let text = value
                .strip_prefix(prefix.as_str())
                .ok_or(Refusal::BadForm)?;
            signed.candidates.push(Candidate { label: "", text });
        }
        Grammar::Labelled {
            separator,
            label_end,
            timestamp,
        } => {
            for item in value.split(*separator).take(MAX_SIGNATURES) {
                // Split once: the rest may hold the same character, as base64 does.
                let Some((label, text)) = item.split_once(*label_end) else {
                    continue;
                };
                if timestamp.as_deref() == Some(label) {
                    if signed.timestamp.replace(text).is_some() {
                        return Err(Refusal::RepeatedHeader);
                    }
                } else {
                    signed.candidates.push(Candidate { label, text });
                }
            }
        }
    }
    Ok(signed)
}

/// The value of a header that must come exactly once, and be printable.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refusal::MissingHeader)?;
    if values.next().is_some() {
        return Err(Refusal::RepeatedHeader);
    }
    let value = value.to_str().map_err(|_| Refusal::BadForm)?;
    if value.starts_with(' ') || value.ends_with(' ') {
        Err(Refusal::BadForm)
    } else {
        Ok(value)
    }
}

fn check_timestamp(
    text: &str,
    tolerance: Tolerance,
    of_endpoint: Option<u32>,
    now: Timestamp,
) -> Result<(), Refusal> {
    // Decimal digits only: no sign, no fraction, no space, nothing after.
    if text.is_empty() || text.len() > 15 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::BadForm);
    }
    let number: i64 = text.parse().map_err(|_| Refusal::BadForm)?;
    let millisecond = match tolerance.unit {
        TimestampUnit::Seconds => number.saturating_mul(1000),
        TimestampUnit::Milliseconds => number,
    };
    let Some(seconds) = of_endpoint.or(tolerance.seconds) else {
        return Ok(());
    };
    let distance = now.as_millisecond().abs_diff(millisecond);
    if distance > u64::from(seconds) * 1000 {
        Err(Refusal::Stale)
    } else {
        Ok(())
    }
}

/// What is signed, in parts that are never looked into.
fn fill<'a>(
    template: &'a Template,
    request: &InboundRequest<'a>,
    signed: &Signed<'a>,
) -> Option<Vec<&'a [u8]>> {
    template
        .parts()
        .iter()
        .map(|part| match part {
            Part::Literal(text) => Some(text.as_bytes()),
            Part::Body => Some(request.body),
            Part::Timestamp => signed.timestamp.map(str::as_bytes),
            Part::Id => signed.id.map(str::as_bytes),
            Part::Url => Some(request.url.as_bytes()),
        })
        .collect()
}
