//! Contentful signs a canonical form of the request, with the headers that the request names.
//! <https://www.contentful.com/developers/docs/webhooks/request-verification/> and
//! npm @contentful/node-apps-toolkit, which escapes the query a second time.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Call;
use crate::catalog::{Algorithm, Encoding};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::engine::path_and_query;
use crate::signature::keys::decode;

/// What `encodeURI` leaves as it is: letters, digits and ``;,/?:@&=+$-_.!~*'()#``.
/// <https://tc39.es/ecma262/#sec-encodeuri-uri>
const ENCODE_URI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
const MAX_HEADERS: usize = 50;

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let signature = call.header("x-contentful-signature")?;
    let signatures = [decode(Encoding::Hex, signature.as_bytes()).ok_or(Refusal::BadForm)?];
    let timestamp = call.header("x-contentful-timestamp")?;
    call.check_time(timestamp)?;
    let listed = call.header("x-contentful-signed-headers")?;
    let mut names: Vec<String> = listed
        .split(',')
        .take(MAX_HEADERS + 1)
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    // The time is only worth something if it is signed.
    let is_signed = |name: &str| names.iter().any(|one| one == name);
    if names.len() > MAX_HEADERS || !is_signed("x-contentful-timestamp") {
        return Err(Refusal::BadForm);
    }
    names.sort_unstable();
    let mut pairs = Vec::with_capacity(names.len());
    for name in &names {
        pairs.push(format!("{name}:{}", call.header(name)?.trim()));
    }
    let url = call.settings.url_of(call.request);
    let path = path_and_query(&url);
    let path = match path.split_once('?') {
        Some((path, query)) => format!("{path}?{}", utf8_percent_encode(query, ENCODE_URI)),
        None => path.to_owned(),
    };
    let head = format!("{}\n{path}\n{}\n", call.request.method, pairs.join(";"));
    let message = [head.as_bytes(), call.request.body];
    call.signed(Algorithm::HmacSha256, &message, &signatures)
}
