//! Box signs with two keys, each with a header of its own; one of them is enough.
//! <https://developer.box.com/guides/webhooks/v2/signatures-v2/>

use super::Call;
use crate::catalog::{Algorithm, Encoding};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::keys::decode;

const HEADERS: [&str; 2] = ["box-signature-primary", "box-signature-secondary"];

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    // Not signed, so they may only agree.
    if call.header("box-signature-version")? != "1"
        || call.header("box-signature-algorithm")? != "HmacSHA256"
    {
        return Err(Refusal::BadForm);
    }
    let timestamp = call.header("box-delivery-timestamp")?;
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
