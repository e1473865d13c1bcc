use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Algorithm, roca};

/// Smaller RSA keys are not taken (NIST SP 800-131A), and larger ones take too long.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key with the algorithms that it is for.
#[derive(Clone)]
pub struct VerificationKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// An elliptic curve's, whose point is on it.
    Curve(ParsedPublicKey),
    Secret(Arc<Zeroizing<Vec<u8>>>),
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// What we read of a JWK (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).
#[derive(Deserialize)]
struct Jwk<'a> {
    kty: &'a str,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// The private half.
    d: Option<Value>,
}

impl VerificationKey {
    /// The public key of a JWK, if it is for signatures and of a kind and strength that we take.
    /// The algorithm is its `alg`, or else what its type and curve say; never what a token says: an
    /// RSA key that is taken for an HMAC secret makes everybody an issuer.
    #[must_use]
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let jwk = Jwk::deserialize(jwk).ok()?;
        // A key whose private half is in public is everybody's.
        if !is_for_signatures(&jwk) || jwk.d.is_some() {
            return None;
        }
        let (possible, material) = match (jwk.kty, jwk.crv.as_deref()) {
            ("RSA", _) => (&Algorithm::RSA[..], rsa(&jwk)?),
            ("EC", Some("P-256")) => (
                &[Algorithm::ES256][..],
                point(&jwk, 32, &ECDSA_P256_SHA256_FIXED)?,
            ),
            ("EC", Some("P-384")) => (
                &[Algorithm::ES384][..],
                point(&jwk, 48, &ECDSA_P384_SHA384_FIXED)?,
            ),
            ("EC", Some("P-521")) => (
                &[Algorithm::ES512][..],
                point(&jwk, 66, &ECDSA_P521_SHA512_FIXED)?,
            ),
            ("OKP", Some("Ed25519")) => (&[Algorithm::EdDSA][..], edwards(&jwk)?),
            _ => return None,
        };
        let algorithms = match jwk.alg {
            None => possible.to_vec(),
            Some(named) => {
                let named: Algorithm = named.parse().ok()?;
                possible.contains(&named).then(|| vec![named])?
            }
        };
        Some(Self {
            id: jwk.kid,
            algorithms,
            material,
        })
    }

    /// A secret that is shared with the one who signs, for one algorithm of HMAC. Nothing if the
    /// algorithm is none of those, or the secret is shorter than its hash (RFC 7518 section 3.2).
    #[must_use]
    pub fn secret(id: Option<String>, algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let fits = algorithm
            .secret_bytes()
            .is_some_and(|bytes| secret.len() >= bytes);
        fits.then(|| Self {
            id,
            algorithms: vec![algorithm],
            material: Material::Secret(Arc::new(Zeroizing::new(secret.to_vec()))),
        })
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether `signature` is this key's of `message`.
    pub(crate) fn has_signed(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if !self.is_for(algorithm) {
            return false;
        }
        match &self.material {
            Material::Rsa(key) => {
                let parameters = match algorithm {
                    Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
                    Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
                    Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                key.verify(parameters, message, signature).is_ok()
            }
            Material::Curve(key) => key.verify_sig(message, signature).is_ok(),
            Material::Secret(secret) => {
                let hash = match algorithm {
                    Algorithm::HS256 => hmac::HMAC_SHA256,
                    Algorithm::HS384 => hmac::HMAC_SHA384,
                    Algorithm::HS512 => hmac::HMAC_SHA512,
                    _ => return false,
                };
                hmac::verify(&hmac::Key::new(hash, secret), message, signature).is_ok()
            }
        }
    }
}

/// RFC 7517 sections 4.2 and 4.3: what a key says that it is not for, it is not used for.
fn is_for_signatures(jwk: &Jwk<'_>) -> bool {
    let verifies = |operations: &Vec<String>| operations.iter().any(|one| one == "verify");
    jwk.r#use.as_deref().is_none_or(|purpose| purpose == "sig")
        && jwk.key_ops.as_ref().is_none_or(verifies)
}

fn bytes(member: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(member?).ok()
}

/// Zeros in front make a number longer, and no larger.
fn number(member: Option<&String>) -> Option<Vec<u8>> {
    let bytes = bytes(member)?;
    let digits = bytes.iter().skip_while(|byte| **byte == 0);
    Some(digits.copied().collect())
}

fn rsa(jwk: &Jwk<'_>) -> Option<Material> {
    let (n, e) = (number(jwk.n.as_ref())?, number(jwk.e.as_ref())?);
    let bits = n.len().checked_sub(1)? * 8 + n.first()?.ilog2() as usize + 1;
    // With an exponent of 1, every message is its own signature.
    let has_exponent = e.as_slice() > [1].as_slice() && e.last()? % 2 == 1;
    if !RSA_BITS.contains(&bits) || !has_exponent || roca::is_weak(&n) {
        return None;
    }
    Some(Material::Rsa(RsaPublicKeyComponents { n, e }))
}

/// SEC 1 section 2.3.3: uncompressed. The library refuses what is not on the curve.
fn point(
    jwk: &Jwk<'_>,
    coordinate_bytes: usize,
    curve: &'static dyn VerificationAlgorithm,
) -> Option<Material> {
    let (x, y) = (bytes(jwk.x.as_ref())?, bytes(jwk.y.as_ref())?);
    // RFC 7518 section 6.2.1.2: as long as the field's elements are.
    if x.len() != coordinate_bytes || y.len() != coordinate_bytes {
        return None;
    }
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    ParsedPublicKey::new(curve, point).ok().map(Material::Curve)
}

fn edwards(jwk: &Jwk<'_>) -> Option<Material> {
    let key = ParsedPublicKey::new(&ED25519, bytes(jwk.x.as_ref())?);
    key.ok().map(Material::Curve)
}
