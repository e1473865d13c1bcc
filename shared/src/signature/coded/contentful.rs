//! Contentful signs a canonical form of the request, with the headers that the request names.
//! <https://www.contentful.com/developers/docs/webhooks/request-verification/> and
//! npm @contentful/node-apps-toolkit, which escapes the query a second time.

use http::{HeaderName, Method};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Call;
use crate::catalog::{Algorithm, Encoding};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::engine::path_and_query;
use crate::signature::keys::decode;
use crate::signature::sample::{Sample, SampleError, Signer};

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
const SIGNATURE: &str = "x-contentful-signature";
const TIMESTAMP: &str = "x-contentful-timestamp";
/// Names the headers that are signed.
const LIST: &str = "x-contentful-signed-headers";
const MAX_HEADERS: usize = 50;

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let signature = call.header(SIGNATURE)?;
    let signatures = [decode(Encoding::Hex, signature.as_bytes()).ok_or(Refusal::BadForm)?];
    let timestamp = call.header(TIMESTAMP)?;
    call.check_time(timestamp)?;
    let listed = call.header(LIST)?;
    let mut names: Vec<String> = listed
        .split(',')
        .take(MAX_HEADERS + 1)
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    // The time is only worth something if it is signed.
    let is_signed = |name: &str| names.iter().any(|one| one == name);
    if names.len() > MAX_HEADERS || !is_signed(TIMESTAMP) {
        return Err(Refusal::BadForm);
    }
    names.sort_unstable();
    let mut pairs = Vec::with_capacity(names.len());
    for name in &names {
        pairs.push(format!("{name}:{}", call.header(name)?.trim()));
    }
    let url = call.settings.url_of(call.request);
    let head = head(call.request.method, &url, &pairs);
    let message = [head.as_bytes(), call.request.body];
    call.signed(Algorithm::HmacSha256, &message, &signatures)
}

/// Signs a sample with all of Contentful's headers that it bears.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    sample.bear(TIMESTAMP, &signer.now.as_millisecond().to_string());
    let names = sample.headers.keys().map(HeaderName::as_str);
    let names = names.filter(|name| name.starts_with("x-contentful-"));
    let mut names: Vec<String> = names.chain([LIST]).map(str::to_owned).collect();
    names.sort_unstable();
    sample.bear(LIST, &names.join(","));
    let value = |name: &String| {
        sample
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let pair = |name: &String| Some(format!("{name}:{}", value(name)?));
    let pairs: Option<Vec<String>> = names.iter().map(pair).collect();
    let pairs = pairs.ok_or(SampleError::Unusable)?;
    let head = head(&Method::POST, &signer.url(), &pairs);
    let signature = signer.sign(Algorithm::HmacSha256, &[head.as_bytes(), &sample.body])?;
    sample.bear(SIGNATURE, &hex::encode(signature));
    Ok(())
}

/// What is signed before the body.
fn head(method: &Method, url: &str, pairs: &[String]) -> String {
    let path = path_and_query(url);
    let path = match path.split_once('?') {
        Some((path, query)) => format!("{path}?{}", utf8_percent_encode(query, ENCODE_URI)),
        None => path.to_owned(),
    };
    format!("{method}\n{path}\n{}\n", pairs.join(";"))
}
