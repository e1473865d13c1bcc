//! HubSpot's three signatures. Which of them an app gets is its own choice, and the endpoint's: a
//! request never chooses.
//! <https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests>

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, Digest, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Call;
use crate::catalog::{Algorithm, Encoding, KeyForm};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::keys::decode;
use crate::signature::sample::{Sample, SampleError, Signer};

const SIGNATURE: &str = "x-hubspot-signature";
const VERSION: &str = "x-hubspot-signature-version";
const SIGNATURE_V3: &str = "x-hubspot-signature-v3";
const TIMESTAMP: &str = "x-hubspot-request-timestamp";
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
    let signature = call.header(SIGNATURE)?;
    if call.header(VERSION)? != version {
        return Err(Refusal::BadForm);
    }
    let signature = decode(Encoding::Hex, signature.as_bytes()).ok_or(Refusal::BadForm)?;
    call.find(|secret| {
        let key = secret.key(&KeyForm::Text);
        key.is_some_and(|key| {
            let hash = hash(&key, before, call.request.body);
            verify_slices_are_equal(hash.as_ref(), &signature).is_ok()
        })
    })
}

fn hash(key: &[u8], before: &[&[u8]], body: &[u8]) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(key);
    before.iter().for_each(|part| context.update(part));
    context.update(body);
    context.finish()
}

/// Signs a sample by the first version.
pub(super) fn sign_v1(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    sign_by_hash(sample, signer, "v1", &[])
}

/// Signs a sample by the second version.
pub(super) fn sign_v2(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    sign_by_hash(sample, signer, "v2", &[b"POST", signer.url().as_bytes()])
}

fn sign_by_hash(
    sample: &mut Sample,
    signer: &Signer<'_>,
    version: &str,
    before: &[&[u8]],
) -> Result<(), SampleError> {
    let signature = hash(&signer.key()?, before, &sample.body);
    sample.bear(SIGNATURE, &hex::encode(signature));
    sample.bear(VERSION, version);
    Ok(())
}

/// Signs a sample by the third version.
pub(super) fn sign_v3(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let (url, time) = (signer.url(), signer.now.as_millisecond().to_string());
    let message = [b"POST", url.as_bytes(), &sample.body, time.as_bytes()];
    let signature = signer.sign(Algorithm::HmacSha256, &message)?;
    sample.bear(SIGNATURE_V3, &STANDARD.encode(signature));
    sample.bear(TIMESTAMP, &time);
    Ok(())
}

pub(super) fn verify_v3(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let signature = call.header(SIGNATURE_V3)?;
    let signatures = [decode(Encoding::Base64, signature.as_bytes()).ok_or(Refusal::BadForm)?];
    let timestamp = call.header(TIMESTAMP)?;
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
