use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use sha2::{Digest as _, Sha256};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath, spki_for_anchor};

use super::ClientIdentity;
use super::error::PinMismatch;
use crate::domain::{SpkiPin, TlsConfig, TlsVersion};

/// What is asked of a TLS connection, and shown to the peer.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// The lowest version that is accepted.
    pub min_version: TlsVersion,
    /// Keys of which one must be in the chain that the peer's certificate is verified by; any, if
    /// empty. That is besides the ordinary verification, never instead of it.
    pub pins: Vec<SpkiPin>,
    /// What is shown to a peer that asks who calls.
    pub client_identity: Option<Arc<ClientIdentity>>,
}

impl From<TlsConfig> for TlsSettings {
    fn from(config: TlsConfig) -> Self {
        Self {
            min_version: config.min_version,
            pins: config.pins,
            client_identity: None,
        }
    }
}

/// The certificates that are trusted: the system's, and these (DER).
pub(super) fn roots(extra: &[Vec<u8>]) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for root in extra {
        roots.add(CertificateDer::from_slice(root))?;
    }
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    Ok(roots)
}

/// How connections with these settings are made. Each configuration has its own memory of sessions:
/// one that is resumed was verified, and its pins were checked, under the same settings.
pub(super) fn client_config(
    settings: &TlsSettings,
    roots: Arc<RootCertStore>,
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions: &[_] = match settings.min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let verifier = verifier(&settings.pins, roots, &provider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        // "Dangerous" is to verify less than usual. This verifies no less.
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &settings.client_identity {
        Some(identity) => config.with_client_cert_resolver(identity.resolver()),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(
    pins: &[SpkiPin],
    roots: Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
    let ordinary =
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
            .build()
            .map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))?;
    if pins.is_empty() {
        return Ok(ordinary);
    }
    Ok(Arc::new(Pinning {
        ordinary,
        roots,
        provider: Arc::clone(provider),
        pins: pins.to_vec(),
    }))
}

/// Verifies as usual, and then asks for a pinned key in the chain.
///
/// In the verified chain, that is, from the peer's certificate to a root that is trusted. A peer
/// may send any certificates besides those, and a pinned one is public: to be content with finding
/// it among what was sent would be to be content with anybody who has a certificate.
#[derive(Debug)]
struct Pinning {
    ordinary: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    pins: Vec<SpkiPin>,
}

impl Pinning {
    fn is_pinned(&self, public_key_info: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(public_key_info).into();
        self.pins.contains(&SpkiPin::from_digest(digest))
    }

    fn has_pinned_key(&self, path: &VerifiedPath<'_>) -> bool {
        self.is_pinned(&path.end_entity().subject_public_key_info())
            || self.is_pinned(&spki_for_anchor(path.anchor()))
            || path
                .intermediate_certificates()
                .any(|certificate| self.is_pinned(&certificate.subject_public_key_info()))
    }

    /// Whether a chain with a pinned key can be built. There may be several chains.
    fn has_pinned_path(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let pinned = |path: &VerifiedPath<'_>| {
            let found = self.has_pinned_key(path);
            found.then_some(()).ok_or(webpki::Error::UnknownIssuer)
        };
        let end_entity = EndEntityCert::try_from(end_entity)?;
        end_entity.verify_for_usage(
            algorithms,
            &self.roots.roots,
            intermediates,
            now,
            KeyUsage::server_auth(),
            None,
            Some(&pinned),
        )?;
        Ok(())
    }
}

impl ServerCertVerifier for Pinning {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.ordinary.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        match self.has_pinned_path(end_entity, intermediates, now) {
            Ok(()) => Ok(verified),
            Err(_) => Err(rustls::Error::InvalidCertificate(CertificateError::Other(
                OtherError(Arc::new(PinMismatch)),
            ))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.ordinary
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.ordinary
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.ordinary.supported_verify_schemes()
    }
}
