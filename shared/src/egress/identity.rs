use std::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

/// A certificate and its key, by which Gatehouse shows a peer who it is (mTLS).
pub struct ClientIdentity {
    certified: Arc<CertifiedKey>,
    fingerprint: [u8; 32],
}

/// Why a text is no identity. Shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientIdentityError {
    /// No certificate, or a block that is broken.
    #[error("expected one or more certificates as PEM, the client's own first")]
    Certificates,
    /// No key, one of an unknown kind, or a block that is broken.
    #[error("expected a private key (RSA, ECDSA or Ed25519) as PEM, without a passphrase")]
    Key,
    /// Both can be read, and they do not belong together.
    #[error("the private key is not that of the first certificate")]
    Mismatch,
}

impl ClientIdentity {
    /// The identity of a chain of certificates, the client's own first, and a key, both as PEM.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read, or they do not belong together.
    #[expect(
        clippy::disallowed_methods,
        reason = "the TLS library takes the key in the clear; what is parsed of it is wiped"
    )]
    pub fn from_pem(chain: &SecretString, key: &SecretString) -> Result<Self, ClientIdentityError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.expose_secret().as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| ClientIdentityError::Certificates)?;
        if chain.is_empty() {
            return Err(ClientIdentityError::Certificates);
        }
        let mut key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes())
            .map_err(|_| ClientIdentityError::Key)?;
        let signing_key = any_supported_type(&key);
        key.zeroize();
        Self::new(chain, signing_key.map_err(|_| ClientIdentityError::Key)?)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: Arc<dyn rustls::sign::SigningKey>,
    ) -> Result<Self, ClientIdentityError> {
        let certified = CertifiedKey::new(chain, key);
        // Here, not knowing is no match: `fingerprint` leaves the key out because it must be this.
        certified.keys_match().map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => ClientIdentityError::Mismatch,
            _ => ClientIdentityError::Certificates,
        })?;
        let mut hash = Sha256::new();
        for certificate in &certified.cert {
            hash.update(certificate.len().to_be_bytes());
            hash.update(certificate);
        }
        Ok(Self {
            certified: Arc::new(certified),
            fingerprint: hash.finalize().into(),
        })
    }

    /// What tells it from every other. The chain names the public key, and who has made an identity
    /// with it has the private one: so what is equal here may share connections.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.certified)))
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn pem() -> (String, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["client".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    fn identity(chain: &str, key: &str) -> Result<ClientIdentity, ClientIdentityError> {
        ClientIdentity::from_pem(&chain.into(), &key.into())
    }

    #[test]
    fn a_chain_and_its_key_are_an_identity() {
        let ((chain, key), (other, other_key)) = (pem(), pem());
        let identity = |chain: &str, key: &str| identity(chain, key).unwrap().fingerprint();
        assert_eq!(identity(&chain, &key), identity(&chain, &key));
        assert_ne!(identity(&chain, &key), identity(&other, &other_key));
        assert_ne!(
            identity(&chain, &key),
            identity(&format!("{chain}{other}"), &key)
        );
    }

    #[test]
    fn what_is_wrong_is_told_without_a_byte_of_it() {
        let (chain, key) = pem();
        let broken = "-----BEGIN PRIVATE KEY-----\ncanary!\n-----END PRIVATE KEY-----\n";
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nY2FuYXJ5\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let no_key = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n";
        let no_certificate = "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n";
        for (chain, key, expected) in [
            ("", key.as_str(), ClientIdentityError::Certificates),
            ("canary", &key, ClientIdentityError::Certificates),
            (&key, &key, ClientIdentityError::Certificates),
            (no_certificate, &key, ClientIdentityError::Certificates),
            (&chain, "canary", ClientIdentityError::Key),
            (&chain, &chain, ClientIdentityError::Key),
            (&chain, broken, ClientIdentityError::Key),
            (&chain, encrypted, ClientIdentityError::Key),
            (&chain, no_key, ClientIdentityError::Key),
            (&chain, &pem().1, ClientIdentityError::Mismatch),
        ] {
            let error = identity(chain, key).unwrap_err();
            assert_eq!(error, expected);
            let text = format!("{error} {error:?}");
            assert!(!text.contains("canary") && !text.contains("Y2Fu"), "{text}");
        }
    }

    #[test]
    fn debug_output_shows_nothing() {
        let (chain, key) = pem();
        let text = format!("{:?}", identity(&chain, &key).unwrap());
        assert_eq!(text, "ClientIdentity { .. }");
    }
}
