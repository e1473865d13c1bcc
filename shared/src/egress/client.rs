use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header};
use ipnet::IpNet;
use reqwest::Client;
use url::{Host, Url};

use super::EgressError;
use super::error::sort;
use super::resolve::{Allowance, GuardedResolver, Resolve, SystemResolver};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const USER_AGENT: &str = concat!("Gatehouse/", env!("CARGO_PKG_VERSION"));

/// Headers that belong to the connection, not to the caller.
const OF_THE_CONNECTION: [http::HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What may be called.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// Networks that may be called though they are not globally routable, and in plain `http`.
    pub allowed: Vec<IpNet>,
    /// Certificates (DER) that are trusted besides the system's.
    pub extra_roots: Vec<Vec<u8>>,
}

/// The lowest TLS version that is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), for providers that have nothing better.
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[default]
    Tls13,
}

/// Whether a redirect is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// It is the answer.
    #[default]
    None,
    /// Up to so many. Across origins, headers that are marked sensitive are left out.
    Follow(u8),
}

/// A request.
#[derive(Clone, Debug)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Headers. Credentials are to be marked sensitive; those of the connection are left out.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// For everything, from the look-up of the name to the last byte of the answer.
    pub timeout: Duration,
    /// More of the answer's body is not read.
    pub max_response_bytes: usize,
    /// Whether redirects are followed.
    pub redirects: Redirects,
    /// The lowest TLS version.
    pub min_tls: TlsVersion,
}

impl OutboundRequest {
    /// A request without headers and body that follows no redirect and reads up to 1 MiB.
    #[must_use]
    pub fn new(method: Method, url: Url, timeout: Duration) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout,
            max_response_bytes: 1024 * 1024,
            redirects: Redirects::None,
            min_tls: TlsVersion::Tls13,
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct OutboundResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's beginning, as it was sent: nothing is decompressed.
    pub body: Bytes,
    /// Whether the body is longer.
    pub truncated: bool,
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
            Some(Host::Domain(name)) if !name.is_empty() => return Ok(()),
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
        let timeout = request.timeout;
        let sent = tokio::time::timeout(timeout, self.follow(request)).await;
        sent.map_err(|_| EgressError::Timeout)?
    }

    async fn follow(&self, mut request: OutboundRequest) -> Result<OutboundResponse, EgressError> {
        let mut left = match request.redirects {
            Redirects::None => 0,
            Redirects::Follow(count) => count,
        };
        loop {
            let response = self.send_once(&request).await?;
            let target = redirect_target(&request.url, &response);
            let (Redirects::Follow(_), Some(target)) = (request.redirects, target) else {
                return Ok(response);
            };
            left = left.checked_sub(1).ok_or(EgressError::TooManyRedirects)?;
            redirect(&mut request, target, response.status)?;
        }
    }

    async fn send_once(&self, request: &OutboundRequest) -> Result<OutboundResponse, EgressError> {
        self.check_url(&request.url)?;
        let mut headers = request.headers.clone();
        for name in &OF_THE_CONNECTION {
            headers.remove(name);
        }
        let response = self
            .client(&request.url, request.min_tls)?
            .request(request.method.clone(), request.url.clone())
            .headers(headers)
            .body(request.body.clone())
            .send()
            .await
            .map_err(sort)?;
        read(response, request.max_response_bytes).await
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
        let mut builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .min_tls_version(version)
            .dns_resolver(Arc::new(resolver));
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
    })
}

/// Where a redirect leads, if the answer is one (RFC 9110 section 15.4).
fn redirect_target(from: &Url, response: &OutboundResponse) -> Option<Url> {
    if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers.get(header::LOCATION)?.to_str().ok()?;
    let mut target = from.join(location).ok()?;
    target.set_fragment(None);
    Some(target)
}

/// Turns a request into the one that follows a redirect.
fn redirect(
    request: &mut OutboundRequest,
    target: Url,
    status: StatusCode,
) -> Result<(), EgressError> {
    if request.url.scheme() == "https" && target.scheme() != "https" {
        return Err(EgressError::ForbiddenUrl("a redirect must not leave https"));
    }
    if request.url.origin() != target.origin() {
        let sensitive: Vec<_> = request
            .headers
            .iter()
            .filter(|(_, value)| value.is_sensitive())
            .map(|(name, _)| name.clone())
            .chain([header::AUTHORIZATION, header::COOKIE])
            .collect();
        for name in sensitive {
            request.headers.remove(name);
        }
    }
    let becomes_get = match status {
        StatusCode::SEE_OTHER => request.method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = Bytes::new();
        request.headers.remove(header::CONTENT_TYPE);
    }
    request.url = target;
    Ok(())
}
