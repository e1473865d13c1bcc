//! What a call needs before it may be made: its credentials, the circuit breaker's passage, and a
//! permit from the limits.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::Running;
use super::failure::CallFailure;
use crate::auth::{AuthError, client_identity};
use crate::catalog;
use crate::domain::{Error, Passage, RateLimits, Timestamp};
use crate::egress::TlsSettings;
use crate::flows::{Demand, LimitError, Permit};
use crate::lambda::telemetry::chain;
use crate::store::{Digest, QuotaScope};
use crate::vault::CredentialSet;

/// For so long after its time-out a call may still count as running.
const SLACK: Duration = Duration::from_secs(2);

/// What lets a call be made.
pub(super) struct Admission {
    /// None for a call that is no business of the circuit breaker's.
    pub(super) passage: Option<Passage>,
    pub(super) permit: Permit,
    pub(super) credentials: Arc<CredentialSet>,
    pub(super) tls: TlsSettings,
    /// Why there is no token, where one has to be obtained.
    pub(super) token: Result<(), CallFailure>,
}

impl Running<'_> {
    /// Asks the circuit breaker and the limits, and fetches the credentials.
    pub(super) async fn admit(&mut self) -> Result<Admission, Error> {
        let credentials = self.credentials().await?;
        let identity = client_identity(&credentials).map_err(|error| self.unusable(error))?;
        let tls = TlsSettings {
            client_identity: identity,
            ..self.open.tls.clone()
        };
        let passage = self.passage().await?;
        if self.needs_token(&credentials, &tls) {
            if let Err(error) = self.record_use().await {
                self.give_back(passage).await;
                return Err(error);
            }
            self.is_recorded = true;
        }
        // Before the permit: calls that wait for a token would all use theirs at the same time.
        let token = self.token(&credentials, &tls).await;
        match self.permit().await {
            Ok(permit) => Ok(Admission {
                passage,
                permit,
                credentials,
                tls,
                token,
            }),
            Err(error) => {
                self.give_back(passage).await;
                Err(error)
            }
        }
    }

    /// Whether the credentials are used already before the call, to obtain a token.
    fn needs_token(&self, credentials: &CredentialSet, tls: &TlsSettings) -> bool {
        let context = self.context(credentials, tls);
        self.inner.authenticator.needs_token(&context)
    }

    async fn token(
        &self,
        credentials: &CredentialSet,
        tls: &TlsSettings,
    ) -> Result<(), CallFailure> {
        let context = self.context(credentials, tls);
        let obtained = self.inner.authenticator.obtain(&context, self.left());
        obtained.await.map_err(CallFailure::Auth)
    }

    async fn passage(&self) -> Result<Option<Passage>, Error> {
        if self.is_verification() {
            return Ok(None);
        }
        let (organization, integration) = self.ids();
        let circuit = &self.inner.circuit;
        let passage = circuit.passage(organization, integration).await?;
        if let Passage::Barred(until) = passage {
            let retry_after = until.since(self.inner.services.sources.now());
            return Err(Error::ProviderBarred { retry_after });
        }
        Ok(Some(passage))
    }

    async fn give_back(&self, passage: Option<Passage>) {
        let (organization, integration) = self.ids();
        if let Some(passage) = passage {
            let circuit = &self.inner.circuit;
            circuit.given_back(organization, integration, passage).await;
        }
    }

    /// Those that are tested, or those in use.
    async fn credentials(&mut self) -> Result<Arc<CredentialSet>, Error> {
        if let Some(candidate) = self.candidate() {
            return Ok(Arc::clone(candidate));
        }
        if let Some(named) = self.of_rotation().cloned() {
            self.record.credential_version = named.version;
            return Ok(named.values);
        }
        let (organization, integration) = self.ids();
        let version = self.open.credential()?.version.clone();
        let credentials = &self.inner.credentials;
        let found = credentials.get(organization, integration, &version).await?;
        self.record.credential_version = Some(version);
        Ok(found)
    }

    /// Says when the credentials were last used. That is of use to people, and no call waits for it
    /// to be written right.
    pub(super) async fn note_use(&self) {
        let (organization, integration) = self.ids();
        let Some(version) = &self.record.credential_version else {
            return;
        };
        if self.of_rotation().is_some() {
            return;
        }
        let noted = self.inner.circuit.used(organization, integration, version);
        if let Err(error) = noted.await {
            tracing::warn!(integration.id = %integration, cause = chain(&error), "a use of credentials is not noted");
        }
    }

    pub(super) async fn take_back(&self, admission: Admission) {
        self.inner.limiter.release(admission.permit).await;
        self.give_back(admission.passage).await;
    }

    /// A permit for one attempt, from the limits of the integration and of the route.
    pub(super) async fn permit(&self) -> Result<Permit, Error> {
        let now = self.inner.services.sources.now();
        let ends_by = now.plus(self.left() + SLACK);
        let of_integration = catalog::limits_of(&self.open.integration, &self.open.profile);
        let mut demands = vec![self.demand(Digest::of(b""), &of_integration, ends_by)];
        if let Some(limits) = self.call.rules.rate_limits {
            demands.push(self.demand(self.route(), limits, ends_by));
        }
        match self.inner.limiter.acquire(&demands).await {
            Ok(permit) => Ok(permit),
            Err(LimitError::Limited { retry_after }) => Err(Error::RateLimited { retry_after }),
            Err(LimitError::Store(error)) => Err(error.into()),
        }
    }

    fn demand<'l>(&self, route: Digest, limits: &'l RateLimits, ends_by: Timestamp) -> Demand<'l> {
        let [a, b, c, d, ..] = *Digest::of(self.behalf.subject.as_bytes()).as_bytes();
        Demand {
            scope: self.scope(route),
            limits,
            caller: u32::from_be_bytes([a, b, c, d]),
            call: self.call.id,
            ends_by,
        }
    }

    /// The route that has limits of its own, by what it is made of: its place may change.
    fn route(&self) -> Digest {
        let routes = &self.open.config.routes;
        let route = self.call.rules.route.and_then(|place| routes.get(place));
        let method = route
            .and_then(|route| route.method.as_deref())
            .unwrap_or("*");
        let path = route
            .map(|route| route.path.to_string())
            .unwrap_or_default();
        Digest::of_parts(&[method.to_ascii_uppercase().as_bytes(), path.as_bytes()])
    }

    pub(super) fn scope(&self, route: Digest) -> QuotaScope {
        let (organization, integration) = self.ids();
        QuotaScope {
            organization,
            integration: Some(integration),
            route,
        }
    }

    fn unusable(&self, error: AuthError) -> Error {
        CallFailure::Auth(error).into_error(self.call.id, true)
    }
}
