use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use axum::extract::FromRef;
use gatehouse::access::Fetch;
use gatehouse::audit::Trail;
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::egress::Egress;
use gatehouse::flows::alerts::Alerts;
use gatehouse::flows::data_keys::DataKeyDesk;
use gatehouse::flows::incidents::Incidents;
use gatehouse::flows::playbooks::Playbooks;
use gatehouse::flows::rotation::{Emergencies, RotationDesk};
use gatehouse::flows::secret_rotation::SecretMaker;
use gatehouse::flows::sync::{Hints, Jobs, LocalRecords, Purger, Records};
use gatehouse::flows::{
    CallerLimits, Idempotency, IssuerDocuments, KeyFetcher, Unfinished, connect,
};
use gatehouse::http::{Authentication, Authorization, Edge, Recorder};
use gatehouse::lambda::metrics::Metrics;
use gatehouse::queue::{Queue, SyncQueue};
use gatehouse::store::Store;
use gatehouse::vault::{Credentials, DataKeys};
use url::Url;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) keys: DataKeys,
    pub(crate) credentials: Credentials,
    pub(crate) queue: Queue,
    /// Starts and moves jobs of synchronization.
    pub(crate) jobs: Jobs,
    /// Alerts, and how organizations want them.
    pub(crate) alerts: Alerts,
    /// Records, as requests read and change them.
    pub(crate) local: LocalRecords,
    /// Has what integrations leave behind deleted.
    pub(crate) purger: Purger,
    pub(crate) incidents: Incidents,
    pub(crate) playbooks: Playbooks,
    /// Starts rotations, and decides about them.
    pub(crate) rotations: RotationDesk,
    pub(crate) emergencies: Emergencies,
    /// Replaces data keys of organizations.
    pub(crate) data_keys: DataKeyDesk,
    pub(crate) egress: Egress,
    /// Keys that providers publish, to judge a captured request with.
    pub(crate) published: Arc<KeyFetcher>,
    pub(crate) authentication: Authentication,
    pub(crate) authorization: Authorization,
    pub(crate) edge: Edge,
    pub(crate) limits: CallerLimits,
    pub(crate) trail: Trail,
    pub(crate) recorder: Recorder,
    pub(crate) sources: Sources,
    /// How long what has ended is kept of organizations that do not say so.
    pub(crate) record_retention: Duration,
    /// How many integrations an organization may have.
    pub(crate) max_integrations: Option<u32>,
    /// How many endpoints an integration may have.
    pub(crate) max_endpoints: u32,
    /// Where the HTTP API is reached from outside.
    pub(crate) public_url: Arc<Url>,
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
        let store = connect::store(environment, aws)?;
        let keys = connect::data_keys(environment, aws, &store, &sources)?;
        let authentication = connect::authentication(environment, issuer, &store, &sources)?;
        let attributes = Arc::new(store.clone());
        let trail = connect::trail(environment, &store, &sources, "integrations")?;
        let sqs = aws_sdk_sqs::Client::new(aws);
        let egress = connect::egress(environment)?;
        let retention = environment.record_retention()?;
        let sync_queue = connect::sync_queue(environment, sqs.clone())?;
        let metrics = Metrics::new("integrations");
        let purger = Purger::new(
            store.clone(),
            sync_queue.clone(),
            metrics.clone(),
            sources.clone(),
        );
        let jobs = Jobs::new(
            store.clone(),
            sync_queue.clone(),
            metrics,
            sources.clone(),
            retention,
        );
        let local = local_records((&store, &keys), sync_queue, &sources, retention);
        let metrics = Metrics::new("integrations");
        let alerts = Alerts::new(store.clone(), trail.clone(), sources.clone(), metrics);
        let credentials = connect::credentials(environment, aws)?;
        let rotations = RotationDesk::new(store.clone(), credentials.clone(), sources.clone());
        let published = KeyFetcher::new(Arc::new(IssuerDocuments(egress.clone())));
        Ok(Self {
            queue: connect::queue(environment, sqs, &keys, &sources)?,
            jobs,
            alerts,
            local,
            purger,
            incidents: Incidents::new(store.clone(), trail.clone(), sources.clone()),
            // Whoever may read credentials takes the steps that need them.
            playbooks: Playbooks::new(store.clone(), trail.clone(), sources.clone())
                .with_rotations(rotations.clone()),
            data_keys: DataKeyDesk::new(store.clone(), keys.clone(), sources.clone()),
            emergencies: Emergencies::new(rotations.clone()),
            rotations,
            credentials,
            egress,
            published: Arc::new(published),
            authorization: connect::authorization(&authentication, &store, attributes),
            authentication,
            edge: connect::edge(environment, &sources)?,
            limits: connect::caller_limits(environment, &store, &sources)?,
            record_retention: retention,
            max_integrations: environment.max_integrations()?,
            max_endpoints: environment.max_endpoints()?,
            public_url: Arc::new(environment.public_url()?),
            recorder: Recorder::new(trail.clone()),
            trail,
            store,
            keys,
            sources,
        })
    }

    /// Makes and seals signing secrets.
    pub(crate) fn maker(&self) -> SecretMaker {
        SecretMaker::new(self.keys.clone(), self.sources.clone())
    }

    pub(crate) fn idempotency(&self) -> Idempotency {
        Idempotency {
            unfinished: Unfinished::RunAgain,
            store: self.store.clone(),
            keys: self.keys.clone(),
            sources: self.sources.clone(),
        }
    }
}

/// Records, as requests read and change them.
fn local_records(
    (store, keys): (&Store, &DataKeys),
    queue: SyncQueue,
    sources: &Sources,
    retention: Duration,
) -> LocalRecords {
    let hints = Hints::new(store.clone(), queue.clone(), sources.clone());
    let records = Records::new(store.clone(), keys.clone(), sources.clone(), retention);
    LocalRecords::new(
        records.with_hints(hints),
        (store.clone(), keys.clone()),
        queue,
        sources.clone(),
    )
}

impl FromRef<State> for Authentication {
    fn from_ref(state: &State) -> Self {
        state.authentication.clone()
    }
}
