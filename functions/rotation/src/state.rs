use std::fmt;

use aws_types::SdkConfig;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::egress::Egress;
use gatehouse::flows::connect;
use gatehouse::flows::data_keys::{DataKeyDesk, DataKeyRotation};
use gatehouse::flows::grants::Grants;
use gatehouse::flows::outbound::{Outbound, Services};
use gatehouse::flows::rotation::{Emergencies, RotationDesk, Rotator};
use gatehouse::flows::secret_rotation::{SecretMaker, SecretRotator};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::store::Store;
use gatehouse::vault::Credentials;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) credentials: Credentials,
    pub(crate) grants: Grants,
    pub(crate) rotator: Rotator,
    pub(crate) emergencies: Emergencies,
    pub(crate) secret_rotator: SecretRotator,
    pub(crate) data_keys: DataKeyRotation,
    pub(crate) metrics: Metrics,
    pub(crate) sources: Sources,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl State {
    /// What makes the steps of rotations.
    #[must_use]
    pub fn rotator(&self) -> &Rotator {
        &self.rotator
    }

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
        Self::connect_with(environment, aws, sources, egress, Metrics::new("rotation"))
    }

    /// As [`State::connect`], where providers are called by way of `egress`, and what is counted
    /// goes to `metrics`.
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
        let trail = connect::trail(environment, &store, &sources, "rotation")?;
        let credentials = connect::credentials(environment, aws)?;
        let data_keys = DataKeyRotation::new(
            DataKeyDesk::new(store.clone(), keys.clone(), sources.clone()),
            trail.clone(),
            metrics.clone(),
            environment.data_key_rotation()?,
        );
        let services = Services {
            store: store.clone(),
            keys: keys.clone(),
            credentials: credentials.clone(),
            egress,
            trail: trail.clone(),
            sources: sources.clone(),
        };
        let outbound = Outbound::new(services, metrics.clone(), environment.request_retention()?);
        let desk = RotationDesk::new(store.clone(), credentials.clone(), sources.clone());
        let secret_rotator = SecretRotator::new(
            store.clone(),
            SecretMaker::new(keys, sources.clone()),
            trail.clone(),
            metrics.clone(),
            sources.clone(),
        );
        Ok(Self {
            secret_rotator,
            grants: outbound.grants().clone(),
            emergencies: Emergencies::new(desk.clone()),
            data_keys,
            rotator: Rotator::new(desk, outbound, trail, metrics.clone()),
            credentials,
            store,
            metrics,
            sources,
        })
    }
}
