//! Certificates and servers with TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatehouse::domain::SpkiPin;
use gatehouse::egress::{ClientIdentity, EgressPolicy};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData as _,
};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion, version};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::servers::{listen, ok};
use super::to_loopback;

pub(crate) const BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

/// Who signs certificates.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    /// Its certificate, and those up to the root without the root.
    chain: Vec<CertificateDer<'static>>,
    root: CertificateDer<'static>,
}

/// A certificate of a server or client, with its key and its chain.
pub(crate) struct Leaf {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let root = params.self_signed(&key).unwrap().der().clone();
        Self {
            params,
            key,
            chain: Vec::new(),
            root,
        }
    }

    /// One that this one vouches for.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let certificate = params.signed_by(&key, &self.issuer()).unwrap();
        let own = [certificate.der().clone()];
        Self {
            params,
            key,
            chain: own.into_iter().chain(self.chain.clone()).collect(),
            root: self.root.clone(),
        }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    pub(crate) fn leaf(&self, name: &str) -> Leaf {
        self.leaf_of(CertificateParams::new([name.to_owned()]).unwrap())
    }

    pub(crate) fn leaf_of(&self, params: CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer()).unwrap();
        let own = [certificate.der().clone()];
        Leaf {
            chain: own.into_iter().chain(self.chain.clone()).collect(),
            key,
        }
    }

    pub(crate) fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    pub(crate) fn pin(&self) -> SpkiPin {
        pin(&self.key)
    }

    /// A way out to loopback that trusts this authority.
    pub(crate) fn trusted(&self) -> EgressPolicy {
        EgressPolicy {
            extra_roots: vec![self.root.to_vec()],
            ..to_loopback()
        }
    }
}

impl Leaf {
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            chain: vec![certificate.der().clone()],
            key,
        }
    }

    pub(crate) fn pin(&self) -> SpkiPin {
        pin(&self.key)
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    pub(crate) fn identity(&self) -> Arc<ClientIdentity> {
        let chain: String = self.chain.iter().map(|der| pem(der)).collect();
        let identity = ClientIdentity::from_pem(&chain.into(), &self.key_pem().into());
        Arc::new(identity.unwrap())
    }

    /// By what a server of these tests calls it.
    pub(crate) fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(self.chain.first().unwrap()))
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn pin(key: &KeyPair) -> SpkiPin {
    SpkiPin::from_digest(Sha256::digest(key.subject_public_key_info()).into())
}

pub(crate) fn pem(certificate: &[u8]) -> String {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<_> = base64.as_bytes().chunks(64).collect();
    let text = String::from_utf8(lines.join(&b'\n')).unwrap();
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// A server's configuration; with `clients`, only who has a certificate of theirs is served.
pub(crate) fn config(
    versions: &[&'static SupportedProtocolVersion],
    leaf: &Leaf,
    clients: Option<&Authority>,
) -> ServerConfig {
    config_with(default_provider(), versions, leaf, clients)
}

pub(crate) fn config_with(
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    leaf: &Leaf,
    clients: Option<&Authority>,
) -> ServerConfig {
    let provider = Arc::new(provider);
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.root.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    let mut config = config.with_single_cert(leaf.chain.clone(), key).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// A server that answers every request with what was agreed on: version, group, cipher suite,
/// protocol, and the fingerprint of the client's certificate.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl TlsServer {
    pub(crate) async fn start(config: ServerConfig) -> Self {
        Self::answering(config, None).await
    }

    /// The same with an answer of the caller's choice, after which the connection is dropped.
    pub(crate) async fn answering(config: ServerConfig, answer: Option<String>) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listener, port) = listen().await;
        let server = Self {
            port,
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, answer) = (acceptor.clone(), answer.clone());
                let requests = Arc::clone(&requests);
                tokio::spawn(async move {
                    match acceptor.accept(stream).into_fallible().await {
                        Ok(stream) => serve(stream, &requests, answer).await,
                        Err((_, stream)) => drain(stream).await,
                    }
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("https://server.example:{}/", self.port)
    }

    /// Connections that were made, whether or not TLS was agreed on.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Reads that brought something of a request.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TlsStream<TcpStream>, requests: &AtomicUsize, answer: Option<String>) {
    let mut request = [0; 4096];
    while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
        requests.fetch_add(1, Ordering::SeqCst);
        if let Some(answer) = &answer {
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.flush().await;
            return;
        }
        let agreed = agreed_on(stream.get_ref().1);
        let answer = ok(&agreed).replace("connection: close\r\n", "");
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

/// Reads what is left: to drop it unread would reset the connection under the alert.
async fn drain(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await.is_ok_and(|bytes| bytes > 0) {}
}

fn agreed_on(connection: &ServerConnection) -> String {
    let client = connection
        .peer_certificates()
        .and_then(<[_]>::first)
        .map_or_else(|| "-".to_owned(), |der| hex::encode(Sha256::digest(der)));
    let suite = connection.negotiated_cipher_suite().unwrap().suite();
    format!(
        "{:?} {:?} {suite:?} {} {client}",
        connection.protocol_version().unwrap(),
        connection.negotiated_key_exchange_group().unwrap().name(),
        String::from_utf8_lossy(connection.alpn_protocol().unwrap_or(b"-")),
    )
}
