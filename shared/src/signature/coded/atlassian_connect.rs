//! Atlassian Connect sends a token that covers the method, the path and the query, and of the body
//! nothing. <https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/>

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use super::Call;
use crate::catalog::KeyForm;
use crate::domain::SecretId;
use crate::signature::engine::path_and_query;
use crate::signature::jws::{Jws, Lifetime, signed_hs256};
use crate::signature::sample::{Sample, SampleError, Signer};
use crate::signature::{Refusal, SchemeSettings};

/// What RFC 3986 does not call unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The parameter that may hold the token. It is not signed.
const TOKEN: &str = "jwt";
/// By how much Atlassian's clock and ours may differ, in seconds.
const LEEWAY: i64 = 60;

#[derive(Deserialize)]
struct Claims {
    qsh: String,
    #[serde(flatten)]
    lifetime: Lifetime,
}

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let url = call.settings.url_of(call.request);
    let (path, query) = split(&url);
    let in_query = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == TOKEN);
    let token = match (call.header("authorization"), &in_query) {
        (Ok(value), _) => value.strip_prefix("JWT ").ok_or(Refusal::BadForm)?,
        (Err(Refusal::MissingHeader), Some((_, token))) => token,
        (Err(refusal), _) => return Err(refusal),
    };
    let token = Jws::parse(token)?;
    let by = call.find(|secret| {
        let key = secret.key(&KeyForm::Text);
        key.is_some_and(|key| token.is_signed_hs256(&key))
    })?;
    let claims: Claims = token.claims()?;
    claims.lifetime.check(call.now, LEEWAY)?;
    if claims.qsh == query_hash(call.request.method, path, query, call.settings) {
        Ok(by)
    } else {
        Err(Refusal::BadSignature)
    }
}

/// Signs a sample with a token that holds for three minutes, as Atlassian's do.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let url = signer.url();
    let (path, query) = split(&url);
    let now = signer.now.as_second();
    let claims = json!({
        "iss": "gatehouse-sample",
        "iat": now,
        "exp": now.saturating_add(180),
        "qsh": query_hash(&Method::POST, path, query, signer.settings),
    });
    let token = signed_hs256(&signer.key()?, &claims);
    sample.bear("authorization", &format!("JWT {token}"));
    Ok(())
}

/// The path and the query of a URL.
fn split(url: &str) -> (&str, &str) {
    let rest = path_and_query(url);
    rest.split_once('?').unwrap_or((rest, ""))
}

fn query_hash(method: &Method, path: &str, query: &str, settings: &SchemeSettings) -> String {
    let base = settings.base_url.as_deref().unwrap_or_default();
    let path = relative(path, path_and_query(base));
    let request = format!("{method}&{path}&{}", canonical(query));
    hex::encode(digest(&SHA256, request.as_bytes()))
}

/// The path below the app's base URL, without a `/` at its end.
fn relative(path: &str, base: &str) -> String {
    let base = base.trim_end_matches('/');
    let below = path
        .strip_prefix(base)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = below.unwrap_or(path).trim_end_matches('/');
    if path.is_empty() {
        "/".to_owned()
    } else {
        path.replace('&', "%26")
    }
}

/// The query's parameters by name, values of one name in order and with commas between.
fn canonical(query: &str) -> String {
    let mut parameters: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != TOKEN {
            parameters.entry(name).or_default().push(value);
        }
    }
    let encode = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let pairs = parameters.into_iter().map(|(name, mut values)| {
        values.sort_unstable();
        let values: Vec<_> = values.iter().map(|value| encode(value)).collect();
        format!("{}={}", encode(&name), values.join(","))
    });
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_sorted_escaped_and_without_the_token() {
        assert_eq!(
            canonical(
                "zee_last=param&repeated=parameter%201&first=param&repeated=parameter+2&jwt=x"
            ),
            "first=param&repeated=parameter%201,parameter%202&zee_last=param"
        );
        assert_eq!(canonical("a=%21%27()*~&b="), "a=%21%27%28%29%2A~&b=");
        assert_eq!(canonical(""), "");
    }

    #[test]
    fn the_path_is_relative_to_the_base() {
        assert_eq!(relative("/base/hook/", "/base/"), "/hook");
        assert_eq!(relative("/base", "/base"), "/");
        assert_eq!(relative("/based/x", "/base"), "/based/x");
        assert_eq!(relative("/a&b", ""), "/a%26b");
    }
}
