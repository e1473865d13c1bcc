use std::fmt;
use std::sync::Arc;

use aws_types::SdkConfig;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::flows::{IssuerDocuments, KeyFetcher, connect};
use gatehouse::jwt::Fetch;
use gatehouse::lambda::metrics::Metrics;
use gatehouse::queue::Queue;
use url::Url;

use crate::endpoints::Endpoints;
use crate::refusals::Refusals;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) queue: Queue,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) metrics: Metrics,
    pub(crate) sources: Sources,
    /// Where the HTTP API is reached from outside: some schemes sign the URL.
    pub(crate) public_url: Arc<Url>,
    /// The way out, to providers that want a call for a confirmation.
    pub(crate) fetch: Arc<dyn Fetch>,
    /// The same, to those that publish keys.
    pub(crate) published: Arc<KeyFetcher>,
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
        let fetch = Arc::new(IssuerDocuments(connect::egress(environment)?));
        Self::connect_with(environment, aws, sources, fetch)
    }

    /// As [`State::connect`], where what providers publish is fetched by `fetch`: from a provider
    /// that is on this machine, say.
    ///
    /// # Errors
    ///
    /// If a variable is missing or wrong.
    pub fn connect_with(
        environment: &Environment,
        aws: &SdkConfig,
        sources: Sources,
        fetch: Arc<dyn Fetch>,
    ) -> Result<Self, ConfigError> {
        let store = connect::store(environment, aws)?;
        let keys = connect::data_keys(environment, aws, &store, &sources)?;
        let sqs = aws_sdk_sqs::Client::new(aws);
        let queue = connect::queue(environment, sqs, &keys, &sources)?;
        let metrics = Metrics::new("webhooks");
        Ok(Self {
            endpoints: Arc::new(Endpoints::new(store, keys)),
            queue,
            refusals: Arc::new(Refusals::new(metrics.clone())),
            metrics,
            sources,
            public_url: Arc::new(environment.public_url()?),
            published: Arc::new(KeyFetcher::new(Arc::clone(&fetch))),
            fetch,
        })
    }

    /// The same, whose lines of metrics go where `metrics` writes them.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self {
            refusals: Arc::new(Refusals::new(metrics.clone())),
            metrics,
            ..self
        }
    }
}
