//! Mailchimp Transactional (Mandrill) signs its URL and a form's sorted parameters.
//! <https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Call;
use crate::catalog::{Algorithm, Encoding};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::facts::is_form;
use crate::signature::keys::decode;
use crate::signature::sample::{Sample, SampleError, Signer};

const SIGNATURE: &str = "x-mandrill-signature";

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let signature = call.header(SIGNATURE)?;
    let signatures = [decode(Encoding::Base64, signature.as_bytes()).ok_or(Refusal::BadForm)?];
    if !is_form(call.request.headers) {
        // Nothing of another body would be signed.
        return Err(Refusal::BadForm);
    }
    let url = call.settings.url_of(call.request);
    let message = message(&url, call.request.body);
    call.signed(Algorithm::HmacSha1, &[&message], &signatures)
}

/// Signs a sample.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let message = message(&signer.url(), &sample.body);
    let signature = signer.sign(Algorithm::HmacSha1, &[&message])?;
    sample.bear(SIGNATURE, &STANDARD.encode(signature));
    Ok(())
}

/// What is signed: the URL, and the parameters by name.
fn message(url: &str, form: &[u8]) -> Vec<u8> {
    let mut parameters: Vec<_> = form_urlencoded::parse(form).collect();
    parameters.sort();
    let mut message = url.as_bytes().to_vec();
    for (name, value) in &parameters {
        message.extend_from_slice(name.as_bytes());
        message.extend_from_slice(value.as_bytes());
    }
    message
}
