//! Twilio signs its URL and, of a form, the sorted parameters instead of the bytes.
//! <https://www.twilio.com/docs/usage/webhooks/webhooks-security>

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;

use super::engine::single;
use super::facts::is_form;
use super::keys::{decode, verify_any};
use super::sample::{Sample, SampleError, Signer};
use super::{InboundRequest, Refusal, SchemeSettings, SigningSecret};
use crate::catalog::{Algorithm, Encoding, KeyForm};
use crate::domain::SecretId;

const SIGNATURE: &str = "x-twilio-signature";
/// Says which key and algorithm the newer scheme used. It is not signed, so it may only agree.
const SHARED_KEY_SETTINGS: &str = "x-twilio-webhooks-signature-settings";
const SHARED_KEY_ALGORITHM: &str = "algorithm=HMAC_SHA256";
const BODY_HASH: &str = "bodySHA256";

pub(super) fn verify(
    shared_key: bool,
    request: &InboundRequest<'_>,
    secrets: &[(SecretId, &SigningSecret)],
    settings: &SchemeSettings,
) -> Result<SecretId, Refusal> {
    let signature = single(request.headers, SIGNATURE)?;
    let signatures = [decode(Encoding::Base64, signature.as_bytes()).ok_or(Refusal::BadForm)?];
    let algorithm = if shared_key {
        let named = single(request.headers, SHARED_KEY_SETTINGS)?;
        if !named
            .split(',')
            .any(|item| item.trim() == SHARED_KEY_ALGORITHM)
        {
            return Err(Refusal::BadForm);
        }
        Algorithm::HmacSha256
    } else {
        Algorithm::HmacSha1
    };
    let url = settings.url_of(request);
    let parameters = parameters(request, &url)?;
    for url in spellings(&url) {
        let message = [url.as_bytes(), &parameters];
        for (id, secret) in secrets {
            let key = secret.key(&KeyForm::Text);
            if key.is_some_and(|key| verify_any(algorithm, &key, &message, &signatures)) {
                return Ok(*id);
            }
        }
    }
    Err(Refusal::BadSignature)
}

/// Signs a sample as Twilio would.
pub(super) fn sign(
    shared_key: bool,
    sample: &mut Sample,
    signer: &Signer<'_>,
) -> Result<(), SampleError> {
    let algorithm = if shared_key {
        sample.bear(SHARED_KEY_SETTINGS, SHARED_KEY_ALGORITHM);
        Algorithm::HmacSha256
    } else {
        Algorithm::HmacSha1
    };
    let url = signer.url();
    let request = InboundRequest {
        method: &Method::POST,
        url: &url,
        headers: &sample.headers,
        body: &sample.body,
    };
    let parameters = parameters(&request, &url).map_err(|_| SampleError::Unusable)?;
    let signature = signer.sign(algorithm, &[url.as_bytes(), &parameters])?;
    sample.bear(SIGNATURE, &STANDARD.encode(signature));
    Ok(())
}

/// What is signed after the URL: nothing, if the URL holds the body's hash or there is no body;
/// else the form's parameters by name, each with its distinct values in order.
fn parameters(request: &InboundRequest<'_>, url: &str) -> Result<Vec<u8>, Refusal> {
    if let Some(expected) = body_hash(url) {
        let computed = hex::encode(digest(&SHA256, request.body));
        return if expected == computed {
            Ok(Vec::new())
        } else {
            Err(Refusal::BadSignature)
        };
    }
    if request.body.is_empty() {
        return Ok(Vec::new());
    }
    if !is_form(request.headers) {
        // Any other body is authenticated by its hash or not at all.
        return Err(Refusal::BadSignature);
    }
    let mut sorted: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(request.body) {
        sorted.entry(name).or_default().push(value);
    }
    let mut text = Vec::new();
    for (name, mut values) in sorted {
        values.sort_unstable();
        values.dedup();
        for value in values {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(value.as_bytes());
        }
    }
    Ok(text)
}

fn body_hash(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let found = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == BODY_HASH);
    found.map(|(_, value)| value.into_owned())
}

/// The URL with and without the default port: Twilio signs either.
fn spellings(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    for (scheme, port) in [("https://", ":443"), ("http://", ":80")] {
        let Some(rest) = url.strip_prefix(scheme) else {
            continue;
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if let Some(host) = authority.strip_suffix(port) {
            spellings.push(format!("{scheme}{host}{path}"));
        } else if !has_port(authority) {
            spellings.push(format!("{scheme}{authority}{port}{path}"));
        }
    }
    spellings
}

/// A colon is also in user information, and in an IPv6 address.
fn has_port(authority: &str) -> bool {
    let after = authority.rsplit(['@', ']']).next();
    after.is_some_and(|host| host.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_default_port_is_added_or_left_out() {
        assert_eq!(
            spellings("https://a.b/c?d"),
            ["https://a.b/c?d", "https://a.b:443/c?d"]
        );
        assert_eq!(
            spellings("https://a.b:443"),
            ["https://a.b:443", "https://a.b"]
        );
        assert_eq!(spellings("http://a.b:8080/"), ["http://a.b:8080/"]);
        assert_eq!(
            spellings("https://[::1]/"),
            ["https://[::1]/", "https://[::1]:443/"]
        );
        assert_eq!(
            spellings("https://user:word@a.b/"),
            ["https://user:word@a.b/", "https://user:word@a.b:443/"]
        );
    }
}
