use std::fmt;

use aws_types::SdkConfig;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::egress::Egress;
use gatehouse::flows::connect;
use gatehouse::flows::outbound::{Outbound, Services};
use gatehouse::flows::sync::{
    EventReader, Hints, Jobs, Linker, Pump, Purger, Pusher, Records, Synchronizer,
};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::queue::SyncQueue;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) synchronizer: Synchronizer,
    pub(crate) pusher: Pusher,
    pub(crate) linker: Linker,
    pub(crate) pump: Pump,
    pub(crate) events: EventReader,
    pub(crate) purger: Purger,
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
        let egress = connect::egress(environment)?;
        Self::connect_with(environment, aws, sources, egress, Metrics::new("sync"))
    }

    /// As [`State::connect`], where providers are called by way of `egress`, and what is counted goes to
    /// `metrics`.
    ///
    /// # Errors
    ///
    /// If a variable is missing or wrong.
    pub fn connect_with(
        environment: &Environment,
        aws: &SdkConfig,
        sources: Sources,
        egress: Egress,
        metrics: Metrics,
    ) -> Result<Self, ConfigError> {
        let store = connect::store(environment, aws)?;
        let keys = connect::data_keys(environment, aws, &store, &sources)?;
        let retention = environment.record_retention()?;
        let sqs = aws_sdk_sqs::Client::new(aws);
        let events = connect::queue(environment, sqs.clone(), &keys, &sources)?;
        let queue = connect::sync_queue(environment, sqs)?
            .with_dead_letters(environment.sync_dead_letter_queue_url()?);
        let services = Services {
            store: store.clone(),
            keys: keys.clone(),
            credentials: connect::credentials(environment, aws)?,
            egress,
            trail: connect::trail(environment, &store, &sources, "sync")?,
            sources: sources.clone(),
        };
        let outbound = Outbound::new(services, metrics.clone(), environment.request_retention()?);
        let jobs = Jobs::new(
            store.clone(),
            queue.clone(),
            metrics.clone(),
            sources.clone(),
            retention,
        );
        let hints = Hints::new(store.clone(), queue.clone(), sources.clone());
        let records = Records::new(store.clone(), keys.clone(), sources.clone(), retention)
            .with_hints(hints.clone());
        let table = (store.clone(), records.clone());
        let (now, later) = (sources.clone(), queue.clone());
        let purger = Purger::new(store.clone(), later.clone(), metrics.clone(), now.clone());
        Ok(Self {
            purger,
            pusher: Pusher::new(
                table.clone(),
                later.clone(),
                outbound.clone(),
                metrics.clone(),
                now.clone(),
            ),
            linker: Linker::new(table.clone(), later.clone(), metrics.clone(), now.clone()),
            pump: Pump::new(table, later.clone(), events, hints, now),
            events: EventReader::new((store, keys), records.clone(), jobs.clone(), later),
            synchronizer: Synchronizer::new(jobs, records, outbound),
            queue,
            metrics,
            sources,
        })
    }

    /// The same, deleting some `items` items for one message where integrations are purged.
    #[must_use]
    pub fn purging_in_steps_of(self, items: usize) -> Self {
        let purger = self.purger.in_steps_of(items);
        Self { purger, ..self }
    }

    /// What sends changes to providers.
    #[must_use]
    pub fn pusher(&self) -> &Pusher {
        &self.pusher
    }

    /// The life of jobs, by which they are started and moved on.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        self.synchronizer.jobs()
    }
}
