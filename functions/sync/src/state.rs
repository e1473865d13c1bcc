use std::fmt;

use aws_types::SdkConfig;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::flows::connect;
use gatehouse::flows::outbound::{Outbound, Services};
use gatehouse::flows::sync::{Jobs, Records, Synchronizer};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::queue::SyncQueue;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) synchronizer: Synchronizer,
    pub(crate) queue: SyncQueue,
    pub(crate) metrics: Metrics,
    pub(crate) sources: Sources,
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
        let store = connect::store(environment, aws)?;
        let keys = connect::data_keys(environment, aws, &store, &sources)?;
        let retention = environment.request_retention()?;
        let queue = connect::sync_queue(environment, aws_sdk_sqs::Client::new(aws))?
            .with_dead_letters(environment.sync_dead_letter_queue_url()?);
        let metrics = Metrics::new("sync");
        let services = Services {
            store: store.clone(),
            keys: keys.clone(),
            credentials: connect::credentials(environment, aws)?,
            egress: connect::egress(environment)?,
            trail: connect::trail(environment, &store, &sources, "sync")?,
            sources: sources.clone(),
        };
        let outbound = Outbound::new(services, metrics.clone(), retention);
        let jobs = Jobs::new(
            store.clone(),
            queue.clone(),
            metrics.clone(),
            sources.clone(),
            retention,
        );
        let records = Records::new(store, keys, sources.clone(), retention);
        Ok(Self {
            synchronizer: Synchronizer::new(jobs, records, outbound),
            queue,
            metrics,
            sources,
        })
    }

    /// The life of jobs, by which they are started and moved on.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        self.synchronizer.jobs()
    }
}
