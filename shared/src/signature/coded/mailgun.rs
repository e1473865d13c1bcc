//! Mailgun signs a timestamp and a token, and of what happened nothing.
//! <https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>

use serde_json::{Value, json};

use super::{Call, text};
use crate::catalog::{Algorithm, Encoding};
use crate::domain::SecretId;
use crate::signature::Refusal;
use crate::signature::facts::is_form;
use crate::signature::keys::decode;
use crate::signature::sample::{Sample, SampleError, Signer};

/// What is signed, and the signature.
struct Signed {
    timestamp: String,
    token: String,
    signature: String,
}

pub(super) fn verify(call: &Call<'_>) -> Result<SecretId, Refusal> {
    let signed = if is_form(call.request.headers) {
        of_form(call.request.body)?
    } else {
        of_json(&call.unverified_json()?)?
    };
    if signed.token.is_empty() || !signed.timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::BadForm);
    }
    call.check_time(&signed.timestamp)?;
    let signature = decode(Encoding::Hex, signed.signature.as_bytes());
    let message = [signed.timestamp.as_bytes(), signed.token.as_bytes()];
    let signatures = [signature.ok_or(Refusal::BadForm)?];
    call.signed(Algorithm::HmacSha256, &message, &signatures)
}

/// Signs a sample, in its `signature`.
pub(super) fn sign(sample: &mut Sample, signer: &Signer<'_>) -> Result<(), SampleError> {
    let (time, token) = (signer.now.as_second().to_string(), signer.id);
    let message = [time.as_bytes(), token.as_bytes()];
    let signature = hex::encode(signer.sign(Algorithm::HmacSha256, &message)?);
    let mut body = sample.json()?;
    let block = body.get_mut("signature").ok_or(SampleError::NoSample)?;
    *block = json!({"timestamp": time, "token": token, "signature": signature});
    sample.body = body.to_string().into_bytes();
    Ok(())
}

fn of_json(body: &Value) -> Result<Signed, Refusal> {
    let block = body.get("signature").ok_or(Refusal::MissingHeader)?;
    let timestamp = match block.get("timestamp") {
        Some(Value::Number(number)) => number.to_string(),
        _ => text(block, "timestamp")?.to_owned(),
    };
    Ok(Signed {
        timestamp,
        token: text(block, "token")?.to_owned(),
        signature: text(block, "signature")?.to_owned(),
    })
}

/// Older webhooks: variables of the sender come first and may have the same names; Mailgun's own
/// are the last.
fn of_form(body: &[u8]) -> Result<Signed, Refusal> {
    let last = |name: &str| {
        let values = form_urlencoded::parse(body).filter(|(found, _)| found == name);
        let last = values.last().map(|(_, value)| value.into_owned());
        last.ok_or(Refusal::MissingHeader)
    };
    Ok(Signed {
        timestamp: last("timestamp")?,
        token: last("token")?,
        signature: last("signature")?,
    })
}
