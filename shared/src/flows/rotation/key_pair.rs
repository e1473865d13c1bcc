//! New key pairs, and their public part as providers want to have it.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::calls::Told;
use crate::domain::{JwtAlgorithm, PUBLIC_KEY_NAMES};

/// A line of PEM has so many characters (RFC 7468 section 2).
const LINE: usize = 64;

/// A new key pair.
pub(super) struct NewPair {
    /// The private key: PKCS #8, as PEM.
    pub(super) private: SecretString,
    /// The public key: SubjectPublicKeyInfo, as PEM.
    pub(super) public: String,
}

impl NewPair {
    /// A pair that signs with `algorithm`. None, if that has no pairs, or the system has no
    /// randomness.
    pub(super) fn generate(algorithm: JwtAlgorithm) -> Option<Self> {
        match algorithm {
            JwtAlgorithm::RS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
                let private: Pkcs8V1Der<'_> = pair.as_der().ok()?;
                Some(Self::of(
                    private.as_ref(),
                    &pair.public_key().as_der().ok()?,
                ))
            }
            JwtAlgorithm::ES256 => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let random = SystemRandom::new();
                let private = EcdsaKeyPair::generate_pkcs8(algorithm, &random).ok()?;
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, private.as_ref()).ok()?;
                Some(Self::of(
                    private.as_ref(),
                    &pair.public_key().as_der().ok()?,
                ))
            }
            JwtAlgorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().ok()?;
                let private: Pkcs8V1Der<'_> = pair.as_der().ok()?;
                Some(Self::of(
                    private.as_ref(),
                    &pair.public_key().as_der().ok()?,
                ))
            }
            JwtAlgorithm::HS256 => None,
        }
    }

    fn of(private: &[u8], public: &PublicKeyX509Der<'_>) -> Self {
        Self {
            private: SecretString::from(pem("PRIVATE KEY", private).as_str()),
            public: pem("PUBLIC KEY", public.as_ref()).as_str().to_owned(),
        }
    }
}

/// What is filled in for the public key `pem` with that id: as PEM, as base64, and as a JWK (RFC
/// 7517). None, if it is not one that was made here.
pub(super) fn told_of_public_key(pem: &str, algorithm: JwtAlgorithm, id: &str) -> Option<Told> {
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(&base64).ok()?;
    let mut jwk = jwk(&der, algorithm)?;
    let members = jwk.as_object_mut()?;
    members.insert("kid".to_owned(), json!(id));
    members.insert("use".to_owned(), json!("sig"));
    let forms = [pem.to_owned(), base64, jwk.to_string()];
    let names = PUBLIC_KEY_NAMES.into_iter().map(str::to_owned);
    Some(names.zip(forms).collect())
}

/// The members of a JWK (RFC 7518 section 6, RFC 8037) for a SubjectPublicKeyInfo.
fn jwk(der: &[u8], algorithm: JwtAlgorithm) -> Option<Value> {
    let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match algorithm {
        JwtAlgorithm::EdDSA => {
            let (_, x) = der.split_last_chunk::<32>()?;
            Some(json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": base64(x)}))
        }
        JwtAlgorithm::ES256 => {
            let (_, point) = der.split_last_chunk::<64>()?;
            let (x, y) = point.split_at_checked(32)?;
            let (x, y) = (base64(x), base64(y));
            Some(json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y}))
        }
        JwtAlgorithm::RS256 => {
            // SEQUENCE { SEQUENCE algorithm, BIT STRING { SEQUENCE { INTEGER n, INTEGER e } } }
            let (info, _) = content(der)?;
            let (_, rest) = content(info)?;
            let (bits, _) = content(rest)?;
            let (key, _) = content(bits.get(1..)?)?;
            let (n, rest) = content(key)?;
            let (e, _) = content(rest)?;
            // A number that would be negative has a zero in front.
            let number = |bytes: &[u8]| base64(bytes.strip_prefix(&[0]).unwrap_or(bytes));
            let (n, e) = (number(n), number(e));
            Some(json!({"kty": "RSA", "alg": "RS256", "n": n, "e": e}))
        }
        JwtAlgorithm::HS256 => None,
    }
}

