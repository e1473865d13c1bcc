//! Calls providers with the credentials of integrations: the one way by which anything of ours
//! does.
//!
//! In this order: what is asked for is checked against the integration; a cached answer is given,
//! if there is one; the circuit breaker and the limits are asked; the call is written to the log, and
//! the use of the credentials to the audit trail, at the same time; it is made, and made again where that is safe; what came back is searched for the credentials,
//! learned from, and kept where it may be. The log says how it ended.
//!
//! Guarantees: no call is made that is not in the log, and no credential is used, nor exchanged for a
//! token, whose use is not in the audit trail. Credentials go to the integration's hosts
//! only. They are blotted out of an answer's headers and body before anything else reads those, in
//! every writing that [`Redactor`] names; one that cannot be searched for them is not given. A call
//! that may have had an effect is repeated only if the provider recognises the repetition, or the
//! method says that it does not matter.
//!
//! Does not guarantee: that no answer tells a credential. A provider knows it, and may write it in a
//! way that is not looked for (backwards, in pieces, in UTF-16); values of less than 6 characters are
//! not looked for at all. Nor that a call whose function was killed had no effect: the log shows it as
//! `started` for good.
//!
//! [`Redactor`]: crate::auth::Redactor

mod admission;
mod answer;
mod attempts;
mod attributes;
mod behalf;
mod failure;
mod integrations;
mod prepare;
mod record;
mod rotation;
mod unauthorized;
mod unpack;
mod verification;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::access::Caller;
use crate::audit::Trail;
use crate::auth::Authenticator;
use crate::domain::gateway::UpstreamProblem;
use crate::domain::{
    CacheUse, Error, IntegrationId, OrganizationId, Origin, RequestId, Sources, Timestamp,
};
use crate::egress::Egress;
use crate::lambda::metrics::Metrics;
use crate::store::Store;
use crate::vault::{CachedCredentials, Credentials, DataKeys};

use super::grants::Grants;
use super::{Activity, Circuit, Limiter, ResponseCache};

use self::integrations::Integrations;

pub use self::integrations::OpenIntegration;
pub use self::prepare::MAX_BODY_BYTES;
pub use self::rotation::NamedCredentials;
pub use self::verification::Verified;

/// What calls are made with.
#[derive(Clone, Debug)]
pub struct Services {
    /// The table.
    pub store: Store,
    /// The organizations' data keys.
    pub keys: DataKeys,
    /// The credentials.
    pub credentials: Credentials,
    /// The way out.
    pub egress: Egress,
    /// Where each use of credentials is recorded.
    pub trail: Trail,
    /// The clock and the randomness.
    pub sources: Sources,
}

/// Calls providers. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    services: Services,
    credentials: CachedCredentials,
    integrations: Integrations,
    authenticator: Authenticator,
    limiter: Limiter,
    circuit: Circuit,
    activity: Activity,
    responses: ResponseCache,
    metrics: Metrics,
    grants: Grants,
    /// How long requests stay in the log.
    retention: Duration,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").finish_non_exhaustive()
    }
}

