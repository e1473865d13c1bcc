use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::domain::{Cause, OrganizationId, Timestamp};

const KEY_ID: &str = "development";

/// Signs access tokens for the local system and for tests. No function makes one of these.
pub struct DevelopmentIssuer {
    issuer: String,
    key: Ed25519KeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for DevelopmentIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevelopmentIssuer")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl DevelopmentIssuer {
    /// An issuer of that name, with a new key.
    ///
    /// # Errors
    ///
    /// If no key can be made.
    pub fn generate(issuer: String) -> Result<Self, Cause> {
        let key = Ed25519KeyPair::generate().map_err(|_| "no key could be made")?;
        let pkcs8 = key.to_pkcs8().map_err(|_| "the key could not be written")?;
        Self::from_pkcs8(issuer, pkcs8.as_ref())
    }

    /// An issuer of that name, with a key in PKCS #8.
    ///
    /// # Errors
    ///
    /// If it is no such key.
    pub fn from_pkcs8(issuer: String, pkcs8: &[u8]) -> Result<Self, Cause> {
        let key = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| "not an Ed25519 key")?;
        Ok(Self {
            issuer,
            key,
            pkcs8: Zeroizing::new(pkcs8.to_vec()),
        })
    }

    /// The key in PKCS #8, to be kept.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public key as a JWK Set.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({"keys": [{
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": KEY_ID,
            "x": URL_SAFE_NO_PAD.encode(self.key.public_key()),
        }]})
    }

    /// A token by which `subject` acts for `organization` from `now` on: as its owner, with a second
    /// factor.
    #[must_use]
    pub fn token(
        &self,
        organization: OrganizationId,
        subject: &str,
        audience: &str,
        now: Timestamp,
        lifetime: Duration,
    ) -> String {
        self.sign(
            &json!({"alg": "EdDSA", "typ": "at+jwt", "kid": KEY_ID}),
            &json!({
                "iss": self.issuer,
                "aud": audience,
                "sub": subject,
                "org_id": organization,
                "roles": ["owner"],
                "amr": ["pwd", "mfa"],
                "iat": now.as_second(),
                "exp": now.plus(lifetime).as_second(),
            }),
        )
    }

    /// A token with any header and any claims.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
