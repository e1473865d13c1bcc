//! Probes of an integration, those that apply to it, in one go.
//!
//! An organization's are budgeted together, scheduled ones and those that somebody asks for. The verifying
//! call is made as calls are: within the integration's limits, in its log, with the use of the credentials
//! in the audit trail; and whatever the circuit breaker says, since it is how one finds out that a
//! provider works again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{probes, silence};
use crate::access::Caller;
use crate::directory::SCHEME as DIRECTORY;
use crate::domain::health::{
    Check, CheckKind, CheckState, CheckTrigger, Checked, credential_checked, grant_checked,
};
use crate::domain::{
    AuthConfig, CheckId, Digest, Error, GrantType, IntegrationId, IntegrationStatus,
    OrganizationId, Origin, RateLimits, RequestId, RotationMethod, Sources,
};
use crate::egress::Egress;
use crate::flows::outbound::{OpenIntegration, Outbound};
use crate::flows::{Demand, Limiter};
use crate::lambda::telemetry::chain;
use crate::store::{QuotaScope, Store};

/// How many integrations of an organization are probed in a minute, at most.
const A_MINUTE: RateLimits = RateLimits {
    requests_per_second: None,
    requests_per_minute: Some(60),
    requests_per_hour: None,
    concurrent_requests: None,
};

/// Probes integrations. Cheap to clone.
#[derive(Clone)]
pub struct Checks(Arc<Inner>);

struct Inner {
    store: Store,
    egress: Egress,
    outbound: Outbound,
    limiter: Limiter,
    sources: Sources,
}

/// Who has an integration probed.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A function, since it is time.
    System(&'static str),
    /// A caller, from there.
    Caller(&'a Caller, &'a Origin),
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").finish_non_exhaustive()
    }
}

impl Checks {
    /// Probes by way of `egress`, and with credentials by `outbound`.
    #[must_use]
    pub fn new(store: Store, egress: Egress, outbound: Outbound, sources: Sources) -> Self {
        Self(Arc::new(Inner {
            limiter: Limiter::new(store.clone(), sources.clone()),
            store,
            egress,
            outbound,
            sources,
        }))
    }

    /// Makes the probes that apply to an integration: none, if it is switched off. They are kept, and the
    /// integration's watch says what they found.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::RateLimited`], if the organization's budget is used up; and if the
    /// table or the vault does not answer.
    pub async fn run(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        by: By<'_>,
    ) -> Result<Vec<Check>, Error> {
        let inner = &self.0;
        let open = inner.outbound.open(organization, integration).await?;
        self.spend(organization, by).await?;
        let found = Box::pin(self.probe(&open, by)).await;
        let (now, randomness) = (inner.sources.now(), inner.sources.randomness.as_ref());
        let trigger = match by {
            By::System(_) => CheckTrigger::Schedule,
            By::Caller(..) => CheckTrigger::Manual,
        };
        let checks: Vec<Check> = found
            .into_iter()
            .map(|found| Check {
                id: CheckId::generate(now, randomness),
                checked_at: now,
                trigger,
                found,
            })
            .collect();
        let store = &inner.store;
        store.add_checks(organization, integration, &checks).await?;
        let fraction = randomness.fraction();
        let noted = store.update_watch(organization, integration, |watch| {
            watch.checked(checks.clone(), now, fraction)
        });
        noted.await?;
        Ok(checks)
    }

    /// Takes one run out of the organization's budget.
    async fn spend(&self, organization: OrganizationId, by: By<'_>) -> Result<(), Error> {
        let inner = &self.0;
        let now = inner.sources.now();
        let demand = Demand {
            scope: QuotaScope {
                organization,
                integration: None,
                // Callers' digests are of one part.
                route: Digest::of_parts(&[b"checks"]),
            },
            limits: &A_MINUTE,
            caller: match by {
                By::System(_) => 0,
                By::Caller(..) => 1,
            },
            call: RequestId::generate(now, inner.sources.randomness.as_ref()),
            ends_by: now.plus(Duration::from_secs(1)),
        };
        let permit = inner.limiter.acquire(&[demand]).await?;
        inner.limiter.release(permit).await;
        Ok(())
    }

