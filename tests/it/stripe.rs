use aws_lc_rs::hmac;
use gatehouse::lambda::system_sources;

/// The value of the header by which Stripe signs a body now.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    signature_at(system_sources().now().as_second(), secret, body)
}

/// The same, at another time.
pub(super) fn signature_at(second: i64, secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let message = [format!("{second}.").as_bytes(), body].concat();
    format!("t={second},v1={}", hex::encode(hmac::sign(&key, &message)))
}
