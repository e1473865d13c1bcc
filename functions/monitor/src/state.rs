use std::fmt;
use std::sync::Arc;

use aws_types::SdkConfig;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::egress::Egress;
use gatehouse::flows::alerts::{Alerts, Notifier};
use gatehouse::flows::connect;
use gatehouse::flows::grants::Grants;
use gatehouse::flows::health::Checks;
use gatehouse::flows::incidents::Incidents;
use gatehouse::flows::outbound::{Outbound, Services};
use gatehouse::flows::playbooks::{GrantRevoker, Playbooks};
use gatehouse::flows::rotation::RotationDesk;
use gatehouse::lambda::metrics::Metrics;
use gatehouse::oauth::{Client, MetadataCache};
use gatehouse::store::Store;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) checks: Checks,
    pub(crate) alerts: Alerts,
    pub(crate) incidents: Incidents,
    pub(crate) playbooks: Playbooks,
    pub(crate) notifier: Notifier,
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
        Self::connect_with(environment, aws, sources, egress)
    }

    /// As [`State::connect`], where providers are reached by way of `egress`: one that trusts more roots, or
    /// asks another resolver, than a function does.
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
        let metrics = Metrics::new("monitor");
        let trail = connect::trail(environment, &store, &sources, "monitor")?;
        let keys = connect::data_keys(environment, aws, &store, &sources)?;
        let sqs = aws_sdk_sqs::Client::new(aws);
        let events = connect::queue(environment, sqs, &keys, &sources)?;
        let services = Services {
            store: store.clone(),
            keys,
            credentials: connect::credentials(environment, aws)?,
            egress: egress.clone(),
            trail: trail.clone(),
            sources: sources.clone(),
        };
        let playbooks = playbooks(&services, &metrics);
        let retention = environment.request_retention()?;
        let outbound = Outbound::new(services, metrics.clone(), retention);
        let notifier = Notifier::new(
            (store.clone(), outbound.clone()),
            events,
            sources.clone(),
            metrics.clone(),
            "monitor",
        );
        Ok(Self {
            incidents: Incidents::new(store.clone(), trail.clone(), sources.clone()),
            playbooks,
            alerts: Alerts::new(store.clone(), trail, sources.clone(), metrics.clone()),
            notifier,
            checks: Checks::new(store.clone(), egress, outbound, sources.clone()),
            store,
            metrics,
            sources,
        })
    }
}

/// What goes on with runs of playbooks. Grants that one ends are ended at their authorization servers, too;
/// credentials that one has replaced are replaced by `rotation`.
fn playbooks(services: &Services, metrics: &Metrics) -> Playbooks {
    let (store, sources) = (services.store.clone(), services.sources.clone());
    let egress = services.egress.clone();
    let metadata = MetadataCache::new(egress.clone(), sources.clone());
    let client = Client::new(egress, sources.clone(), Arc::new(metadata));
    let grants = Grants::new(
        store.clone(),
        services.keys.clone(),
        Arc::new(client.clone()),
        sources.clone(),
        metrics.clone(),
        Some(services.trail.clone()),
    );
    let credentials = services.credentials.clone();
    let desk = RotationDesk::new(store.clone(), credentials.clone(), sources.clone());
    let revoker = GrantRevoker::new(store.clone(), grants, client, credentials, sources.clone());
    let playbooks = Playbooks::new(store, services.trail.clone(), sources);
    playbooks.with_grants(revoker).with_rotations(desk)
}
