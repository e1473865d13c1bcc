//! Secrets, and what is made with them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm,
};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::catalog::{Algorithm, Encoding, KeyForm};

/// What comes before the point in a DER SubjectPublicKeyInfo of an uncompressed P-256 key
/// (RFC 5480).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P256_POINT_BYTES: usize = 65;

/// A signing secret, as it was configured.
#[derive(Clone)]
pub struct SigningSecret(SecretString);

/// Why a text is not a secret of a scheme. Says what was expected, never what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It cannot be decoded.
    #[error("is not of the form that the scheme expects")]
    Form,
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningSecret").finish_non_exhaustive()
    }
}

impl From<SecretString> for SigningSecret {
    fn from(text: SecretString) -> Self {
        Self(text)
    }
}

impl SigningSecret {
    /// The secret as it was unsealed.
    ///
    /// # Errors
    ///
    /// If it is not text.
    pub fn from_utf8(bytes: &[u8]) -> Result<Self, SecretError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SecretError::Form)?;
        Ok(Self(SecretString::from(text.to_owned())))
    }

    /// The key that it stands for, in a form.
    #[expect(clippy::disallowed_methods, reason = "here a secret becomes a key")]
    pub(super) fn key(&self, form: &KeyForm) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let text = self.0.expose_secret();
        let key = match form {
            KeyForm::Text => text.as_bytes().to_vec(),
            KeyForm::Hex => hex::decode(text).map_err(|_| SecretError::Form)?,
            KeyForm::Base64 { prefix, optional } => {
                let text = match text.strip_prefix(prefix.as_str()) {
                    Some(rest) => rest,
                    None if *optional => text,
                    None => return Err(SecretError::Form),
                };
                STANDARD.decode(text).map_err(|_| SecretError::Form)?
            }
            KeyForm::P256Spki => {
                let spki = STANDARD.decode(text).map_err(|_| SecretError::Form)?;
                let point = spki.strip_prefix(&P256_SPKI).ok_or(SecretError::Form)?;
                if point.len() != P256_POINT_BYTES || point.first() != Some(&4) {
                    return Err(SecretError::Form);
                }
                point.to_vec()
            }
        };
        if key.is_empty() {
            Err(SecretError::Empty)
        } else {
            Ok(Zeroizing::new(key))
        }
    }
}

/// Whether `key` can be used for `algorithm` at all.
pub(super) fn fits(algorithm: Algorithm, key: &[u8]) -> bool {
    match algorithm {
        Algorithm::HmacSha1 | Algorithm::HmacSha256 | Algorithm::HmacSha512 => !key.is_empty(),
        Algorithm::Ed25519 => key.len() == 32,
        Algorithm::EcdsaP256Sha256 => key.len() == P256_POINT_BYTES,
    }
}

/// Whether `signature` is that of the concatenated `message`. Takes as long whether it is or not.
pub(super) fn verify(
    algorithm: Algorithm,
    key: &[u8],
    message: &[&[u8]],
    signature: &[u8],
) -> bool {
    match algorithm {
        Algorithm::HmacSha1 => {
            let computed = mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, message);
            constant_time::verify_slices_are_equal(computed.as_ref(), signature).is_ok()
        }
        Algorithm::HmacSha256 => {
            let computed = mac(hmac::HMAC_SHA256, key, message);
            constant_time::verify_slices_are_equal(computed.as_ref(), signature).is_ok()
        }
        Algorithm::HmacSha512 => {
            let computed = mac(hmac::HMAC_SHA512, key, message);
            constant_time::verify_slices_are_equal(computed.as_ref(), signature).is_ok()
        }
        Algorithm::Ed25519 => public(&ED25519, key, message, signature),
        Algorithm::EcdsaP256Sha256 => public(&ECDSA_P256_SHA256_ASN1, key, message, signature),
    }
}

fn mac(algorithm: hmac::Algorithm, key: &[u8], message: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    message.iter().for_each(|part| context.update(part));
    context.sign()
}

fn public(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[&[u8]],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, key)
        .verify(&message.concat(), signature)
        .is_ok()
}

/// Decodes a signature. There is one spelling of each: no upper-case hexadecimal, no missing
/// padding, nothing before or after.
pub(super) fn decode(encoding: Encoding, text: &[u8]) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex if text.iter().any(u8::is_ascii_uppercase) => None,
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => STANDARD.decode(text).ok(),
        Encoding::Base64url => URL_SAFE_NO_PAD.decode(text).ok(),
    }
}
