//! Endpoints with their secrets, ready to verify, remembered for a short time.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::catalog;
use gatehouse::catalog::Scheme;
use gatehouse::domain::{
    Cause, Endpoint, EndpointPath, EndpointStatus, Error, SecretId, Sources, StoredSecret,
    Timestamp,
};
use gatehouse::lambda::WarmCache;
use gatehouse::signature::{SchemeSettings, SigningSecret};
use gatehouse::store::{Store, StoreError, Versioned};
use gatehouse::vault::{DataKeys, SealContext};
use secrecy::{ExposeSecret, SecretString};

/// How long it is remembered that a path has no endpoint.
const MAX_AGE_OF_ABSENCE: Duration = Duration::from_secs(1);
/// A remembered endpoint at least this old is read again before a signature is refused, in case a
/// secret was added since.
const RECHECK_AGE: Duration = Duration::from_secs(1);
const CAPACITY: usize = 1_000;

/// What became of a secret that a provider has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is the endpoint's.
    Stored,
    /// The endpoint does not wait for one, or no longer.
    Refused,
}

/// An endpoint, ready to verify.
#[derive(Debug)]
pub(crate) struct OpenEndpoint {
    pub(crate) endpoint: Endpoint,
    pub(crate) scheme: &'static Scheme,
    pub(crate) settings: SchemeSettings,
    secrets: Vec<OpenSecret>,
}

#[derive(Debug)]
struct OpenSecret {
    id: SecretId,
    expires_at: Option<Timestamp>,
    secret: SigningSecret,
}

impl OpenEndpoint {
    /// The secrets that are accepted at `now`, newest first.
    pub(crate) fn secrets(&self, now: Timestamp) -> Vec<(SecretId, &SigningSecret)> {
        self.secrets
            .iter()
            .filter(|secret| secret.expires_at.is_none_or(|end| now < end))
            .map(|secret| (secret.id, &secret.secret))
            .collect()
    }
}

#[derive(Debug)]
pub(crate) struct Endpoints {
    store: Store,
    keys: DataKeys,
    open: WarmCache<EndpointPath, Arc<OpenEndpoint>>,
    absent: WarmCache<EndpointPath, ()>,
}

impl Endpoints {
    pub(crate) fn new(store: Store, keys: DataKeys) -> Self {
        Self {
            store,
            keys,
            open: WarmCache::new(CAPACITY, Endpoint::REMEMBERED),
            absent: WarmCache::new(CAPACITY, MAX_AGE_OF_ABSENCE),
        }
    }

    /// The endpoint at `path`, if it takes requests.
    pub(crate) async fn at(
        &self,
        path: &EndpointPath,
        now: Timestamp,
    ) -> Result<Option<Arc<OpenEndpoint>>, Error> {
        if let Some(endpoint) = self.open.get(path, now) {
            return Ok(Some(endpoint));
        }
        if self.absent.get(path, now).is_some() {
            return Ok(None);
        }
        self.load(path, now).await
    }

    /// The endpoint at `path` as it is stored now; `None` if what is remembered is fresh enough.
    pub(crate) async fn at_if_newer(
        &self,
        path: &EndpointPath,
        now: Timestamp,
    ) -> Result<Option<Arc<OpenEndpoint>>, Error> {
        match self.open.get_with_age(path, now) {
            Some((_, age)) if age < RECHECK_AGE => Ok(None),
            _ => self.load(path, now).await,
        }
    }

    async fn load(
        &self,
        path: &EndpointPath,
        now: Timestamp,
    ) -> Result<Option<Arc<OpenEndpoint>>, Error> {
        let found = self.store.endpoint_at(path).await?;
        let Some(found) = found.filter(|found| {
            found.endpoint.status != EndpointStatus::Disabled
                && found.integration_status.takes_webhooks()
        }) else {
            self.open.remove(path);
            self.absent.insert(path.clone(), (), now);
            return Ok(None);
        };
        let endpoint = Arc::new(self.open(found.endpoint).await?);
        self.open.insert(path.clone(), Arc::clone(&endpoint), now);
        Ok(Some(endpoint))
    }

    /// Gives the endpoint the secret that its provider has brought, if it waits for one as it is
    /// stored now. Of two that come at once, one is taken.
    #[expect(clippy::disallowed_methods, reason = "here a secret is sealed")]
    pub(crate) async fn take_secret(
        &self,
        endpoint: &Endpoint,
        secret: &SecretString,
        sources: &Sources,
    ) -> Result<Taken, Error> {
        let (organization, now) = (endpoint.organization_id, sources.now());
        let stored = self
            .store
            .endpoint(organization, endpoint.integration_id, endpoint.id)
            .await?;
        let Some(Versioned { mut item, version }) =
            stored.filter(|stored| stored.item.takes_secret_at(now))
        else {
            return Ok(Taken::Refused);
        };
        let id = SecretId::generate(now, sources.randomness.as_ref());
        let context = SealContext::SigningSecret {
            owner: item.id.ulid(),
            secret: id,
        };
        let bytes = secret.expose_secret().as_bytes();
        let sealed = self.keys.seal(organization, &context, bytes).await?;
        item.secrets = vec![StoredSecret {
            id,
            sealed,
            created_at: now,
            expires_at: None,
            unseen: true,
        }];
        item.status = EndpointStatus::Active;
        item.updated_at = now;
        match self.store.update_endpoint(&item, version).await {
            Ok(_) => {
                self.open.remove(&item.path);
                let id = item.id;
                tracing::info!(endpoint.id = %id, "{id} took the secret that its provider brought");
                Ok(Taken::Stored)
            }
            Err(StoreError::Conflict | StoreError::NotFound(_)) => Ok(Taken::Refused),
            Err(error) => Err(error.into()),
        }
    }

    async fn open(&self, endpoint: Endpoint) -> Result<OpenEndpoint, Error> {
        let scheme = catalog::scheme(&endpoint.scheme)
            .ok_or_else(|| internal("the endpoint's scheme is not in the catalogue"))?;
        let mut settings: SchemeSettings = serde_json::from_value(endpoint.settings.clone())
            .map_err(|error| Error::Internal(error.into()))?;
        settings.tolerance_seconds = endpoint.tolerance_seconds;
        let mut secrets = Vec::with_capacity(endpoint.secrets.len());
        for stored in &endpoint.secrets {
            let context = SealContext::SigningSecret {
                owner: endpoint.id.ulid(),
                secret: stored.id,
            };
            let text = self
                .keys
                .open(endpoint.organization_id, &context, &stored.sealed)
                .await?;
            let secret = SigningSecret::from_utf8(&text)
                .map_err(|_| internal("a signing secret is not text"))?;
            secrets.push(OpenSecret {
                id: stored.id,
                expires_at: stored.expires_at,
                secret,
            });
        }
        Ok(OpenEndpoint {
            endpoint,
            scheme,
            settings,
            secrets,
        })
    }
}

fn internal(what: &'static str) -> Error {
    Error::Internal(Cause::from(what))
}
