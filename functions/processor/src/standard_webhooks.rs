//! Signs what is sent, by Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::domain::{EventId, Timestamp};
use zeroize::Zeroizing;

/// The key of a secret: base64 after `whsec_`.
pub(crate) fn key(secret: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    STANDARD
        .decode(secret.strip_prefix(b"whsec_")?)
        .ok()
        .map(Zeroizing::new)
}

/// The value of `webhook-signature`: one signature for each key, so that a receiver can change
/// over from an old key to a new one.
pub(crate) fn signature(
    keys: &[Zeroizing<Vec<u8>>],
    id: EventId,
    timestamp: Timestamp,
    body: &[u8],
) -> String {
    let prefix = format!("{id}.{}.", timestamp.as_second());
    let signatures = keys.iter().map(|key| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mut context = hmac::Context::with_key(&key);
        context.update(prefix.as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}