/// The content of the first value of DER (X.690 section 8.1), and what follows it.
fn content(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *length < 0x80 {
        return rest.split_at_checked(usize::from(*length));
    }
    let bytes = usize::from(*length & 0x7f);
    let (length, rest) = rest.split_at_checked(bytes)?;
    let length = length.iter().try_fold(0_usize, |all, byte| {
        all.checked_mul(256)?.checked_add((*byte).into())
    })?;
    rest.split_at_checked(length)
}

fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let text = Zeroizing::new(STANDARD.encode(der));
    let mut pem = Zeroizing::new(format!("-----BEGIN {label}-----\n"));
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
        RsaPublicKeyComponents, UnparsedPublicKey,
    };

    fn jwk(told: &Told) -> Value {
        serde_json::from_str(&told["publicKeyJwk"]).unwrap()
    }

    fn bytes(jwk: &Value, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "the key signs what is verified")]
    fn private(pair: &NewPair) -> Vec<u8> {
        use secrecy::ExposeSecret as _;
        let lines = pair.private.expose_secret().lines();
        let base64: String = lines.filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(base64).unwrap()
    }

    #[test]
    fn what_an_rsa_pair_signs_its_published_part_verifies() {
        let pair = NewPair::generate(JwtAlgorithm::RS256).unwrap();
        let told = told_of_public_key(&pair.public, JwtAlgorithm::RS256, "kid-1").unwrap();
        let signer = RsaKeyPair::from_pkcs8(&private(&pair)).unwrap();
        let mut signature = vec![0; signer.public_modulus_len()];
        let random = SystemRandom::new();
        signer
            .sign(&RSA_PKCS1_SHA256, &random, b"text", &mut signature)
            .unwrap();
        let (n, e) = (bytes(&jwk(&told), "n"), bytes(&jwk(&told), "e"));
        let public = RsaPublicKeyComponents { n: &n, e: &e };
        let verified = public.verify(&RSA_PKCS1_2048_8192_SHA256, b"text", &signature);
        verified.unwrap();
    }

    #[test]
    fn what_a_pair_on_a_curve_signs_its_published_part_verifies() {
        let pair = NewPair::generate(JwtAlgorithm::ES256).unwrap();
        let told = told_of_public_key(&pair.public, JwtAlgorithm::ES256, "kid-1").unwrap();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let signer = EcdsaKeyPair::from_pkcs8(algorithm, &private(&pair)).unwrap();
        let signature = signer.sign(&SystemRandom::new(), b"text").unwrap();
        let jwk = jwk(&told);
        let point = [vec![4], bytes(&jwk, "x"), bytes(&jwk, "y")].concat();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        public.verify(b"text", signature.as_ref()).unwrap();
        let pair = NewPair::generate(JwtAlgorithm::EdDSA).unwrap();
        let told = told_of_public_key(&pair.public, JwtAlgorithm::EdDSA, "kid-1").unwrap();
        let signer = Ed25519KeyPair::from_pkcs8(&private(&pair)).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, bytes(&self::jwk(&told), "x"));
        public
            .verify(b"text", signer.sign(b"text").as_ref())
            .unwrap();
    }

    #[test]
    fn a_public_key_is_told_in_three_forms() {
        let pair = NewPair::generate(JwtAlgorithm::ES256).unwrap();
        let told = told_of_public_key(&pair.public, JwtAlgorithm::ES256, "kid-1").unwrap();
        assert_eq!(told["publicKeyPem"], pair.public);
        assert!(
            pair.public
                .contains(told["publicKeyDer"].get(..LINE).unwrap())
        );
        assert_eq!(jwk(&told)["kid"], "kid-1");
        assert!(told_of_public_key("nonsense", JwtAlgorithm::RS256, "k").is_none());
        assert!(NewPair::generate(JwtAlgorithm::HS256).is_none());
    }
}
