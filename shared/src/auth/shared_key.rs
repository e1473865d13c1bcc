//! Azure Storage's Shared Key, for the services Blob, Queue and File.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};
use jiff::fmt::rfc2822::DateTimePrinter;
use zeroize::Zeroizing;

use super::AuthError;
use super::fields::Fields;
use super::place::put_authorization;
use crate::domain::Timestamp;
use crate::egress::OutboundRequest;

const X_MS_DATE: HeaderName = HeaderName::from_static("x-ms-date");
const X_MS_VERSION: HeaderName = HeaderName::from_static("x-ms-version");
/// Before this version, a length of zero is signed as `0`, and since then as nothing.
const EMPTY_LENGTH_SINCE: &str = "2015-02-21";
/// The headers that are signed by their place, in order. `Content-Length` comes after the first two.
const BY_PLACE: [HeaderName; 10] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    HeaderName::from_static("content-md5"),
    header::CONTENT_TYPE,
    header::DATE,
    header::IF_MODIFIED_SINCE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
];

/// Whether the key is of the form that Azure gives it.
pub(super) fn check(fields: &Fields<'_>) -> Result<(), AuthError> {
    key(fields).map(|_| ())
}

fn key(fields: &Fields<'_>) -> Result<Zeroizing<Vec<u8>>, AuthError> {
    let unusable = |_| AuthError::UnusableField {
        field: "accountKey".to_owned(),
        expected: "base64",
    };
    let key = STANDARD.decode(fields.require("accountKey")?.trim());
    key.map(Zeroizing::new).map_err(unusable)
}

/// Signs the request: method, path, query, the body's length, and the headers that Azure lists.
pub(super) fn authenticate(
    version: &str,
    fields: &Fields<'_>,
    now: Timestamp,
    request: &mut OutboundRequest,
) -> Result<(), AuthError> {
    let account = fields.require("accountName")?;
    let key = key(fields)?;
    // `x-ms-date` takes its place, and only one of them is signed.
    request.headers.remove(header::DATE);
    let unfit = |_| AuthError::Configuration("its version does not fit into a header");
    let date = DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&now.into())
        .ok();
    let date = date.and_then(|date| HeaderValue::from_str(&date).ok());
    let undated = AuthError::Configuration("the time cannot be written into a header");
    request.headers.insert(X_MS_DATE, date.ok_or(undated)?);
    if !request.headers.contains_key(X_MS_VERSION) {
        let version = HeaderValue::from_str(version).map_err(unfit)?;
        request.headers.insert(X_MS_VERSION, version);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signature = hmac::sign(&key, string_to_sign(account, request)?.as_bytes());
    let signature = STANDARD.encode(signature);
    put_authorization(request, &format!("SharedKey {account}:{signature}"))
}

fn string_to_sign(account: &str, request: &OutboundRequest) -> Result<String, AuthError> {
    let by_place = BY_PLACE
        .iter()
        .map(|name| value(request, name))
        .collect::<Result<Vec<_>, _>>()?;
    let (before, after) = by_place.split_at_checked(2).unwrap_or_default();
    let is_old = value(request, &X_MS_VERSION)?.as_str() < EMPTY_LENGTH_SINCE;
    let length = match request.body.len() {
        0 if !is_old => String::new(),
        length => length.to_string(),
    };
    let mut lines = vec![request.method.to_string()];
    lines.extend_from_slice(before);
    lines.push(length);
    lines.extend_from_slice(after);
    let mut names: Vec<&HeaderName> = request.headers.keys().collect();
    names.retain(|name| name.as_str().starts_with("x-ms-"));
    names.sort_unstable_by_key(|name| name.as_str());
    for name in names {
        lines.push(format!("{name}:{}", value(request, name)?));
    }
    lines.push(format!("/{account}{}", request.url.path()));
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in request.url.query_pairs() {
        let values = parameters.entry(name.to_lowercase()).or_default();
        values.push(value.into_owned());
    }
    for (name, mut values) in parameters {
        values.sort_unstable();
        lines.push(format!("{name}:{}", values.join(",")));
    }
    Ok(lines.join("\n"))
}

/// A header's value as the service's own libraries sign it: trimmed, and otherwise as it is. Its
/// reference asks for one space in the place of many; the libraries do no such thing.
fn value(request: &OutboundRequest, name: &HeaderName) -> Result<String, AuthError> {
    let mut texts = Vec::new();
    for value in request.headers.get_all(name) {
        let text = value.to_str();
        let text = text.map_err(|_| AuthError::Unsignable("a header is not ASCII"))?;
        texts.push(text.trim().to_owned());
    }
    Ok(texts.join(","))
}
