//! Showing that one has the key that a token is bound to (RFC 9449).

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use zeroize::Zeroizing;

use super::OauthError;
use super::signing::signed;
use crate::domain::Sources;

/// What a nonce of a server may be long (RFC 9449 section 8.1 sets no limit).
const MAX_NONCE_BYTES: usize = 1024;
/// Of so many servers, the last nonce is kept.
const MAX_NONCES: usize = 256;
/// Random bytes in a proof's id.
const ID_BYTES: usize = 16;

/// A P-256 key, made for one grant.
pub struct DpopKey {
    pair: EcdsaKeyPair,
    x: String,
    y: String,
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopKey").finish_non_exhaustive()
    }
}

/// What a proof is for.
#[derive(Clone, Copy, Debug)]
pub struct ProofOf<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// Its URL; query and fragment are left out.
    pub url: &'a Url,
    /// The access token that goes with it, if one does.
    pub access_token: Option<&'a str>,
    /// The nonce that the server wants to see, if it has said one.
    pub nonce: Option<&'a str>,
}

impl DpopKey {
    /// A new key, as PKCS #8.
    ///
    /// # Errors
    ///
    /// [`OauthError::Configuration`], if the system has no randomness.
    pub fn generate() -> Result<Zeroizing<Vec<u8>>, OauthError> {
        const FAILED: OauthError = OauthError::Configuration("no DPoP key can be made");
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        let der = der.map_err(|_| FAILED)?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// Reads a key of [`DpopKey::generate`].
    ///
    /// # Errors
    ///
    /// [`OauthError::Configuration`], if it is none.
    pub fn read(pkcs8: &[u8]) -> Result<Self, OauthError> {
        const NONE: OauthError = OauthError::Configuration("the DPoP key cannot be read");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8);
        let pair = pair.map_err(|_| NONE)?;
        // SEC 1 section 2.3.3: 4, then both coordinates.
        let point = pair.public_key().as_ref().get(1..65).ok_or(NONE)?;
        let (x, y) = point.split_at_checked(32).ok_or(NONE)?;
        let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
        Ok(Self { pair, x, y })
    }

    /// The public key's thumbprint (RFC 7638): the parameter `dpop_jkt`, the claim `jkt`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let (x, y) = (&self.x, &self.y);
        // The members in the order of their names, without spaces.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
    }

    /// A proof: the value of the header `DPoP` (RFC 9449 section 4.2).
    ///
    /// # Errors
    ///
    /// [`OauthError::Configuration`], if nothing can be signed.
    pub fn proof(&self, of: ProofOf<'_>, sources: &Sources) -> Result<String, OauthError> {
        let mut id = [0; ID_BYTES];
        sources.randomness.fill(&mut id);
        let mut url = of.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        let mut claims = Map::new();
        claims.insert("jti".to_owned(), json!(hex::encode(id)));
        claims.insert("htm".to_owned(), json!(of.method.as_str()));
        claims.insert("htu".to_owned(), json!(url.as_str()));
        claims.insert("iat".to_owned(), json!(sources.now().as_second()));
        if let Some(token) = of.access_token {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
            claims.insert("ath".to_owned(), json!(hash));
        }
        if let Some(nonce) = of.nonce {
            claims.insert("nonce".to_owned(), json!(nonce));
        }
        let header: Map<String, Value> = [
            ("typ".to_owned(), json!("dpop+jwt")),
            ("alg".to_owned(), json!("ES256")),
            (
                "jwk".to_owned(),
                json!({"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y}),
            ),
        ]
        .into_iter()
        .collect();
        let sign = |text: &[u8]| {
            let signature = self.pair.sign(&SystemRandom::new(), text).ok()?;
            Some(signature.as_ref().to_vec())
        };
        let proof = signed(header, claims, sign);
        proof
            .map(|proof| proof.to_string())
            .ok_or(OauthError::Configuration("no DPoP proof can be signed"))
    }
}

/// The last nonce of each server, by origin. One that is out of date costs a second request.
#[derive(Debug, Default)]
pub struct DpopNonces(Mutex<HashMap<String, String>>);

impl DpopNonces {
    /// The nonce for a request to `url`.
    #[must_use]
    pub fn get(&self, url: &Url) -> Option<String> {
        let nonces = self.0.lock().ok()?;
        nonces.get(&url.origin().ascii_serialization()).cloned()
    }

    /// Keeps the nonce of an answer from `url`, if it has one, and says whether it has.
    pub fn keep(&self, url: &Url, headers: &http::HeaderMap) -> bool {
        let nonce = headers
            .get("dpop-nonce")
            .and_then(|value| value.to_str().ok());
        let is_nonce = |nonce: &&str| (1..=MAX_NONCE_BYTES).contains(&nonce.len());
        let (Some(nonce), Ok(mut nonces)) = (nonce.filter(is_nonce), self.0.lock()) else {
            return false;
        };
        let origin = url.origin().ascii_serialization();
        if nonces.len() >= MAX_NONCES && !nonces.contains_key(&origin) {
            nonces.clear();
        }
        nonces.insert(origin, nonce.to_owned());
        true
    }
}

#[cfg(test)]
mod tests;
