//! PayPal signs four texts, one of them the body's CRC, with a certificate that the request names.
//! <https://developer.paypal.com/api/rest/webhooks/rest/#verify-self-cryptographically>

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::Call;
use crate::catalog::Encoding;
use crate::domain::SecretId;
use crate::signature::keys::decode;
use crate::signature::{KeyLocation, PublishedKey, Refusal};

pub(super) fn verify(call: &Call<'_>) -> Result<Option<SecretId>, Refusal> {
    let id = call.header("paypal-transmission-id")?;
    let time = call.header("paypal-transmission-time")?;
    let signature = call.header("paypal-transmission-sig")?;
    // Not signed, so it may only agree.
    if call.header("paypal-auth-algo")? != "SHA256withRSA" {
        return Err(Refusal::BadForm);
    }
    let location = KeyLocation::paypal(call.header("paypal-cert-url")?);
    let location = location.ok_or(Refusal::BadForm)?;
    let signature = decode(Encoding::Base64, signature.as_bytes()).ok_or(Refusal::BadForm)?;
    call.check_time(time)?;
    let webhook = call
        .settings
        .webhook_id
        .as_deref()
        .ok_or(Refusal::NoSecret)?;
    let mut crc = flate2::Crc::new();
    crc.update(call.request.body);
    let PublishedKey::Rsa(key) = call.key(location)? else {
        return Err(Refusal::BadSignature);
    };
    // `sum` is unsigned, as PayPal writes it.
    let message = format!("{id}|{time}|{webhook}|{}", crc.sum());
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    match key.verify(message.as_bytes(), &signature) {
        Ok(()) => Ok(None),
        Err(_) => Err(Refusal::BadSignature),
    }
}
