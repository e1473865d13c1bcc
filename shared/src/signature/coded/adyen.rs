//! Adyen's payment webhooks sign eight fields of each item, and nothing else.
//! <https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures/>

use serde_json::Value;

use super::{Call, Verdict, text};
use crate::catalog::{Algorithm, Encoding, KeyForm};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::batch::split_json;
use crate::signature::keys::{decode, verify_any};

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
    let message = fields.ok_or(Refusal::BadForm)?.join(":");
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
