use std::fmt;

use aws_types::SdkConfig;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::flows::connect;
use gatehouse::flows::grants::Grants;
use gatehouse::lambda::metrics::Metrics;
use gatehouse::store::Store;
use gatehouse::vault::Credentials;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) credentials: Credentials,
    pub(crate) grants: Grants,
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
        let egress = connect::egress(environment)?;
        let metrics = Metrics::new("rotation");
        let trail = connect::trail(environment, &store, &sources, "rotation")?;
        let grants = Grants::of_servers(
            store.clone(),
            keys,
            &egress,
            &sources,
            metrics.clone(),
            trail,
        );
        Ok(Self {
            grants,
            credentials: connect::credentials(environment, aws)?,
            store,
            metrics,
            sources,
        })
    }
}
