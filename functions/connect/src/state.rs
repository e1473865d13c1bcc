use std::fmt;
use std::sync::Arc;

use aws_types::SdkConfig;
use axum::extract::FromRef;
use gatehouse::access::Fetch;
use gatehouse::audit::Trail;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::egress::Egress;
use gatehouse::flows::grants::Grants;
use gatehouse::flows::{CallerLimits, IssuerDocuments, connect};
use gatehouse::http::{Authentication, Authorization, Edge, Recorder};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::oauth::{Client, MetadataCache};
use gatehouse::store::Store;
use gatehouse::vault::{Credentials, DataKeys};
use url::Url;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) keys: DataKeys,
    pub(crate) credentials: Credentials,
    pub(crate) client: Client,
    pub(crate) grants: Grants,
    pub(crate) trail: Trail,
    pub(crate) authentication: Authentication,
    pub(crate) authorization: Authorization,
    pub(crate) edge: Edge,
    pub(crate) limits: CallerLimits,
    pub(crate) recorder: Recorder,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) sources: Sources,
}

/// The addresses that browsers are sent to.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// Where this function is reached.
    public: Url,
    /// Exactly what providers have to be told.
    pub(crate) callback: Url,
    return_origins: Vec<Url>,
}

impl Addresses {
    /// The one-time link of a ticket, which has the characters of base64url.
    pub(crate) fn start(&self, ticket: &str) -> Url {
        under(&self.public, &format!("oauth/start/{ticket}"))
    }

    /// Whether browsers speak to us in secret.
    pub(crate) fn is_https(&self) -> bool {
        self.public.scheme() == "https"
    }

    /// Whether a browser may be sent to `url` after a consent.
    pub(crate) fn may_return_to(&self, url: &Url) -> bool {
        let mut origins = self.return_origins.iter();
        url.username().is_empty()
            && url.password().is_none()
            && origins.any(|origin| origin.origin() == url.origin())
    }
}

/// A path below the public URL, which may have one of its own.
fn under(public: &Url, path: &str) -> Url {
    let mut url = public.clone();
    let folder = public.path().trim_end_matches('/');
    url.set_path(&format!("{folder}/{path}"));
    url.set_query(None);
    url.set_fragment(None);
    url
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl State {
    /// Connects to what `environment` names.
    ///
    /// # Errors
    ///
    /// If a variable is missing or wrong.
    pub fn connect(
        environment: &Environment,
        aws: &SdkConfig,
        sources: Sources,
    ) -> Result<Self, ConfigError> {
        let issuer = Arc::new(IssuerDocuments(connect::egress(environment)?));
        Self::connect_with_issuer(environment, aws, sources, issuer)
    }

    /// As [`State::connect`], where the issuer's documents come from `issuer`: the local system
    /// has its issuer in the same process.
    ///
    /// # Errors
    ///
    /// If a variable is missing or wrong.
    pub fn connect_with_issuer(
        environment: &Environment,
        aws: &SdkConfig,
        sources: Sources,
        issuer: Arc<dyn Fetch>,
    ) -> Result<Self, ConfigError> {
        let egress = connect::egress(environment)?;
        Self::connect_with(environment, aws, sources, issuer, egress)
    }

    /// As [`State::connect_with_issuer`], where authorization servers are called by way of
    /// `egress`.
    ///
    /// # Errors
    ///
    /// If a variable is missing or wrong.
    pub fn connect_with(
        environment: &Environment,
        aws: &SdkConfig,
        sources: Sources,
        issuer: Arc<dyn Fetch>,
        egress: Egress,
    ) -> Result<Self, ConfigError> {
        let store = connect::store(environment, aws)?;
        let keys = connect::data_keys(environment, aws, &store, &sources)?;
        let trail = connect::trail(environment, &store, &sources, "connect")?;
        let metadata = MetadataCache::new(egress.clone(), sources.clone());
        let client = Client::new(egress, sources.clone(), Arc::new(metadata));
        let grants = Grants::new(
            store.clone(),
            keys.clone(),
            Arc::new(client.clone()),
            sources.clone(),
            Metrics::new("connect"),
            Some(trail.clone()),
        );
        let public = environment.public_url()?;
        let addresses = Addresses {
            callback: under(&public, "oauth/callback"),
            public,
            return_origins: environment.return_origins()?,
        };
        let authentication = connect::authentication(environment, issuer, &store, &sources)?;
        let attributes = Arc::new(store.clone());
        Ok(Self {
            recorder: Recorder::new(trail.clone()),
            trail,
            authorization: connect::authorization(&authentication, &store, attributes),
            authentication,
            edge: connect::edge(environment, &sources)?,
            limits: connect::caller_limits(environment, &store, &sources)?,
            credentials: connect::credentials(environment, aws)?,
            addresses: Arc::new(addresses),
            store,
            keys,
            client,
            grants,
            sources,
        })
    }
}

impl FromRef<State> for Authentication {
    fn from_ref(state: &State) -> Self {
        state.authentication.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_back_to_the_named_origins_only() {
        let addresses = Addresses {
            public: "https://gatehouse.example/base/".parse().unwrap(),
            callback: "https://gatehouse.example/base/oauth/callback"
                .parse()
                .unwrap(),
            return_origins: vec!["https://app.example".parse().unwrap()],
        };
        for (url, may) in [
            ("https://app.example", true),
            ("https://app.example:443/x?y=z", true),
            ("http://app.example/", false),
            ("https://app.example:8443/", false),
            ("https://app.example.evil.example/", false),
            ("https://evil.example/https://app.example/", false),
            ("https://app.example@evil.example/", false),
            ("https://x@app.example/", false),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(addresses.may_return_to(&url.parse().unwrap()), may, "{url}");
        }
        let start = addresses.start("abc_-");
        assert_eq!(
            start.as_str(),
            "https://gatehouse.example/base/oauth/start/abc_-"
        );
    }
}