    /// What cannot be looked at is found to be unknown, and keeps nothing else from being looked at.
    async fn probe(&self, open: &OpenIntegration, by: By<'_>) -> Vec<Checked> {
        let integration = &open.integration;
        let mut found = Vec::new();
        if integration.status == IntegrationStatus::Inactive {
            return found;
        }
        let is_in_use = integration.status != IntegrationStatus::Pending;
        let now = self.0.sources.now();
        if let Some(credential) = &integration.credentials {
            let method = open.profile.rotation.as_ref();
            let remind_after = method.and_then(RotationMethod::remind_after);
            found.push(credential_checked(credential, remind_after, now));
        }
        if is_in_use {
            let grant = self.grant(open).await;
            found.extend(or_unknown(CheckKind::Grant, grant, integration.id));
            let owned = (integration.organization_id, integration.id);
            let webhooks = silence::webhooks(&self.0.store, owned, now).await;
            let webhooks = webhooks.map_err(Error::from);
            found.extend(or_unknown(CheckKind::Webhooks, webhooks, integration.id));
        }
        let dns = probes::dns(&self.0.egress, &integration.base_url).await;
        let is_there = dns
            .as_ref()
            .is_none_or(|dns| dns.state == CheckState::Passed);
        found.extend(dns);
        if is_there {
            let may_verify = is_in_use && integration.base_url.scheme() != DIRECTORY;
            let verification = async {
                match may_verify && integration.credentials.is_some() {
                    true => self.verification(open, by).await,
                    false => Ok(None),
                }
            };
            let (egress, sources) = (&self.0.egress, &self.0.sources);
            let tls = probes::tls(egress, &integration.base_url, &open.tls, sources);
            let (tls, verification) = tokio::join!(tls, verification);
            found.extend(tls);
            let kind = CheckKind::Verification;
            found.extend(or_unknown(kind, verification, integration.id));
        }
        found
    }

    async fn grant(&self, open: &OpenIntegration) -> Result<Option<Checked>, Error> {
        let AuthConfig::Oauth2(config) = &open.auth else {
            return Ok(None);
        };
        let (organization, integration) = (open.integration.organization_id, open.integration.id);
        let grants = self.0.outbound.grants();
        let grant = grants.read(organization, integration).await?;
        // Without a person, it is obtained when it is needed.
        let is_wanted = grant.is_some() || config.grant_type == GrantType::AuthorizationCode;
        let now = self.0.sources.now();
        Ok(is_wanted.then(|| grant_checked(grant.as_ref(), now)))
    }

    async fn verification(
        &self,
        open: &OpenIntegration,
        by: By<'_>,
    ) -> Result<Option<Checked>, Error> {
        let (organization, integration) = (open.integration.organization_id, open.integration.id);
        let outbound = &self.0.outbound;
        let verified = match by {
            By::System(function) => {
                let owner = (organization, function);
                Box::pin(outbound.verify_as_system(owner, integration)).await
            }
            By::Caller(caller, origin) => {
                let origin = origin.clone();
                Box::pin(outbound.verify_credentials(caller, integration, None, origin)).await
            }
        };
        probes::verification(verified)
    }
}

/// What a probe found; that nobody knows, if it could not be made.
fn or_unknown(
    kind: CheckKind,
    found: Result<Option<Checked>, Error>,
    integration: IntegrationId,
) -> Option<Checked> {
    match found {
        Ok(found) => found,
        Err(error) => {
            let name = kind.name();
            tracing::error!(
                integration.id = %integration,
                cause = chain(&error),
                "the {name} of {integration} cannot be checked"
            );
            Some(Checked::unknown(kind))
        }
    }
}
