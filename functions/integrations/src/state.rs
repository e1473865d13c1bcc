use std::fmt;
use std::sync::Arc;

use aws_types::SdkConfig;
use axum::extract::FromRef;
use gatehouse::access::{Fetch, Verifier};
use gatehouse::config::{ConfigError, Environment};
use gatehouse::domain::Sources;
use gatehouse::egress::{Egress, EgressPolicy};
use gatehouse::flows::{Idempotency, Unfinished};
use gatehouse::http::Authentication;
use gatehouse::queue::Queue;
use gatehouse::store::Store;
use gatehouse::vault::{Credentials, DataKeys};
use url::Url;

use crate::fetch::EgressFetch;

/// What one running function holds.
#[derive(Clone)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) keys: DataKeys,
    pub(crate) credentials: Credentials,
    pub(crate) queue: Queue,
    pub(crate) egress: Egress,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) sources: Sources,
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
        let policy = EgressPolicy {
            allowed: environment.egress_allow()?,
            ..EgressPolicy::default()
        };
        let fetch = Arc::new(EgressFetch(Egress::new(policy)));
        Self::connect_with_issuer(environment, aws, sources, fetch)
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
        let store = Store::new(aws_sdk_dynamodb::Client::new(aws), environment.table()?);
        let key_arn = environment.key_arn()?;
        let keys = DataKeys::new(
            aws_sdk_kms::Client::new(aws),
            key_arn.clone(),
            store.clone(),
            sources.clone(),
        );
        let credentials = Credentials::new(
            aws_sdk_secretsmanager::Client::new(aws),
            key_arn,
            environment.secret_prefix()?,
        );
        let queue = Queue::new(
            aws_sdk_sqs::Client::new(aws),
            environment.queue_url()?,
            keys.clone(),
            sources.clone(),
        );
        let policy = EgressPolicy {
            allowed: environment.egress_allow()?,
            ..EgressPolicy::default()
        };
        let egress = Egress::new(policy);
        Ok(Self {
            verifier: Arc::new(Verifier::new(environment.access()?, issuer)),
            public_url: Arc::new(environment.public_url()?),
            store,
            keys,
            credentials,
            queue,
            egress,
            sources,
        })
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

impl FromRef<State> for Authentication {
    fn from_ref(state: &State) -> Self {
        Self {
            verifier: Arc::clone(&state.verifier),
            sources: state.sources.clone(),
        }
    }
}
