//! Signed tokens, as providers put them into requests. What is checked of their form is what `jwt`
//! checks of any; the algorithm is the scheme's, and what a token says of it may only agree.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Refusal;
use crate::jwt::{Algorithm, Compact, VerificationKey};

const MAX_BYTES: usize = 16 * 1024;

/// A token, of which nothing is to be believed before it is verified.
pub(super) struct Jws<'a>(Compact<'a>);

impl<'a> Jws<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > MAX_BYTES {
            return Err(Refusal::BadForm);
        }
        Compact::read(token).map(Self).map_err(|_| Refusal::BadForm)
    }

    /// Whether it says that it is signed by `algorithm`.
    pub(super) fn names(&self, algorithm: Algorithm) -> bool {
        self.0.algorithm == algorithm
    }

    /// Which key it says it was signed with.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.0.key_id.as_deref()
    }

    /// Whether it is signed by HMAC with SHA-256 and this key. Providers let people choose keys
    /// that are shorter than RFC 7518 has them.
    pub(super) fn is_signed_hs256(&self, key: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let (signed, signature) = (self.0.signed.as_bytes(), &self.0.signature);
        self.names(Algorithm::HS256) && hmac::verify(&key, signed, signature).is_ok()
    }

    /// Whether it is signed by `algorithm` and the private half of this key.
    pub(super) fn is_signed(&self, algorithm: Algorithm, key: &VerificationKey) -> bool {
        let (signed, signature) = (self.0.signed.as_bytes(), &self.0.signature);
        self.names(algorithm) && key.has_signed(algorithm, signed, signature)
    }

    /// Its claims, once it is verified.
    pub(super) fn claims<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.0.payload).map_err(|_| Refusal::BadForm)
    }
}

/// A token with these claims, signed by HMAC with SHA-256.
pub(super) fn signed_hs256(key: &[u8], claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let signed = format!("{}.{}", part(&header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// From when until when a token holds (RFC 7519 sections 4.1.4 to 4.1.6), in seconds.
#[derive(Deserialize)]
pub(super) struct Lifetime {
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
}

impl Lifetime {
    /// `leeway` is by how much the issuer's clock and ours may differ, in seconds.
    pub(super) fn check(&self, now: Timestamp, leeway: i64) -> Result<(), Refusal> {
        let now = now.as_second();
        let is_over = now >= self.exp.saturating_add(leeway);
        let starts = [self.nbf, self.iat].into_iter().flatten();
        let begun = starts
            .into_iter()
            .all(|start| start.saturating_sub(leeway) <= now);
        if begun && !is_over {
            Ok(())
        } else {
            Err(Refusal::Stale)
        }
    }
}

#[cfg(test)]
mod tests;
