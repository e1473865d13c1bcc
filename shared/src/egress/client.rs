use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, StatusCode};
use ipnet::IpNet;
use rustls::RootCertStore;
use tokio::time::Instant;
use url::{Host, Url};

use super::clients::{Clients, MAX_HEADER_BYTES};
use super::request::without_connection_headers;
use super::resolve::{Allowance, GuardedResolver, Resolve, SystemResolver, is_local};
use super::sort::{Stage, sort};
use super::{EgressError, OutboundRequest, OutboundResponse, redirect};

/// What may be called.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// Networks that may be called though they are not globally routable, and in plain `http`.
    pub allowed: Vec<IpNet>,
    /// Certificates (DER) that are trusted besides the system's.
    pub extra_roots: Vec<Vec<u8>>,
}

/// Stands for the network, and for all servers that are reached by it.
pub trait Carry: Send + Sync {
    /// What comes back for a request whose URL is allowed. It is not waited for longer than the request
    /// may take.
    fn carry(
        &self,
        request: OutboundRequest,
    ) -> Pin<Box<dyn Future<Output = Result<OutboundResponse, EgressError>> + Send>>;
}

/// The way out.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    policy: EgressPolicy,
    /// What stands for the network, if something does.
    carrier: Option<Arc<dyn Carry>>,
    resolver: Arc<dyn Resolve>,
    allowance: Allowance,
    clients: Clients,
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
        Self::made(policy, resolver, None)
    }

    /// A way out that leads no farther than `carrier`, without a connection: for simulations, whose
    /// servers are in the same process.
    #[must_use]
    pub fn with_carrier(policy: EgressPolicy, carrier: Arc<dyn Carry>) -> Self {
        Self::made(policy, Arc::new(SystemResolver), Some(carrier))
    }

    fn made(
        policy: EgressPolicy,
        resolver: Arc<dyn Resolve>,
        carrier: Option<Arc<dyn Carry>>,
    ) -> Self {
        let allowance = Allowance {
            networks: policy.allowed.clone().into(),
            public: true,
        };
        Self(Arc::new(Inner {
            policy,
            carrier,
            resolver,
            allowance,
            clients: Clients::new(),
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

    /// As [`Egress::check_url`], for a URL that somebody wants to be called from now on: also
    /// refuses what is sure to fail, or likely to, once it is called. Plain `http` is for the
    /// networks that configuration names, and a full domain name is in none of them as far as can
    /// be told without asking a name server.
    ///
    /// # Errors
    ///
    /// [`EgressError::ForbiddenUrl`] or [`EgressError::ForbiddenAddress`].
    pub fn check_new_url(&self, url: &Url) -> Result<(), EgressError> {
        self.check_url(url)?;
        match url.host() {
            Some(Host::Domain(name)) if url.scheme() == "http" && !is_local(name) => {
                Err(EgressError::ForbiddenUrl(
                    "the scheme must be https, but for addresses and names within networks that \
                     are allowed",
                ))
            }
            _ => Ok(()),
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
        let mut answer = self.exchange(&request).await?;
        loop {
            let (target, status) = match answer {
                Answer::Whole(response) => return Ok(response),
                Answer::Redirect(target, status) => (target, status),
            };
            left = left.checked_sub(1).ok_or(EgressError::TooManyRedirects)?;
            let next = match redirect::follow(&mut request, target, status) {
                Ok(()) => self.exchange(&request).await,
                Err(error) => Err(error),
            };
            answer = next.map_err(|error| EgressError::AfterRedirect(Box::new(error)))?;
        }
    }

    /// One request, and its answer.
    async fn exchange(&self, request: &OutboundRequest) -> Result<Answer, EgressError> {
        self.check_url(&request.url)?;
        if let Some(carrier) = &self.0.carrier {
            let mut request = request.clone();
            request.headers = without_connection_headers(request.headers);
            return carrier.carry(request).await.map(Answer::Whole);
        }
        let response = self
            .client(request)?
            .request(request.method.clone(), request.url.clone())
            .headers(without_connection_headers(request.headers.clone()))
            .body(request.body.clone())
            .send()
            .await
            .map_err(|error| sort(error, request, Stage::Head))?;
        if header_bytes(response.headers()) > MAX_HEADER_BYTES as usize {
            return Err(EgressError::TooLarge);
        }
        let status = response.status();
        // Nothing here asks for another protocol (101), and what else is informational comes
        // before an answer.
        if status.is_informational() {
            let why = "the connection was switched to another protocol";
            return Err(EgressError::Protocol(why.into()));
        }
        match redirect::target(request, status, response.headers()) {
            Some(target) => Ok(Answer::Redirect(target, status)),
            None => read(response, request).await.map(Answer::Whole),
        }
    }

    fn client(&self, request: &OutboundRequest) -> Result<reqwest::Client, EgressError> {
        let inner = &self.0;
        let (url, roots) = (&request.url, &inner.policy.extra_roots);
        inner
            .clients
            .get(url, &request.tls, roots, || GuardedResolver {
                allowance: self.allowance_for(url),
                resolver: Arc::clone(&inner.resolver),
            })
    }

    /// What may be called over TLS.
    pub(super) fn allowance(&self) -> &Allowance {
        &self.0.allowance
    }

    pub(super) fn resolver(&self) -> &Arc<dyn Resolve> {
        &self.0.resolver
    }

    pub(super) fn roots(&self) -> Result<Arc<RootCertStore>, EgressError> {
        self.0.clients.roots(&self.0.policy.extra_roots)
    }

    /// What a URL's scheme may lead to: `http` to the networks that configuration names only.
    fn allowance_for(&self, url: &Url) -> Allowance {
        Allowance {
            public: url.scheme() == "https",
            ..self.0.allowance.clone()
        }
    }
}

enum Answer {
    Whole(OutboundResponse),
    /// One that is to be followed.
    Redirect(Url, StatusCode),
}

fn header_bytes(headers: &HeaderMap) -> usize {
    let lengths = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    lengths.sum()
}

async fn read(
    mut response: reqwest::Response,
    request: &OutboundRequest,
) -> Result<OutboundResponse, EgressError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = BytesMut::new();
    let mut truncated = false;
    let sort = |error| sort(error, request, Stage::Body);
    while let Some(chunk) = response.chunk().await.map_err(sort)? {
        let room = request.max_response_bytes.saturating_sub(body.len());
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
