//! Secrets, and what is made with them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::catalog::{Algorithm, Encoding, KeyForm};

/// What comes before the point in a DER SubjectPublicKeyInfo of an uncompressed P-256 key
/// (RFC 5480).
pub(super) const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P256_POINT_BYTES: usize = 65;

/// The longest secret, in bytes: ten of them fit their endpoint's item. The longest that a provider
/// gives out is a public key of some hundred bytes.
const MAX_SECRET_BYTES: usize = 4096;

/// A signing secret, as it was configured.
#[derive(Clone)]
pub struct SigningSecret(SecretString);

/// Why a text is not a secret of a scheme. Says what was expected, never what was there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// No secret is that long.
    #[error("must not be longer than {MAX_SECRET_BYTES} bytes")]
    TooLong,
    /// It cannot be decoded.
    #[error("must be {0}")]
    Form(String),
    /// It cannot be meant so: it was copied with what stands around it.
    #[error("must not start or end with white space")]
    Padded,
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
        let text =
            std::str::from_utf8(bytes).map_err(|_| SecretError::Form("UTF-8 text".to_owned()))?;
        Ok(Self(SecretString::from(text.to_owned())))
    }

    /// The key that it stands for, in a form; `None` if it cannot be decoded, or holds no byte.
    #[expect(clippy::disallowed_methods, reason = "here a secret becomes a key")]
    pub(super) fn key(&self, form: &KeyForm) -> Option<Zeroizing<Vec<u8>>> {
        let text = self.0.expose_secret();
        let key = match form {
            KeyForm::Text => text.as_bytes().to_vec(),
            KeyForm::HtmlText => without_entities(text).as_bytes().to_vec(),
            KeyForm::Hex => hex::decode(text).ok()?,
            KeyForm::Base64 { prefix, optional } => {
                let rest = text.strip_prefix(prefix.as_str());
                STANDARD.decode(rest.or(optional.then_some(text))?).ok()?
            }
            KeyForm::P256Spki => {
                let spki = spki(text)?;
                spki.strip_prefix(&P256_SPKI)?.to_vec()
            }
            KeyForm::RsaSpki => spki(text)?,
        };
        (!key.is_empty()).then(|| Zeroizing::new(key))
    }

    /// Whether it is `given`. How long that takes tells neither how much of it was right, nor how
    /// long it is.
    #[expect(clippy::disallowed_methods, reason = "here a token is compared")]
    pub(super) fn is(&self, given: &[u8]) -> bool {
        let of = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
        let (own, given) = (of(self.0.expose_secret().as_bytes()), of(given));
        constant_time::verify_slices_are_equal(own.as_ref(), given.as_ref()).is_ok()
    }

    /// Whether it is a user name and a password.
    #[expect(clippy::disallowed_methods, reason = "only a colon is looked for")]
    pub(super) fn is_user_and_password(&self) -> bool {
        let parts = self.0.expose_secret().split_once(':');
        parts.is_some_and(|(user, password)| !user.is_empty() && !password.is_empty())
    }

    /// Whether it can be stored.
    #[expect(clippy::disallowed_methods, reason = "only its length is looked at")]
    pub(super) fn check_length(&self) -> Result<(), SecretError> {
        if self.0.expose_secret().len() > MAX_SECRET_BYTES {
            Err(SecretError::TooLong)
        } else {
            Ok(())
        }
    }

    /// What no secret of any scheme is.
    #[expect(clippy::disallowed_methods, reason = "only its ends are looked at")]
    pub(super) fn check_text(&self) -> Result<(), SecretError> {
        let text = self.0.expose_secret();
        if text.is_empty() {
            Err(SecretError::Empty)
        } else if text.trim() != text {
            Err(SecretError::Padded)
        } else {
            Ok(())
        }
    }
}

/// A public key as providers show it: with or without the armour of PEM (RFC 7468), whose lines end
/// somehow.
fn spki(text: &str) -> Option<Vec<u8>> {
    const ARMOUR: [&str; 2] = ["-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"];
    let Some(rest) = text.trim().strip_prefix(ARMOUR[0]) else {
        return STANDARD.decode(text).ok();
    };
    let lines = rest.strip_suffix(ARMOUR[1])?.split_ascii_whitespace();
    STANDARD.decode(lines.collect::<String>()).ok()
}

