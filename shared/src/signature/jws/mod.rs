//! Signed tokens in compact form (RFC 7515), as providers put them into requests.
//!
//! The algorithm is the scheme's and never the token's; there is one spelling of each part; an
//! extension that a token calls critical is one that we do not know.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::Refusal;
use crate::jwt::VerificationKey;

const MAX_BYTES: usize = 16 * 1024;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
    #[serde(default, deserialize_with = "is_there")]
    b64: bool,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// A token, of which nothing is to be believed before it is verified.
pub(super) struct Jws<'a> {
    header: Header,
    signed: &'a str,
    payload: Vec<u8>,
    signature: &'a str,
}

impl<'a> Jws<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, Refusal> {
        Self::read(token).ok_or(Refusal::BadForm)
    }

    fn read(token: &'a str) -> Option<Self> {
        let (signed, signature) = token
            .rsplit_once('.')
            .filter(|_| token.len() <= MAX_BYTES)?;
        let (header, payload) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.crit || header.b64 {
            return None;
        }
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        Some(Self {
            header,
            signed,
            payload,
            signature,
        })
    }

    /// What the token says of its algorithm.
    pub(super) fn algorithm(&self) -> &str {
        &self.header.alg
    }

    /// Which key it says it was signed with.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Whether it is signed by HMAC with SHA-256 and this key.
    pub(super) fn is_signed_hs256(&self, key: &[u8]) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(self.signature) else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        self.header.alg == "HS256" && hmac::verify(&key, self.signed.as_bytes(), &signature).is_ok()
    }

    /// Whether it is signed by `algorithm` and the private half of this key.
    pub(super) fn is_signed(&self, algorithm: Algorithm, key: &VerificationKey) -> bool {
        let is_named = self.header.alg.parse() == Ok(algorithm);
        is_named
            && key.algorithms.contains(&algorithm)
            && jsonwebtoken::crypto::verify(
                self.signature,
                self.signed.as_bytes(),
                &key.key,
                algorithm,
            )
            .unwrap_or(false)
    }

    /// Its claims, once it is verified.
    pub(super) fn claims<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.payload).map_err(|_| Refusal::BadForm)
    }
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
