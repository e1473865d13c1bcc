//! Amazon SNS signs fields of the body with a certificate that the body names.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
//!
//! `UnsubscribeURL` and `MessageAttributes` are not signed, and raw delivery is not signed at all.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use http::StatusCode;
use serde_json::Value;

use super::{Call, Verdict, text};
use crate::catalog::Encoding;
use crate::signature::facts::PLAIN;
use crate::signature::keys::decode;
use crate::signature::published::sns_confirmation;
use crate::signature::{HandshakeResponse, KeyLocation, PublishedKey, Received, Refusal};

const NOTIFICATION: [&str; 6] = [
    "Message",
    "MessageId",
    "Subject",
    "Timestamp",
    "TopicArn",
    "Type",
];
const CONFIRMATION: [&str; 7] = [
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
];

pub(super) fn verify(call: &Call<'_>) -> Result<Verdict, Refusal> {
    let body = call.unverified_json()?;
    let kind = text(&body, "Type")?;
    let fields: &[&str] = match kind {
        "Notification" => &NOTIFICATION,
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => &CONFIRMATION,
        _ => return Err(Refusal::BadForm),
    };
    // Anybody may subscribe an endpoint to a topic of theirs.
    if call.settings.topic_arn.as_deref() != Some(text(&body, "TopicArn")?) {
        return Err(Refusal::BadSignature);
    }
    let algorithm: &'static RsaParameters = match text(&body, "SignatureVersion")? {
        "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        "2" => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(Refusal::BadForm),
    };
    let signature = decode(Encoding::Base64, text(&body, "Signature")?.as_bytes());
    let signature = signature.ok_or(Refusal::BadForm)?;
    let message = canonical(&body, fields)?;
    call.check_time(text(&body, "Timestamp")?)?;
    // A function that SNS invokes gets it by another spelling, and may pass it on.
    let url = text(&body, "SigningCertURL").or_else(|_| text(&body, "SigningCertUrl"))?;
    let location = KeyLocation::sns(url).ok_or(Refusal::BadForm)?;
    let PublishedKey::Rsa(key) = call.key(location)? else {
        return Err(Refusal::BadSignature);
    };
    let key = UnparsedPublicKey::new(algorithm, key);
    if key.verify(message.as_bytes(), &signature).is_err() {
        return Err(Refusal::BadSignature);
    }
    if kind == "SubscriptionConfirmation" {
        let confirmed = confirm(call, text(&body, "SubscribeURL")?);
        return confirmed.ok_or(Refusal::BadForm).map(Verdict::Done);
    }
    Ok(Verdict::By(None))
}

/// Each field that is there, by name: its name and its value, a line each.
fn canonical(body: &Value, fields: &[&str]) -> Result<String, Refusal> {
    let mut message = String::new();
    for name in fields {
        match body.get(*name) {
            Some(Value::String(value)) => {
                message.extend([*name, "\n", value.as_str(), "\n"]);
            }
            None | Some(Value::Null) if *name == "Subject" => {}
            _ => return Err(Refusal::MissingHeader),
        }
    }
    Ok(message)
}

/// The subscription is confirmed by a call of a URL at SNS, for our topic.
fn confirm(call: &Call<'_>, url: &str) -> Option<Received> {
    let url = sns_confirmation(url)?;
    let mut topics = url.query_pairs().filter(|(name, _)| name == "TopicArn");
    let topic = topics.next()?.1;
    if topics.next().is_some() || call.settings.topic_arn.as_deref() != Some(&topic) {
        return None;
    }
    let answer = HandshakeResponse {
        status: StatusCode::OK,
        content_type: PLAIN,
        headers: Vec::new(),
        body: bytes::Bytes::new(),
    };
    Some(Received::Confirmation(Box::new(url.clone()), answer))
}
