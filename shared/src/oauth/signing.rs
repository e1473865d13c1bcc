//! Making a JSON Web Signature (RFC 7515), with keys as people have them: PEM, or a shared secret.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value};
use zeroize::{Zeroize as _, Zeroizing};

use crate::domain::JwtAlgorithm;

/// RFC 7518 section 3.2: the key is not shorter than the hash.
const MIN_HMAC_BYTES: usize = 32;

/// A JWT in its compact form, signed by `sign`; `None`, if that signs nothing.
pub(crate) fn signed(
    header: Map<String, Value>,
    claims: Map<String, Value>,
    sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<Zeroizing<String>> {
    let part = |members| URL_SAFE_NO_PAD.encode(Value::Object(members).to_string());
    let [header, claims] = [header, claims].map(part);
    let mut text = Zeroizing::new(format!("{header}.{claims}"));
    let signature = sign(text.as_bytes())?;
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Some(text)
}

/// What a key of `algorithm` has to be.
pub(crate) fn expected_key(algorithm: JwtAlgorithm) -> &'static str {
    match algorithm {
        JwtAlgorithm::HS256 => "a secret of 32 bytes or more",
        JwtAlgorithm::RS256 => {
            "an RSA private key of 2048 bits or more as PEM, without a passphrase"
        }
        JwtAlgorithm::ES256 => "a P-256 private key as PEM, without a passphrase",
        JwtAlgorithm::EdDSA => "an Ed25519 private key as PEM, without a passphrase",
    }
}

/// The signature of `text`; `None`, if `key` is not what [`expected_key`] says.
pub(crate) fn sign(algorithm: JwtAlgorithm, key: &str, text: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        JwtAlgorithm::HS256 => (key.len() >= MIN_HMAC_BYTES).then(|| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
            hmac::sign(&key, text).as_ref().to_vec()
        }),
        JwtAlgorithm::RS256 => with_private_key(key, |key| rs256(key, text)),
        JwtAlgorithm::ES256 => with_private_key(key, |key| es256(key, text)),
        JwtAlgorithm::EdDSA => with_private_key(key, |key| eddsa(key, text)),
    }
}

/// Reads a PEM, also one whose line feeds are written `\n`, as they are in a key file's JSON.
fn with_private_key<T>(pem: &str, sign: impl FnOnce(&PrivateKeyDer<'_>) -> Option<T>) -> Option<T> {
    let pem = Zeroizing::new(pem.replace("\\n", "\n"));
    let mut key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
    let signed = sign(&key);
    key.zeroize();
    signed
}

/// The key types below take no RSA key of less than 2048 bits, and no other curve.
fn rs256(key: &PrivateKeyDer<'_>, text: &[u8]) -> Option<Vec<u8>> {
    let pair = match key {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return None,
    };
    let pair = pair.ok()?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text,
        &mut signature,
    )
    .ok()?;
    Some(signature)
}

fn es256(key: &PrivateKeyDer<'_>, text: &[u8]) -> Option<Vec<u8>> {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = match key {
        PrivateKeyDer::Pkcs8(key) => EcdsaKeyPair::from_pkcs8(algorithm, key.secret_pkcs8_der()),
        PrivateKeyDer::Sec1(key) => {
            EcdsaKeyPair::from_private_key_der(algorithm, key.secret_sec1_der())
        }
        _ => return None,
    };
    let signature = pair.ok()?.sign(&SystemRandom::new(), text).ok()?;
    Some(signature.as_ref().to_vec())
}

fn eddsa(key: &PrivateKeyDer<'_>, text: &[u8]) -> Option<Vec<u8>> {
    let PrivateKeyDer::Pkcs8(key) = key else {
        return None;
    };
    // As OpenSSL writes it, the key comes without its public half.
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der()).ok()?;
    Some(pair.sign(text).as_ref().to_vec())
}
