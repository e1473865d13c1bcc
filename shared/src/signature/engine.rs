//! Carries out a declaration.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use jiff::Timestamp;

use super::keys::{decode, fits, verify_any};
use super::{InboundRequest, Refusal, SchemeSettings, SigningSecret, timestamp};
use crate::catalog::{Grammar, HeaderFamily, Part, Scheme, Template, Verification, Version};
use crate::domain::SecretId;

/// A header with more is refused: rotation needs two or three, and each costs us a verification.
const MAX_SIGNATURES: usize = 20;

/// A signature that a request bears, with what was written before it.
pub(super) struct Candidate<'a> {
    label: &'a str,
    text: &'a str,
}

/// What the scheme's headers say.
pub(super) struct Signed<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    pub(super) timestamp: Option<&'a str>,
    pub(super) id: Option<&'a str>,
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
    if let Some(tolerance) = tolerance
        .as_ref()
        .filter(|tolerance| tolerance.at.is_none())
    {
        let text = found.timestamp.ok_or(Refusal::MissingHeader)?;
        timestamp::check(text, tolerance, settings.tolerance_seconds, now)?;
    }
    let message = fill(signed, request, settings, &found)?;
    let message: Vec<&[u8]> = message.iter().map(Cow::as_ref).collect();
    for version in effective_versions(versions, settings) {
        let of_version = found
            .candidates
            .iter()
            .filter(|candidate| candidate.label == version.label);
        let signatures: Vec<_> = of_version
            .filter_map(|candidate| decode(version.encoding, candidate.text.as_bytes()))
            .collect();
        if signatures.is_empty() {
            continue;
        }
        for (id, secret) in secrets {
            let key = secret.key(&version.key);
            let key = key.filter(|key| fits(version.algorithm, key));
            if key.is_some_and(|key| verify_any(version.algorithm, &key, &message, &signatures)) {
                return Ok(*id);
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
            for item in items(value, separator)? {
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
        Grammar::Positional { separator } => {
            let mut items = items(value, separator)?.into_iter();
            signed.timestamp = items.next();
            let signatures = items.map(|text| Candidate { label: "", text });
            signed.candidates.extend(signatures);
        }
    }
    Ok(signed)
}

/// The items of a list. One that starts or ends with white space or a comma is where a proxy, or
/// API Gateway, has joined two headers: the list was not written by the provider.
fn items<'a>(value: &'a str, separator: &str) -> Result<Vec<&'a str>, Refusal> {
    let items: Vec<_> = value.split(separator).take(MAX_SIGNATURES + 1).collect();
    let is_joint = |c: char| c == ',' || c.is_whitespace();
    let is_joined = |item: &&str| item.starts_with(is_joint) || item.ends_with(is_joint);
    if items.len() > MAX_SIGNATURES {
        Err(Refusal::BadForm)
    } else if items.iter().any(is_joined) {
        Err(Refusal::RepeatedHeader)
    } else {
        Ok(items)
    }
}

/// The value of a header that must come exactly once, and be printable.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refusal::MissingHeader)?;
    if values.next().is_some() {
        return Err(Refusal::RepeatedHeader);
    }
    let value = value.to_str().map_err(|_| Refusal::BadForm)?;
    if value.trim() == value {
        Ok(value)
    } else {
        Err(Refusal::BadForm)
    }
}

/// What is signed, in parts that are never looked into.
pub(super) fn fill<'a>(
    template: &'a Template,
    request: &InboundRequest<'a>,
    settings: &'a SchemeSettings,
    signed: &Signed<'a>,
) -> Result<Vec<Cow<'a, [u8]>>, Refusal> {
    let required = |text: Option<&'a str>| text.ok_or(Refusal::MissingHeader);
    let part = |part: &'a Part| {
        let text: Cow<'a, str> = match part {
            Part::Body => return Ok(Cow::Borrowed(request.body)),
            Part::Literal(text) => Cow::Borrowed(text.as_str()),
            Part::Timestamp => Cow::Borrowed(required(signed.timestamp)?),
            Part::Id => Cow::Borrowed(required(signed.id)?),
            Part::Header(name) => Cow::Borrowed(single(request.headers, name)?),
            Part::Method => Cow::Borrowed(request.method.as_str()),
            Part::Url => settings.url_of(request),
            Part::Path => Cow::Owned(path_and_query(&settings.url_of(request)).to_owned()),
            Part::BodySha256 => Cow::Owned(hex::encode(digest(&SHA256, request.body))),
        };
        Ok(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    };
    template.parts().iter().map(part).collect()
}

/// What follows the host in an absolute URL.
pub(super) fn path_and_query(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let start = after_scheme.find(['/', '?']).unwrap_or(after_scheme.len());
    after_scheme.split_at(start).1
}
