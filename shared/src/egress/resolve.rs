use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolving};

use super::address::is_globally_routable;
use super::error::ResolveError;

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
}

/// Gives the HTTP client the addresses that were classified, and no others.
pub(super) struct GuardedResolver {
    pub(super) allowance: Allowance,
    pub(super) resolver: Arc<dyn Resolve>,
}

impl reqwest::dns::Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowance = self.allowance.clone();
        let found = self.resolver.resolve(name.as_str().to_owned());
        Box::pin(async move {
            let addresses = found.await.map_err(|_| ResolveError::NotFound)?;
            if addresses.is_empty() {
                return Err(ResolveError::NotFound.into());
            }
            if !addresses.iter().all(|address| allowance.allows(*address)) {
                return Err(ResolveError::Forbidden.into());
            }
            let addresses = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}
