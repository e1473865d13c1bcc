//! DocuSign Connect sends a numbered header for each key that an account has; one that fits is
//! enough. <https://developers.docusign.com/platform/webhooks/connect/validate/>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Call;
use crate::catalog::{Algorithm, Encoding};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::keys::decode;
use crate::signature::sample::{Sample, SampleError, Signer};

const PREFIX: &str = "x-docusign-signature-";
/// An account has at most a hundred keys; more headers than this are somebody else's.
const MAX_SIGNATURES: usize = 100;

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let mut signatures = Vec::new();
    let mut found = false;
    for name in call.request.headers.keys() {
        let number = name.as_str().strip_prefix(PREFIX);
        if !number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
            continue;
        }
        found = true;
        let text = call.header(name.as_str())?;
        signatures.extend(decode(Encoding::Base64, text.as_bytes()));
        if signatures.len() > MAX_SIGNATURES {
            return Err(Refusal::BadForm);
        }
    }
    if !found {
        return Err(Refusal::MissingHeader);
    }
    call.signed(Algorithm::HmacSha256, &[call.request.body], &signatures)
}

/// Signs a sample as with the only key of an account.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let signature = signer.sign(Algorithm::HmacSha256, &[&sample.body])?;
    sample.bear(&format!("{PREFIX}1"), &STANDARD.encode(signature));
    Ok(())
}
