//! Adyen's payment webhooks sign eight fields of each item, and nothing else.
//! <https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures/>

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Call, Verdict, text};
use crate::catalog::{Algorithm, Encoding, KeyForm};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::batch::split_json;
use crate::signature::keys::{decode, mac, verify_any};
use crate::signature::sample::{Sample, SampleError, Signer};

pub(super) fn verify(call: &Call<'_>) -> Result<Verdict, Refusal> {
    // The list is read once: what was verified of it is what becomes events.
    let items = split_json("/notificationItems", call.unverified_body()?)?;
    let items = items.ok_or(Refusal::BadForm)?;
    if items.is_empty() {
        return Err(Refusal::BadForm);
    }
    let mut newest = None;
    for item in &items {
        let item: Value = serde_json::from_slice(&item.item).map_err(|_| Refusal::BadForm)?;
        let request = item
            .get("NotificationRequestItem")
            .ok_or(Refusal::BadForm)?;
        newest = Some(verify_item(call, request)?);
    }
    Ok(Verdict::Items(newest, items))
}

fn verify_item(call: &Call<'_>, item: &Value) -> Result<SecretId, Refusal> {
    let data = item.get("additionalData").ok_or(Refusal::MissingHeader)?;
    let signature = decode(Encoding::Base64, text(data, "hmacSignature")?.as_bytes());
    let signatures = [signature.ok_or(Refusal::BadForm)?];
    let message = signed_fields(item).ok_or(Refusal::BadForm)?;
    call.find(|secret| {
        let key = secret.key(&KeyForm::Hex);
        key.is_some_and(|key| {
            verify_any(
                Algorithm::HmacSha256,
                &key,
                &[message.as_bytes()],
                &signatures,
            )
        })
    })
}

/// Signs each item of a sample, where its signature is.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let key = signer.secret.key(&KeyForm::Hex);
    let key = key.ok_or(SampleError::Unusable)?;
    let mut body = sample.json()?;
    let items = body.pointer_mut("/notificationItems");
    let items = items.and_then(Value::as_array_mut).into_iter().flatten();
    for item in items.filter_map(|item| item.get_mut("NotificationRequestItem")) {
        let message = signed_fields(item).ok_or(SampleError::NoSample)?;
        let signature = mac(hmac::HMAC_SHA256, &key, &[message.as_bytes()]);
        let place = item.pointer_mut("/additionalData/hmacSignature");
        *place.ok_or(SampleError::NoSample)? = STANDARD.encode(signature).into();
    }
    sample.body = body.to_string().into_bytes();
    Ok(())
}

/// The eight fields, joined.
fn signed_fields(item: &Value) -> Option<String> {
    let amount = item.get("amount").unwrap_or(&Value::Null);
    let fields = [
        item.get("pspReference"),
        item.get("originalReference"),
        item.get("merchantAccountCode"),
        item.get("merchantReference"),
        amount.get("value"),
        amount.get("currency"),
        item.get("eventCode"),
        item.get("success"),
    ];
    let fields: Option<Vec<String>> = fields.into_iter().map(written).collect();
    Some(fields?.join(":"))
}

/// A field as it is signed: nothing, if it is absent; not escaped.
fn written(field: Option<&Value>) -> Option<String> {
    match field {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::Bool(truth)) => Some(truth.to_string()),
        Some(Value::Array(_) | Value::Object(_)) => None,
    }
}
