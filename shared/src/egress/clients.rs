use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Client;
use rustls::RootCertStore;
use url::Url;

use super::recent::Recent;
use super::resolve::GuardedResolver;
use super::tls::{client_config, roots};
use super::{EgressError, TlsSettings};
use crate::domain::{SpkiPin, TlsVersion};

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Short: an open connection outlives a change of the name's address.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Of all headers of an answer, names and values.
pub(super) const MAX_HEADER_BYTES: u32 = 64 * 1024;
const USER_AGENT: &str = concat!("Gatehouse/", env!("CARGO_PKG_VERSION"));
/// How many clients are kept. One that is dropped takes its idle connections with it.
const MAX_CLIENTS: usize = 64;

/// The HTTP clients: one for all requests whose connections may be shared.
pub(super) struct Clients {
    roots: OnceLock<Arc<RootCertStore>>,
    open: Recent<ClientKey, Client>,
}

/// What tells one client from another: all that a connection depends on besides scheme, host and
/// port.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ClientKey {
    Plain,
    Tls {
        min_version: TlsVersion,
        /// Sorted.
        pins: Vec<SpkiPin>,
        identity: Option<[u8; 32]>,
    },
}

impl ClientKey {
    fn new(url: &Url, settings: &TlsSettings) -> Self {
        if url.scheme() != "https" {
            return Self::Plain;
        }
        let identity = settings.client_identity.as_deref();
        let mut pins = settings.pins.clone();
        pins.sort_unstable();
        pins.dedup();
        Self::Tls {
            min_version: settings.min_version,
            pins,
            identity: identity.map(super::ClientIdentity::fingerprint),
        }
    }
}

impl Clients {
    pub(super) fn new() -> Self {
        Self {
            roots: OnceLock::new(),
            open: Recent::new(MAX_CLIENTS),
        }
    }

    /// The client for a URL. `resolver` is for its scheme.
    pub(super) fn get(
        &self,
        url: &Url,
        settings: &TlsSettings,
        extra_roots: &[Vec<u8>],
        resolver: impl FnOnce() -> GuardedResolver,
    ) -> Result<Client, EgressError> {
        self.open.get_or_make(ClientKey::new(url, settings), || {
            let roots = self.roots(extra_roots)?;
            build(settings, roots, resolver())
        })
    }

    /// Read once: a client for each integration would read them as often.
    pub(super) fn roots(&self, extra: &[Vec<u8>]) -> Result<Arc<RootCertStore>, EgressError> {
        if let Some(roots) = self.roots.get() {
            return Ok(Arc::clone(roots));
        }
        let roots = roots(extra).map_err(|error| EgressError::Setup(error.into()))?;
        Ok(Arc::clone(self.roots.get_or_init(|| Arc::new(roots))))
    }
}

/// Builds every client that there is, so that what the module promises holds for all of them.
fn build(
    settings: &TlsSettings,
    roots: Arc<RootCertStore>,
    resolver: GuardedResolver,
) -> Result<Client, EgressError> {
    let config =
        client_config(settings, roots).map_err(|error| EgressError::Setup(error.into()))?;
    Client::builder()
        .tls_backend_preconfigured(config)
        .dns_resolver(Arc::new(resolver))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Off unless some other crate turns on reqwest's features: a body that grows by a factor
        // of 1,000 would still be cut off, but at its unpacked length.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .build()
        .map_err(|error| EgressError::Setup(error.into()))
}
