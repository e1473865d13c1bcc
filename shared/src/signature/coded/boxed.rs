//! Box signs with two keys, each with a header of its own; one of them is enough.
//! <https://developer.box.com/guides/webhooks/v2/signatures-v2/>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Call;
use crate::catalog::{Algorithm, Encoding};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::keys::decode;
use crate::signature::sample::{Sample, SampleError, Signer};

const HEADERS: [&str; 2] = ["box-signature-primary", "box-signature-secondary"];
const VERSION: (&str, &str) = ("box-signature-version", "1");
const ALGORITHM: (&str, &str) = ("box-signature-algorithm", "HmacSHA256");
const TIMESTAMP: &str = "box-delivery-timestamp";

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    // Not signed, so they may only agree.
    if call.header(VERSION.0)? != VERSION.1 || call.header(ALGORITHM.0)? != ALGORITHM.1 {
        return Err(Refusal::BadForm);
    }
    let timestamp = call.header(TIMESTAMP)?;
    call.check_time(timestamp)?;
    let mut signatures = Vec::new();
    for name in HEADERS {
        match call.header(name) {
            Ok(text) => signatures.extend(decode(Encoding::Base64, text.as_bytes())),
            Err(Refusal::MissingHeader) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    if signatures.is_empty() {
        return Err(Refusal::MissingHeader);
    }
    let message = [call.request.body, timestamp.as_bytes()];
    call.signed(Algorithm::HmacSha256, &message, &signatures)
}

/// Signs a sample with the first of the two keys.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let time = signer.now.to_string();
    let signature = signer.sign(Algorithm::HmacSha256, &[&sample.body, time.as_bytes()])?;
    for (name, value) in [VERSION, ALGORITHM, (TIMESTAMP, time.as_str())] {
        sample.bear(name, value);
    }
    sample.bear(HEADERS[0], &STANDARD.encode(signature));
    Ok(())
}
