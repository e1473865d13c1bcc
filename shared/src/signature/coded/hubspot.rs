//! HubSpot's three signatures. Which of them an app gets is its own choice, and the endpoint's: a
//! request never chooses.
//! <https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests>

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256};

use super::Call;
use crate::catalog::{Algorithm, Encoding, KeyForm};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::keys::decode;

/// What the documentation says is to be decoded in the URL, and nothing else is. HubSpot's own
/// libraries decode nothing: which of the two is true of such a URL is not known, so either is
/// taken.
const DECODED: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

pub(super) fn verify_v1(call: &Call<'_>) -> Result<SecretId, Refusal> {
    plain_hash(call, "v1", &[])
}

pub(super) fn verify_v2(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let url = call.settings.url_of(call.request);
    let before = [call.request.method.as_str().as_bytes(), url.as_bytes()];
    plain_hash(call, "v2", &before)
}

/// A SHA-256 of the secret, then `before`, then the body.
fn plain_hash(call: &Call<'_>, version: &str, before: &[&[u8]]) -> Result<SecretId, Refusal> {
    let signature = call.header("x-hubspot-signature")?;
    if call.header("x-hubspot-signature-version")? != version {
        return Err(Refusal::BadForm);
    }
    let signature = decode(Encoding::Hex, signature.as_bytes()).ok_or(Refusal::BadForm)?;
    call.find(|secret| {
        let Some(key) = secret.key(&KeyForm::Text) else {
            return false;
        };
        let mut context = Context::new(&SHA256);
        context.update(&key);
        before.iter().for_each(|part| context.update(part));
        context.update(call.request.body);
        verify_slices_are_equal(context.finish().as_ref(), &signature).is_ok()
    })
}

pub(super) fn verify_v3(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let signature = call.header("x-hubspot-signature-v3")?;
    let signatures = [decode(Encoding::Base64, signature.as_bytes()).ok_or(Refusal::BadForm)?];
    let timestamp = call.header("x-hubspot-request-timestamp")?;
    call.check_time(timestamp)?;
    let url = call.settings.url_of(call.request);
    let decoded = DECODED
        .iter()
        .fold(url.to_string(), |url, (escape, character)| {
            url.replace(escape, character)
                .replace(&escape.to_ascii_lowercase(), character)
        });
    let method = call.request.method.as_str().as_bytes();
    let verify = |url: &str| {
        let message = [
            method,
            url.as_bytes(),
            call.request.body,
            timestamp.as_bytes(),
        ];
        call.signed(Algorithm::HmacSha256, &message, &signatures)
    };
    verify(&url).or_else(|_| verify(&decoded))
}
