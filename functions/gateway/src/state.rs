use std::fmt;
use std::sync::Arc;

use aws_types::SdkConfig;
use axum::extract::FromRef;
use gatehouse::access::Fetch;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::egress::Egress;
use gatehouse::flows::health::Checks;
use gatehouse::flows::outbound::{Outbound, Services};
use gatehouse::flows::{
    CallerLimits, Directories, Idempotency, IssuerDocuments, Unfinished, connect,
};
use gatehouse::http::{Authentication, Authorization, Edge, Recorder};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::store::Store;
use gatehouse::vault::DataKeys;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) keys: DataKeys,
    pub(crate) outbound: Outbound,
    pub(crate) checks: Checks,
    pub(crate) directories: Directories,
    pub(crate) authentication: Authentication,
    pub(crate) authorization: Authorization,
    pub(crate) edge: Edge,
    pub(crate) limits: CallerLimits,
    pub(crate) recorder: Recorder,
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

    /// As [`State::connect_with_issuer`], where providers are called by way of `egress`: one that
    /// trusts more roots, or asks another resolver, than a function does.
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
        let metrics = Metrics::new("gateway");
        Self::connect_measured(environment, aws, sources, issuer, (egress, metrics))
    }

    /// As [`State::connect_with`], whose lines of metrics go where `metrics` writes them.
    ///
    /// # Errors
    ///
    /// If a variable is missing or wrong.
    pub fn connect_measured(
        environment: &Environment,
        aws: &SdkConfig,
        sources: Sources,
        issuer: Arc<dyn Fetch>,
        (egress, metrics): (Egress, Metrics),
    ) -> Result<Self, ConfigError> {
        let store = connect::store(environment, aws)?;
        let keys = connect::data_keys(environment, aws, &store, &sources)?;
        let trail = connect::trail(environment, &store, &sources, "gateway")?;
        let credentials = connect::credentials(environment, aws)?;
        let directories = Directories::new(
            store.clone(),
            credentials.clone(),
            egress.clone(),
            trail.clone(),
            sources.clone(),
        );
        let services = Services {
            store: store.clone(),
            keys: keys.clone(),
            credentials,
            egress: egress.clone(),
            trail: trail.clone(),
            sources: sources.clone(),
        };
        let outbound = Outbound::new(services, metrics, environment.request_retention()?);
        let authentication = connect::authentication(environment, issuer, &store, &sources)?;
        let attributes = Arc::new(outbound.clone());
        let checks = Checks::new(store.clone(), egress, outbound.clone(), sources.clone());
        Ok(Self {
            authorization: connect::authorization(&authentication, &store, attributes),
            authentication,
            edge: connect::edge(environment, &sources)?,
            limits: connect::caller_limits(environment, &store, &sources)?,
            store,
            keys,
            recorder: Recorder::new(trail),
            outbound,
            checks,
            directories,
            sources,
        })
    }

    pub(crate) fn idempotency(&self) -> Idempotency {
        Idempotency {
            unfinished: Unfinished::Refuse,
            store: self.store.clone(),
            keys: self.keys.clone(),
            sources: self.sources.clone(),
        }
    }
}

impl FromRef<State> for Authentication {
    fn from_ref(state: &State) -> Self {
        state.authentication.clone()
    }
}
