//! Braintree signs a form's parameter with the hash of the private key.
//! <https://developer.paypal.com/braintree/docs/guides/webhooks/parse> and the libraries, which
//! also try the parameter with a line end after it.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Call, Verdict};
use crate::catalog::{Algorithm, Encoding, KeyForm};
use crate::signature::facts::is_form;
use crate::signature::keys::{decode, mac, verify_any};
use crate::signature::sample::{Sample, SampleError, Signer};
use crate::signature::{EventFacts, Received, Refusal, SigningSecret};

pub(super) fn verify(call: &Call<'_>) -> Result<Verdict, Refusal> {
    let signature = parameter(call, "bt_signature")?;
    let payload = parameter(call, "bt_payload")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\n".contains(&byte);
    if !payload.bytes().all(allowed) {
        return Err(Refusal::BadForm);
    }
    let ours = call
        .settings
        .public_key
        .as_deref()
        .ok_or(Refusal::NoSecret)?;
    let pairs = signature.split('&').take(20);
    let pairs = pairs.filter_map(|pair| pair.split_once('|'));
    let signatures: Vec<_> = pairs
        .filter(|(key, _)| *key == ours)
        .filter_map(|(_, text)| decode(Encoding::Hex, text.as_bytes()))
        .collect();
    let by = call.find(|secret| {
        key_of(secret).is_some_and(|key| {
            let is_of = |end: &[u8]| {
                let message = [payload.as_bytes(), end];
                verify_any(Algorithm::HmacSha1, &key, &message, &signatures)
            };
            is_of(b"") || is_of(b"\n")
        })
    })?;
    Ok(Verdict::Done(Received::Event(EventFacts {
        event_type: kind(&payload),
        verified_with: Some(by),
        ..EventFacts::default()
    })))
}

/// Signs the payload of a sample, and adds the signature to the form.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let public_key = signer.settings.public_key.as_deref();
    let public_key = public_key.ok_or(SampleError::Unusable)?;
    let key = key_of(signer.secret).ok_or(SampleError::Unusable)?;
    let parameters = sample.form();
    let payload = parameters.iter().find(|(name, _)| name == "bt_payload");
    let (_, payload) = payload.ok_or(SampleError::NoSample)?;
    let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
    let signature = hex::encode(mac(algorithm, &key, &[payload.as_bytes()]));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(&parameters);
    form.append_pair("bt_signature", &format!("{public_key}|{signature}"));
    sample.body = form.finish().into_bytes();
    Ok(())
}

/// The key of a private key: its SHA-1.
pub(in crate::signature) fn key_of(secret: &SigningSecret) -> Option<Zeroizing<Vec<u8>>> {
    let text = secret.key(&KeyForm::Text)?;
    Some(Zeroizing::new(
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &text).as_ref().to_vec(),
    ))
}

fn parameter(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    if !is_form(call.request.headers) {
        return Err(Refusal::BadForm);
    }
    let mut values = form_urlencoded::parse(call.request.body)
        .filter(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned());
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(Refusal::RepeatedHeader),
        (None, _) => Err(Refusal::MissingHeader),
    }
}

/// The `kind` of the XML that the payload is. It stands outside of anything that a customer of the
/// merchant could have written, as the first of its name.
fn kind(payload: &str) -> Option<String> {
    let compact: String = payload.split('\n').collect();
    let xml = String::from_utf8(STANDARD.decode(compact).ok()?).ok()?;
    let (_, rest) = xml.split_once("<kind>")?;
    let (kind, _) = rest.split_once("</kind>")?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_kind = (1..=100).contains(&kind.len()) && kind.chars().all(fits);
    is_kind.then(|| kind.to_owned())
}
