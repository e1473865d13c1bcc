use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::egress::Egress;
use gatehouse::flows::{Activity, connect};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::queue::{Queue, SyncQueue};
use gatehouse::store::Store;
use gatehouse::vault::DataKeys;

use crate::breaker::Breakers;
use crate::routes::Routes;

/// How long one function may work on an event or a delivery before another may take it over.
///
/// Longer than everything that can happen in one go (the longest time-out of a destination, and
/// the calls around it), shorter than the queue's visibility time-out, so that a message that
/// comes back finds its lease ended.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) keys: DataKeys,
    pub(crate) queue: Queue,
    /// Of what has to be done for records that events hold.
    pub(crate) sync_queue: SyncQueue,
    pub(crate) egress: Egress,
    /// For destinations that are queues; ours is reached through `queue`.
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) routes: Arc<Routes>,
    pub(crate) breakers: Arc<Breakers>,
    /// Says that there are events to be counted.
    pub(crate) activity: Activity,
    pub(crate) metrics: Metrics,
    pub(crate) sources: Sources,
    pub(crate) retention: Duration,
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
        let egress = connect::egress(environment)?;
        Self::connect_with(environment, aws, sources, egress)
    }

    /// As [`State::connect`], where destinations are called by way of `egress`: one whose connections
    /// several functions of a process share, say.
    ///
    /// # Errors
    ///
    /// If a variable is missing or wrong.
    pub fn connect_with(
        environment: &Environment,
        aws: &SdkConfig,
        sources: Sources,
        egress: Egress,
    ) -> Result<Self, ConfigError> {
        let store = connect::store(environment, aws)?;
        let keys = connect::data_keys(environment, aws, &store, &sources)?;
        let sqs = aws_sdk_sqs::Client::new(aws);
        let queue = connect::queue(environment, sqs.clone(), &keys, &sources)?
            .with_dead_letters(environment.dead_letter_queue_url()?);
        Ok(Self {
            routes: Arc::new(Routes::new(store.clone())),
            breakers: Arc::new(Breakers::default()),
            activity: Activity::new(store.clone(), sources.clone()),
            metrics: Metrics::new("processor"),
            retention: environment.event_retention()?,
            egress,
            sync_queue: connect::sync_queue(environment, sqs.clone())?,
            store,
            keys,
            queue,
            sqs,
            sources,
        })
    }

    /// The same, whose lines of metrics go where `metrics` writes them.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }
}
