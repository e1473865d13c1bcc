use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolving};

use super::EgressError;
use super::address::is_globally_routable;
use super::error::ResolveError;

const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// Turns names into addresses.
pub trait Resolve: Send + Sync {
    /// The addresses of `name`.
    fn resolve(
        &self,
        name: String,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(
        &self,
        name: String,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// Which addresses may be called.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    /// Networks that configuration names.
    pub(super) networks: Arc<[IpNet]>,
    /// Whether everything that is globally routable may be called too.
    pub(super) public: bool,
}

impl Allowance {
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        (self.public && is_globally_routable(address))
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }

    /// What can be said of a name without asking for its addresses.
    pub(super) fn check_name(&self, name: &str) -> Result<(), EgressError> {
        if is_localhost(name) && self.loopback().is_empty() {
            Err(EgressError::ForbiddenAddress)
        } else if !has_dot(name) && self.networks.is_empty() {
            Err(EgressError::ForbiddenUrl(
                "its host must be a full domain name",
            ))
        } else {
            Ok(())
        }
    }

    /// What an answer for a name may hold.
    fn for_name(&self, name: &str) -> Self {
        Self {
            networks: Arc::clone(&self.networks),
            public: self.public && has_dot(name),
        }
    }

    /// The addresses of `localhost` that may be called.
    fn loopback(&self) -> Vec<IpAddr> {
        let allowed = |address: &IpAddr| self.allows(*address);
        LOOPBACK.into_iter().filter(allowed).collect()
    }

    /// The addresses of a name, all classified. The one look-up that there is.
    pub(super) async fn resolve(
        &self,
        name: String,
        resolver: &Arc<dyn Resolve>,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let allowance = self.for_name(&name);
        if is_localhost(&name) {
            let addresses = allowance.loopback();
            return (!addresses.is_empty())
                .then_some(addresses)
                .ok_or(ResolveError::Forbidden);
        }
        let found = resolver.resolve(name).await;
        allowance.classify(found.map_err(|_| ResolveError::NotFound)?)
    }

    /// All addresses of an answer, or none.
    fn classify(&self, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, ResolveError> {
        if addresses.is_empty() {
            Err(ResolveError::NotFound)
        } else if addresses.iter().all(|address| self.allows(*address)) {
            Ok(addresses)
        } else {
            Err(ResolveError::Forbidden)
        }
    }
}

/// RFC 6761 section 6.3: always this machine, whatever a name server says.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether a name cannot be anybody's on the internet.
pub(super) fn is_local(name: &str) -> bool {
    is_localhost(name) || !has_dot(name)
}

/// A name without one is found through the search list of this machine, or in its `hosts` file.
fn has_dot(name: &str) -> bool {
    name.trim_end_matches('.').contains('.')
}

/// Gives the HTTP client the addresses that were classified, and no others.
pub(super) struct GuardedResolver {
    pub(super) allowance: Allowance,
    pub(super) resolver: Arc<dyn Resolve>,
}

impl reqwest::dns::Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let (allowance, resolver) = (self.allowance.clone(), Arc::clone(&self.resolver));
        Box::pin(async move {
            let addresses = allowance.resolve(name, &resolver).await?;
            let addresses = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}
