use std::fmt;

use aws_types::SdkConfig;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::egress::Egress;
use gatehouse::flows::connect;
use gatehouse::flows::health::Checks;
use gatehouse::flows::outbound::{Outbound, Services};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::store::Store;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) checks: Checks,
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
        let services = Services {
            store: store.clone(),
            keys: connect::data_keys(environment, aws, &store, &sources)?,
            credentials: connect::credentials(environment, aws)?,
            egress: egress.clone(),
            trail: connect::trail(environment, &store, &sources, "monitor")?,
            sources: sources.clone(),
        };
        let retention = environment.request_retention()?;
        let outbound = Outbound::new(services, metrics.clone(), retention);
        Ok(Self {
            checks: Checks::new(store.clone(), egress, outbound, sources.clone()),
            store,
            metrics,
            sources,
        })
    }
}
