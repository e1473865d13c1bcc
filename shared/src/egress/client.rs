use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use http::HeaderMap;
use ipnet::IpNet;
use reqwest::{Client, ClientBuilder};
use tokio::time::Instant;
use url::{Host, Url};

use super::error::sort;
use super::request::without_connection_headers;
use super::resolve::{Allowance, GuardedResolver, Resolve, SystemResolver};
use super::{EgressError, OutboundRequest, OutboundResponse, TlsVersion, redirect};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Short: an open connection outlives a change of the name's address.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Of all headers of an answer, names and values.
const MAX_HEADER_BYTES: u32 = 64 * 1024;
const USER_AGENT: &str = concat!("Gatehouse/", env!("CARGO_PKG_VERSION"));

/// What may be called.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// Networks that may be called though they are not globally routable, and in plain `http`.
    pub allowed: Vec<IpNet>,
    /// Certificates (DER) that are trusted besides the system's.
    pub extra_roots: Vec<Vec<u8>>,
}

/// The way out.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    policy: EgressPolicy,
    resolver: Arc<dyn Resolve>,
    allowance: Allowance,
    plain: OnceLock<Client>,
    tls12: OnceLock<Client>,
    tls13: OnceLock<Client>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress")
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}

impl Egress {
    /// A way out with the system's resolver.
    #[must_use]
    pub fn new(policy: EgressPolicy) -> Self {
        Self::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// A way out with a resolver of one's own.
    #[must_use]
    pub fn with_resolver(policy: EgressPolicy, resolver: Arc<dyn Resolve>) -> Self {
        let allowance = Allowance {
            networks: policy.allowed.clone().into(),
            public: true,
        };
        let (plain, tls12, tls13) = Default::default();
        Self(Arc::new(Inner {
            policy,
            resolver,
            allowance,
            plain,
            tls12,
            tls13,
        }))
    }

    /// Checks the form of a URL, and the address if it is written into it. Asks no name server.
    ///
    /// # Errors
    ///
    /// [`EgressError::ForbiddenUrl`] or [`EgressError::ForbiddenAddress`].
    pub fn check_url(&self, url: &Url) -> Result<(), EgressError> {
        let forbidden = |why| Err(EgressError::ForbiddenUrl(why));
        if !matches!(url.scheme(), "https" | "http") {
            return forbidden("the scheme must be https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return forbidden("it must not hold user information");
        }
        if url.fragment().is_some() {
            return forbidden("it must not have a fragment");
        }
        let allowance = self.allowance_for(url);
        if !allowance.public && allowance.networks.is_empty() {
            return forbidden("the scheme must be https");
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(name)) if !name.is_empty() => return allowance.check_name(name),
            _ => return forbidden("it must have a host"),
        };
        if allowance.allows(address) {
            Ok(())
        } else {
            Err(EgressError::ForbiddenAddress)
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// If the URL or where it leads is not allowed, or no whole answer comes back in time.
    pub async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, EgressError> {
        let (started, timeout) = (Instant::now(), request.timeout);
        let sent = tokio::time::timeout(timeout, self.follow(request)).await;
        let mut response = sent.map_err(|_| EgressError::Timeout)??;
        response.duration = started.elapsed();
        Ok(response)
    }

    async fn follow(&self, mut request: OutboundRequest) -> Result<OutboundResponse, EgressError> {
        let mut left = request.redirects.limit();
        loop {
            let response = self.send_once(&request).await?;
            let status = response.status();
            let Some(target) = redirect::target(&request, status, response.headers()) else {
                return read(response, request.max_response_bytes).await;
            };
            left = left.checked_sub(1).ok_or(EgressError::TooManyRedirects)?;
            redirect::follow(&mut request, target, status)?;
        }
    }

    async fn send_once(&self, request: &OutboundRequest) -> Result<reqwest::Response, EgressError> {
        self.check_url(&request.url)?;
        let response = self
            .client(&request.url, request.min_tls)?
            .request(request.method.clone(), request.url.clone())
            .headers(without_connection_headers(request.headers.clone()))
            .body(request.body.clone())
            .send()
            .await
            .map_err(sort)?;
        if header_bytes(response.headers()) > MAX_HEADER_BYTES as usize {
            return Err(EgressError::TooLarge);
        }
        Ok(response)
    }

    /// What a URL's scheme may lead to: `http` to the networks that configuration names only.
    fn allowance_for(&self, url: &Url) -> Allowance {
        Allowance {
            public: url.scheme() == "https",
            ..self.0.allowance.clone()
        }
    }

    fn client(&self, url: &Url, min_tls: TlsVersion) -> Result<&Client, EgressError> {
        let (cell, version) = match (url.scheme(), min_tls) {
            ("https", TlsVersion::Tls13) => (&self.0.tls13, reqwest::tls::Version::TLS_1_3),
            ("https", TlsVersion::Tls12) => (&self.0.tls12, reqwest::tls::Version::TLS_1_2),
            _ => (&self.0.plain, reqwest::tls::Version::TLS_1_3),
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let resolver = GuardedResolver {
            allowance: self.allowance_for(url),
            resolver: Arc::clone(&self.0.resolver),
        };
        let mut builder = settings(version).dns_resolver(Arc::new(resolver));
        for root in &self.0.policy.extra_roots {
            let root = reqwest::Certificate::from_der(root);
            builder = builder.add_root_certificate(root.map_err(|e| EgressError::Setup(e.into()))?);
        }
        let client = builder
            .build()
            .map_err(|error| EgressError::Setup(error.into()))?;
        Ok(cell.get_or_init(|| client))
    }
}

fn settings(min_tls: reqwest::tls::Version) -> ClientBuilder {
    Client::builder()
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
        .min_tls_version(min_tls)
}

fn header_bytes(headers: &HeaderMap) -> usize {
    let lengths = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    lengths.sum()
}

async fn read(
    mut response: reqwest::Response,
    max_bytes: usize,
) -> Result<OutboundResponse, EgressError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = BytesMut::new();
    let mut truncated = false;
    while let Some(chunk) = response.chunk().await.map_err(sort)? {
        let room = max_bytes.saturating_sub(body.len());
        truncated = chunk.len() > room;
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if truncated {
            break;
        }
    }
    Ok(OutboundResponse {
        status,
        headers,
        body: body.freeze(),
        truncated,
        duration: Duration::ZERO,
    })
}
