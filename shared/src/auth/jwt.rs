use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use super::AuthError;
use super::fields::Fields;
use crate::domain::{JwtAlgorithm, JwtAuth, Sources, ValueTemplate};

/// RFC 7518 section 3.2: the key is not shorter than the hash.
const MIN_HMAC_BYTES: usize = 32;

/// Whether the key can sign.
pub(super) fn check(auth: &JwtAuth, fields: &Fields<'_>) -> Result<(), AuthError> {
    sign(auth, fields.require(&auth.key_field)?, b"").map(|_| ())
}

/// Makes and signs an assertion (RFC 7515, RFC 7519).
pub(super) fn assertion(
    auth: &JwtAuth,
    fields: &Fields<'_>,
    sources: &Sources,
) -> Result<Zeroizing<String>, AuthError> {
    let mut header = Map::new();
    header.insert("alg".to_owned(), json!(auth.algorithm));
    header.insert("typ".to_owned(), json!("JWT"));
    if let Some(template) = &auth.key_id {
        let key_id = fields.fill(template)?;
        header.insert("kid".to_owned(), json!(*key_id));
    }
    let mut claims = Map::new();
    for (name, value) in &auth.claims {
        claims.insert(name.clone(), filled(value, fields)?);
    }
    let (issued, mut id) = (sources.now().as_second(), [0; 16]);
    sources.randomness.fill(&mut id);
    claims.insert("iat".to_owned(), json!(issued));
    let ends = issued.saturating_add(auth.lifetime_seconds.into());
    claims.insert("exp".to_owned(), json!(ends));
    claims.insert("jti".to_owned(), json!(hex::encode(id)));
    let part = |members| URL_SAFE_NO_PAD.encode(Value::Object(members).to_string());
    let [header, claims] = [header, claims].map(part);
    let mut text = Zeroizing::new(format!("{header}.{claims}"));
    let signature = sign(auth, fields.require(&auth.key_field)?, text.as_bytes())?;
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(text)
}

/// A claim, with its texts filled in.
fn filled(value: &Value, fields: &Fields<'_>) -> Result<Value, AuthError> {
    Ok(match value {
        Value::String(text) => {
            let template: ValueTemplate = text
                .parse()
                .map_err(|_| AuthError::Configuration("a claim is no template"))?;
            Value::String(fields.fill(&template)?.to_string())
        }
        Value::Array(values) => {
            let values = values.iter().map(|value| filled(value, fields));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| Ok((name.clone(), filled(value, fields)?)));
            Value::Object(members.collect::<Result<_, AuthError>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn sign(auth: &JwtAuth, key: &str, text: &[u8]) -> Result<Vec<u8>, AuthError> {
    let (signature, expected) = match auth.algorithm {
        JwtAlgorithm::HS256 => (
            (key.len() >= MIN_HMAC_BYTES).then(|| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
                hmac::sign(&key, text).as_ref().to_vec()
            }),
            "a secret of 32 bytes or more",
        ),
        JwtAlgorithm::RS256 => (
            with_private_key(key, |key| rs256(key, text)),
            "an RSA private key of 2048 bits or more as PEM, without a passphrase",
        ),
        JwtAlgorithm::ES256 => (
            with_private_key(key, |key| es256(key, text)),
            "a P-256 private key as PEM, without a passphrase",
        ),
        JwtAlgorithm::EdDSA => (
            with_private_key(key, |key| eddsa(key, text)),
            "an Ed25519 private key as PEM, without a passphrase",
        ),
    };
    signature.ok_or_else(|| AuthError::UnusableField {
        field: auth.key_field.clone(),
        expected,
    })
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
