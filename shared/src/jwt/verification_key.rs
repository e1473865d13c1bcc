use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};

/// Smaller RSA keys are not taken (NIST SP 800-131A).
const MIN_RSA_BITS: usize = 2048;

/// A public key with the algorithms that it is for.
#[derive(Clone)]
pub struct VerificationKey {
    pub(crate) id: Option<String>,
    pub(crate) algorithms: &'static [Algorithm],
    pub(crate) key: DecodingKey,
}

impl std::fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerificationKey")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

impl VerificationKey {
    /// The key, if it is for signatures and of a kind and strength that we take.
    pub(crate) fn of(jwk: &Jwk) -> Option<Self> {
        if !is_for_signatures(jwk) {
            return None;
        }
        Some(Self {
            id: jwk.common.key_id.clone(),
            algorithms: algorithms(jwk)?,
            key: DecodingKey::from_jwk(jwk).ok()?,
        })
    }
}

/// RFC 7517 sections 4.2 and 4.3: what a key says that it is not for, it is not used for.
fn is_for_signatures(jwk: &Jwk) -> bool {
    let verifies = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
    matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    ) && jwk.common.key_operations.as_ref().is_none_or(verifies)
}

/// What the key is for, by its type, and by its `alg` where it has one. Never what a token says:
/// an RSA key that is taken for an HMAC secret makes everybody an issuer.
fn algorithms(jwk: &Jwk) -> Option<&'static [Algorithm]> {
    match (&jwk.algorithm, jwk.common.key_algorithm) {
        (AlgorithmParameters::RSA(rsa), named) if rsa_bits(&rsa.n)? >= MIN_RSA_BITS => {
            match named {
                None => Some(&[Algorithm::RS256, Algorithm::PS256]),
                Some(KeyAlgorithm::RS256) => Some(&[Algorithm::RS256]),
                Some(KeyAlgorithm::PS256) => Some(&[Algorithm::PS256]),
                Some(_) => None,
            }
        }
        (AlgorithmParameters::EllipticCurve(ec), None | Some(KeyAlgorithm::ES256))
            if ec.curve == EllipticCurve::P256 =>
        {
            Some(&[Algorithm::ES256])
        }
        (AlgorithmParameters::OctetKeyPair(okp), None | Some(KeyAlgorithm::EdDSA))
            if okp.curve == EllipticCurve::Ed25519 =>
        {
            Some(&[Algorithm::EdDSA])
        }
        _ => None,
    }
}

/// Zeros in front make a modulus longer, and no stronger.
fn rsa_bits(modulus: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(modulus).ok()?;
    let mut bytes = bytes.iter().skip_while(|byte| **byte == 0);
    let first = bytes.next()?;
    Some(bytes.count() * 8 + first.ilog2() as usize + 1)
}