/// As WordPress decodes what it stores (`wp_specialchars_decode`): once, and only these.
fn without_entities(text: &str) -> Zeroizing<String> {
    let mut decoded = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        let entity = after.split_once(';');
        let known = entity.and_then(|(name, tail)| Some((character_of(name)?, tail)));
        let (character, tail) = known.unwrap_or(('&', after));
        decoded.push(character);
        rest = tail;
    }
    decoded.push_str(rest);
    decoded
}

fn character_of(entity: &str) -> Option<char> {
    let (digits, radix) = match entity {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        other => match other.strip_prefix("#x").or(other.strip_prefix("#X")) {
            Some(digits) => (digits, 16),
            None => (other.strip_prefix('#')?, 10),
        },
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, radix)
        .ok()
        .filter(|_| is_number)?;
    char::from_u32(code).filter(|found| "\"'&<>".contains(*found))
}

/// What a secret of this form looks like, for who has configured another.
pub(super) fn describe(form: &KeyForm) -> String {
    match form {
        KeyForm::Text | KeyForm::HtmlText => "a text".to_owned(),
        KeyForm::Hex => "hexadecimal".to_owned(),
        KeyForm::Base64 { prefix, .. } if prefix.is_empty() => "base64".to_owned(),
        KeyForm::Base64 { prefix, .. } => format!("`{prefix}` with base64 after it"),
        KeyForm::P256Spki => "a P-256 public key in base64, as the provider shows it".to_owned(),
        KeyForm::RsaSpki => {
            "an RSA public key of at least 2048 bits, as PEM or in base64".to_owned()
        }
    }
}

/// Whether `key` can be used for `algorithm` at all.
pub(super) fn fits(algorithm: Algorithm, key: &[u8]) -> bool {
    match algorithm {
        Algorithm::HmacSha1 | Algorithm::HmacSha256 | Algorithm::HmacSha512 => !key.is_empty(),
        Algorithm::Ed25519 => key.len() == 32,
        Algorithm::EcdsaP256Sha256 => key.len() == P256_POINT_BYTES && key.first() == Some(&4),
        Algorithm::RsaPkcs1Sha256 => !key.is_empty(),
    }
}

/// Whether a public key is one: a point of the curve. Others verify nothing.
pub(super) fn is_sound(algorithm: Algorithm, key: &[u8]) -> bool {
    match algorithm {
        Algorithm::HmacSha1 | Algorithm::HmacSha256 | Algorithm::HmacSha512 => true,
        Algorithm::Ed25519 => ParsedPublicKey::new(&ED25519, key).is_ok(),
        Algorithm::EcdsaP256Sha256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).is_ok(),
        Algorithm::RsaPkcs1Sha256 => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).is_ok(),
    }
}

/// Whether one of `signatures` is that of the concatenated `message`. A code is computed once for
/// all of them, and how long the comparison takes does not tell how much of one was right.
pub(super) fn verify_any(
    algorithm: Algorithm,
    key: &[u8],
    message: &[&[u8]],
    signatures: &[Vec<u8>],
) -> bool {
    let by_code = |algorithm| {
        let computed = mac(algorithm, key, message);
        let is_it = |signature: &Vec<u8>| {
            constant_time::verify_slices_are_equal(computed.as_ref(), signature).is_ok()
        };
        signatures.iter().any(is_it)
    };
    let by_public_key = |algorithm: &'static dyn VerificationAlgorithm| {
        let (key, message) = (UnparsedPublicKey::new(algorithm, key), message.concat());
        let mut signatures = signatures.iter();
        signatures.any(|signature| key.verify(&message, signature).is_ok())
    };
    match algorithm {
        Algorithm::HmacSha1 => by_code(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        Algorithm::HmacSha256 => by_code(hmac::HMAC_SHA256),
        Algorithm::HmacSha512 => by_code(hmac::HMAC_SHA512),
        Algorithm::Ed25519 => by_public_key(&ED25519),
        Algorithm::EcdsaP256Sha256 => by_public_key(&ECDSA_P256_SHA256_ASN1),
        Algorithm::RsaPkcs1Sha256 => by_public_key(&RSA_PKCS1_2048_8192_SHA256),
    }
}

pub(super) fn mac(algorithm: hmac::Algorithm, key: &[u8], message: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    message.iter().for_each(|part| context.update(part));
    context.sign()
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
