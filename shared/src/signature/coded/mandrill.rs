//! Mailchimp Transactional (Mandrill) signs its URL and a form's sorted parameters.
//! <https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/>

use super::Call;
use crate::catalog::{Algorithm, Encoding};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::facts::is_form;
use crate::signature::keys::decode;

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let signature = call.header("x-mandrill-signature")?;
    let signatures = [decode(Encoding::Base64, signature.as_bytes()).ok_or(Refusal::BadForm)?];
    if !is_form(call.request.headers) {
        // Nothing of another body would be signed.
        return Err(Refusal::BadForm);
    }
    let mut parameters: Vec<_> = form_urlencoded::parse(call.request.body).collect();
    parameters.sort();
    let mut message = call.settings.url_of(call.request).into_owned().into_bytes();
    for (name, value) in &parameters {
        message.extend_from_slice(name.as_bytes());
        message.extend_from_slice(value.as_bytes());
    }
    call.signed(Algorithm::HmacSha1, &[&message], &signatures)
}
