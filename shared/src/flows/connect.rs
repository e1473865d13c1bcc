//! Connects a function to what its environment names.

use std::sync::Arc;

use aws_types::SdkConfig;

use super::{CallerLimits, Limiter};
use crate::access::{ApiKeys, AttributesSource, Authorizer, Fetch, Verifier};
use crate::audit::Trail;
use crate::config::{ConfigError, Environment};
use crate::domain::Sources;
use crate::egress::{Egress, EgressPolicy};
use crate::http::{Authentication, Authorization, Cors, Edge};
use crate::queue::{Queue, SyncQueue};
use crate::store::Store;
use crate::vault::{Credentials, DataKeys};

/// The table.
///
/// # Errors
///
/// If its variable is missing or wrong.
pub fn store(environment: &Environment, aws: &SdkConfig) -> Result<Store, ConfigError> {
    let client = aws_sdk_dynamodb::Client::new(aws);
    Ok(Store::new(client, environment.table()?))
}

/// The organizations' data keys.
///
/// # Errors
///
/// If a variable is missing.
pub fn data_keys(
    environment: &Environment,
    aws: &SdkConfig,
    store: &Store,
    sources: &Sources,
) -> Result<DataKeys, ConfigError> {
    let client = aws_sdk_kms::Client::new(aws);
    let (key_arn, store) = (environment.key_arn()?, store.clone());
    Ok(DataKeys::new(client, key_arn, store, sources.clone()))
}

/// The queue of accepted events and due deliveries.
///
/// # Errors
///
/// If its variable is missing.
pub fn queue(
    environment: &Environment,
    client: aws_sdk_sqs::Client,
    keys: &DataKeys,
    sources: &Sources,
) -> Result<Queue, ConfigError> {
    let (url, keys) = (environment.queue_url()?, keys.clone());
    Ok(Queue::new(client, url, keys, sources.clone()))
}

/// The queue of synchronization. A function that reads it adds the place for what cannot be read.
///
/// # Errors
///
/// If its variable is missing.
pub fn sync_queue(
    environment: &Environment,
    client: aws_sdk_sqs::Client,
) -> Result<SyncQueue, ConfigError> {
    Ok(SyncQueue::new(client, environment.sync_queue_url()?))
}

/// The credentials of integrations.
///
/// # Errors
///
/// If a variable is missing.
pub fn credentials(environment: &Environment, aws: &SdkConfig) -> Result<Credentials, ConfigError> {
    let client = aws_sdk_secretsmanager::Client::new(aws);
    let (key_arn, prefix) = (environment.key_arn()?, environment.secret_prefix()?);
    Ok(Credentials::new(client, key_arn, prefix))
}

/// The way out.
///
/// # Errors
///
/// If its variable is wrong.
pub fn egress(environment: &Environment) -> Result<Egress, ConfigError> {
    Ok(Egress::new(EgressPolicy {
        allowed: environment.egress_allow()?,
        ..EgressPolicy::default()
    }))
}

/// The audit trail, as `function` adds to it.
///
/// # Errors
///
/// If its variable is missing or wrong.
pub fn trail(
    environment: &Environment,
    store: &Store,
    sources: &Sources,
    function: &'static str,
) -> Result<Trail, ConfigError> {
    let retention = environment.audit_retention()?;
    Ok(Trail::new(
        store.clone(),
        sources.clone(),
        function,
        retention,
    ))
}

/// The edge of a function that callers of the API reach, from pages of the origins that are
/// configured, too.
///
/// # Errors
///
/// If its variable is wrong.
pub fn edge(environment: &Environment, sources: &Sources) -> Result<Edge, ConfigError> {
    let cors = Cors::new(environment.cors_origins()?);
    Ok(Edge::new(sources.clone()).with_cors(cors))
}

/// The limits of what callers of the API may ask of it.
///
/// # Errors
///
/// If a variable is wrong.
pub fn caller_limits(
    environment: &Environment,
    store: &Store,
    sources: &Sources,
) -> Result<CallerLimits, ConfigError> {
    Ok(CallerLimits::new(
        Limiter::new(store.clone(), sources.clone()),
        sources.clone(),
        environment.organization_requests_per_second()?,
        environment.caller_requests_per_second()?,
    ))
}

/// What verifies access tokens, by what `issuer` says of the issuer's keys and `store` of tokens that
/// are revoked, and API keys, by what is in `store`.
///
/// # Errors
///
/// If a variable is missing or wrong.
pub fn authentication(
    environment: &Environment,
    issuer: Arc<dyn Fetch>,
    store: &Store,
    sources: &Sources,
) -> Result<Authentication, ConfigError> {
    let verifier = Verifier::new(environment.access()?, issuer);
    Ok(Authentication {
        verifier: Arc::new(verifier.with_revocations(store.clone())),
        api_keys: ApiKeys::new(store.clone()),
        sources: sources.clone(),
    })
}

/// What authorizes the callers that `authentication` lets in, by what `attributes` says of
/// integrations.
#[must_use]
pub fn authorization(
    authentication: &Authentication,
    store: &Store,
    attributes: Arc<dyn AttributesSource>,
) -> Authorization {
    let api_keys = authentication.api_keys.clone();
    Authorization {
        authorizer: Authorizer::new(store.clone(), api_keys),
        attributes,
        sources: authentication.sources.clone(),
    }
}