/// A call that somebody wants to be made.
#[derive(Clone)]
pub struct OutboundCall {
    /// The method.
    pub method: Method,
    /// The path under the integration's base URL, perhaps with a query; or one of the provider's
    /// absolute URLs, as lists give them.
    pub endpoint: String,
    /// Parameters of the query besides.
    pub params: Vec<(String, String)>,
    /// Headers. Those that the integration does not let pass are left out.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// For everything, repetitions included; the integration's own, if absent or longer.
    pub timeout: Option<Duration>,
    /// By which the caller recognises this call, and the provider may.
    pub idempotency_key: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Names and sizes only: the rest may be anything.
impl fmt::Debug for OutboundCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundCall")
            .field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What a provider answered, or the cache in its place.
#[derive(Clone)]
pub struct OutboundAnswer {
    /// The call, as it stands in the log of requests.
    pub id: RequestId,
    /// The status.
    pub status: StatusCode,
    /// The headers that are passed on.
    pub headers: HeaderMap,
    /// The body, without the integration's credentials.
    pub body: Bytes,
    /// What the cache had to do with it.
    pub cache: CacheUse,
    /// How often the provider was called.
    pub attempts: u16,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took in all.
    pub duration: Duration,
    /// What is wrong, if it is no success.
    pub problem: Option<UpstreamProblem>,
    /// Whether making the call again would be as good as having made it once.
    pub is_repeatable: bool,
}

impl fmt::Debug for OutboundAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundAnswer")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .field("cache", &self.cache)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

impl Outbound {
    /// Calls by `services`; requests stay in the log for `retention`.
    #[must_use]
    pub fn new(services: Services, metrics: Metrics, retention: Duration) -> Self {
        let (store, sources) = (services.store.clone(), services.sources.clone());
        let (egress, keys) = (services.egress.clone(), services.keys.clone());
        let trail = services.trail.clone();
        let grants = Grants::of_servers(
            store.clone(),
            keys,
            &egress,
            &sources,
            metrics.clone(),
            trail,
        );
        Self(Arc::new(Inner {
            credentials: CachedCredentials::new(services.credentials.clone(), sources.clone()),
            integrations: Integrations::new(store.clone()),
            authenticator: Authenticator::new(egress, sources.clone())
                .with_grants(Arc::new(grants.clone())),
            grants,
            limiter: Limiter::new(store.clone(), sources.clone()),
            circuit: Circuit::new(store.clone(), sources.clone()),
            activity: Activity::new(store.clone(), sources.clone()),
            responses: ResponseCache::new(store, services.keys.clone(), sources),
            services,
            metrics,
            retention,
        }))
    }

    /// An integration with all that calls need to know of it, as it is now or was a few seconds
    /// ago.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or the table does not answer.
    pub async fn integration(
        &self,
        caller: &Caller,
        integration: IntegrationId,
    ) -> Result<Arc<OpenIntegration>, Error> {
        self.open(caller.organization_id, integration).await
    }

    /// As [`Outbound::integration`], where nobody calls.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or the table does not answer.
    pub async fn open(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Arc<OpenIntegration>, Error> {
        let now = self.0.services.sources.now();
        self.0
            .integrations
            .get((organization, integration), now)
            .await
    }

    /// Makes a call for `caller` with the credentials of `integration`.
    ///
    /// # Errors
    ///
    /// If the integration does not allow it, its limits are reached, or no answer came back. An
    /// answer that is an error of the provider's is an answer, with its `problem`.
    pub async fn execute_request(
        &self,
        caller: &Caller,
        integration: IntegrationId,
        call: OutboundCall,
    ) -> Result<OutboundAnswer, Error> {
        let open = self.integration(caller, integration).await?;
        open.check_usable()?;
        let prepared = prepare::prepare(&open, call, &self.0.services)?;
        let purpose = attempts::Purpose::Answer;
        let running = attempts::Running::new(&self.0, caller.into(), &open, prepared, purpose);
        Box::pin(running.run()).await
    }

    /// Makes a call that nobody asked for, but `function` makes by itself: the log of requests and
    /// the audit trail name it. The answer never comes from the cache, nor is it kept there.
    ///
    /// # Errors
    ///
    /// As [`Outbound::execute_request`].
    pub async fn execute_as_system(
        &self,
        (organization, function): (OrganizationId, &'static str),
        integration: IntegrationId,
        call: OutboundCall,
    ) -> Result<OutboundAnswer, Error> {
        let open = self.open(organization, integration).await?;
        open.check_usable()?;
        let prepared = prepare::prepare(&open, call, &self.0.services)?;
        let behalf = behalf::Behalf::of_system(organization, function);
        let purpose = attempts::Purpose::System;
        let running = attempts::Running::new(&self.0, behalf, &open, prepared, purpose);
        Box::pin(running.run()).await
    }

    /// The grants by which it authenticates what uses OAuth 2.0.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// Makes every cached answer of the integration void, in all functions within five seconds.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn purge_cache(
        &self,
        caller: &Caller,
        integration: IntegrationId,
    ) -> Result<(), Error> {
        let circuit = &self.0.circuit;
        circuit.purge(caller.organization_id, integration).await?;
        Ok(())
    }
}
