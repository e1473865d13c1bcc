//! Connections that are not HTTP: TLS to an address that was classified, and nothing else.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use super::client::Egress;
use super::clients::CONNECT_TIMEOUT;
use super::error::ResolveError;
use super::sort::sort_io;
use super::tls::client_config;
use super::{EgressError, TlsSettings};

/// What a server shows of itself when TLS is agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTls {
    /// Its certificate, verified (X.509, DER).
    pub certificate: Vec<u8>,
    /// The version of the protocol: `TLS 1.3` or `TLS 1.2`.
    pub protocol: &'static str,
}

impl Egress {
    /// Checks the form of a URL of another protocol that is spoken over TLS, and the address if it
    /// is written into it. Returns its host and port.
    ///
    /// `url` reads the host of such a scheme as it is written; here it is read as that of `https`,
    /// so that every spelling of an address is one.
    ///
    /// # Errors
    ///
    /// [`EgressError::ForbiddenUrl`] or [`EgressError::ForbiddenAddress`].
    pub fn check_tls_url(
        &self,
        url: &Url,
        scheme: &'static str,
        default_port: u16,
    ) -> Result<(Host<String>, u16), EgressError> {
        let forbidden = |why| EgressError::ForbiddenUrl(why);
        if url.scheme() != scheme {
            return Err(forbidden("the scheme is another one"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(forbidden("it must have a host and a port only"));
        }
        let rest = url.as_str().get(scheme.len()..).unwrap_or_default();
        let same: Url = format!("https{rest}")
            .parse()
            .map_err(|_| forbidden("it must have a host"))?;
        self.check_url(&same)?;
        let host = same.host().ok_or(forbidden("it must have a host"))?;
        Ok((host.to_owned(), url.port().unwrap_or(default_port)))
    }

    /// Connects to `host`, resolved once and classified, and agrees on TLS with it under that name.
    ///
    /// # Errors
    ///
    /// If where it leads is not allowed, or there is no connection in five seconds.
    pub async fn connect_tls(
        &self,
        host: &Host<String>,
        port: u16,
        settings: &TlsSettings,
    ) -> Result<TlsStream<TcpStream>, EgressError> {
        let connecting = self.connect_and_agree(host, port, settings);
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, Box::pin(connecting)).await;
        connected.map_err(|_| EgressError::ConnectTimeout)?
    }

    /// Agrees on TLS with `host`, as [`Egress::connect_tls`] does, and says what it showed. Nothing is sent.
    ///
    /// # Errors
    ///
    /// As [`Egress::connect_tls`].
    pub async fn look_at_tls(
        &self,
        host: &Host<String>,
        port: u16,
        settings: &TlsSettings,
    ) -> Result<PeerTls, EgressError> {
        let stream = self.connect_tls(host, port, settings).await?;
        let (_, connection) = stream.get_ref();
        let certificates = connection.peer_certificates().unwrap_or_default();
        Ok(PeerTls {
            certificate: certificates
                .first()
                .map(|certificate| certificate.to_vec())
                .unwrap_or_default(),
            protocol: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                _ => "unknown",
            },
        })
    }

    /// How many addresses the name of a host has, all of which may be called.
    ///
    /// # Errors
    ///
    /// [`EgressError::Resolve`] or [`EgressError::ForbiddenAddress`], and if there is no answer in five
    /// seconds.
    pub async fn look_up(&self, name: &str) -> Result<usize, EgressError> {
        let found = tokio::time::timeout(CONNECT_TIMEOUT, self.addresses_of(name)).await;
        let addresses = found.map_err(|_| EgressError::ConnectTimeout)??;
        Ok(addresses.len())
    }

    async fn connect_and_agree(
        &self,
        host: &Host<String>,
        port: u16,
        settings: &TlsSettings,
    ) -> Result<TlsStream<TcpStream>, EgressError> {
        let (addresses, name) = match host {
            Host::Domain(name) => {
                let server = ServerName::try_from(name.clone());
                let server =
                    server.map_err(|_| EgressError::ForbiddenUrl("its host is no name"))?;
                (self.addresses_of(name).await?, server)
            }
            Host::Ipv4(address) => self.literal((*address).into())?,
            Host::Ipv6(address) => self.literal((*address).into())?,
        };
        let mut config = client_config(settings, self.roots()?)
            .map_err(|error| EgressError::Setup(error.into()))?;
        config.alpn_protocols.clear();
        let mut last = EgressError::Resolve;
        for address in addresses {
            match TcpStream::connect((address, port)).await {
                Ok(stream) => {
                    let shows_identity = settings.client_identity.is_some();
                    let connector = TlsConnector::from(Arc::new(config));
                    let agreed = connector.connect(name, stream).await;
                    return agreed.map_err(|error| sort_io(&error, shows_identity));
                }
                Err(error) => last = sort_io(&error, false),
            }
        }
        Err(last)
    }

    fn literal(&self, address: IpAddr) -> Result<(Vec<IpAddr>, ServerName<'static>), EgressError> {
        if !self.allowance().allows(address) {
            return Err(EgressError::ForbiddenAddress);
        }
        Ok((vec![address], ServerName::IpAddress(address.into())))
    }

    async fn addresses_of(&self, name: &str) -> Result<Vec<IpAddr>, EgressError> {
        self.allowance().check_name(name)?;
        let found = self.allowance().resolve(name.to_owned(), self.resolver());
        found.await.map_err(|error| match error {
            ResolveError::Forbidden => EgressError::ForbiddenAddress,
            ResolveError::NotFound => EgressError::Resolve,
        })
    }
}
