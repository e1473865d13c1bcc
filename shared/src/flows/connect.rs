//! Connects a function to what its environment names.

use std::sync::Arc;

use aws_types::SdkConfig;

use crate::access::{Fetch, Verifier};
use crate::config::{ConfigError, Environment};
use crate::domain::Sources;
use crate::egress::{Egress, EgressPolicy};
use crate::http::Authentication;
use crate::queue::Queue;
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

/// What verifies access tokens, by what `issuer` says of the issuer's keys, and `store` of tokens
/// that are revoked.
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
        sources: sources.clone(),
    })
}
