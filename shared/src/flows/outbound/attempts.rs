//! One call from its admission to its end, with as many attempts as are safe and fit its time.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time::Instant;

use super::admission::Admission;
use super::answer::Cached;
use super::behalf::Behalf;
use super::failure::CallFailure;
use super::prepare::Prepared;
use super::unauthorized::Remedies;
use super::unpack::unpack;
use super::{Inner, NamedCredentials, OpenIntegration, OutboundAnswer, record};
use crate::auth::{AuthContext, Redactor};
use crate::domain::gateway::{Answer, FailedCall, Failure, Headroom, UpstreamProblem};
use crate::domain::{Error, ErrorShape, IntegrationId, OrganizationId, Passage, RequestRecord};
use crate::egress::{OutboundRequest, OutboundResponse, Redirects, TlsSettings};
use crate::flows::{CallEnd, Permit};
use crate::lambda::metrics::Metric;
use crate::lambda::telemetry::chain;
use crate::store::Digest;
use crate::vault::CredentialSet;

/// Redirects are followed within the provider's origin, and no further.
const REDIRECTS: Redirects = Redirects::SameOrigin(3);
/// A call that was given less, and less than the integration gives its calls, says nothing of the
/// provider when it runs out of time.
const ENOUGH_TO_JUDGE: Duration = Duration::from_secs(10);

/// A call that is being made.
pub(super) struct Running<'a> {
    pub(super) inner: &'a Inner,
    pub(super) behalf: Behalf,
    pub(super) open: &'a OpenIntegration,
    pub(super) call: Prepared<'a>,
    pub(super) record: RequestRecord,
    /// Whether the use of the credentials is in the audit trail.
    pub(super) is_recorded: bool,
    pub(super) purpose: Purpose,
    deadline: Instant,
}

/// What a call is made for.
pub(super) enum Purpose {
    /// Somebody wants its answer.
    Answer,
    /// We want it ourselves, as the provider has it now: the cache has no part in it.
    System,
    /// To see whether credentials are good: these, or those in use. It is made whatever the circuit
    /// breaker says, and nothing is learned from it there: that somebody tries a wrong password is
    /// no failure of the provider's.
    Verification(Option<Arc<CredentialSet>>),
    /// To replace credentials, with those that it says. It is made whatever the circuit breaker
    /// says, likewise, and neither what is sent nor what comes back is kept: a secret may be in it.
    Rotation(NamedCredentials),
}

/// What came back, without what the request was authenticated with.
pub(super) struct Received {
    pub(super) response: OutboundResponse,
    pub(super) problem: Option<UpstreamProblem>,
    /// Whether it is packed in a way that nobody can look into.
    pub(super) is_packed: bool,
    headroom: Headroom,
}

/// How one attempt ended.
pub(super) enum Attempt {
    Answered(Box<Received>),
    Failed(CallFailure),
}

impl<'a> Running<'a> {
    pub(super) fn new(
        inner: &'a Inner,
        behalf: Behalf,
        open: &'a OpenIntegration,
        call: Prepared<'a>,
        purpose: Purpose,
    ) -> Self {
        Self {
            purpose,
            is_recorded: false,
            record: record::begun(&behalf, open, &call),
            deadline: Instant::now() + call.timeout,
            inner,
            behalf,
            open,
            call,
        }
    }

    pub(super) async fn run(mut self) -> Result<OutboundAnswer, Error> {
        let mut cached = self.cached().await;
        if let Some(answer) = self.fresh(&cached) {
            self.log_once(&answer).await;
            return answer;
        }
        let admission = match self.admit().await {
            Ok(admission) => admission,
            Err(error) => {
                let refused = Err(error);
                self.log_once(&refused).await;
                return refused;
            }
        };
        // At the same time: no call waits for one and then for the other.
        let is_recorded = std::mem::replace(&mut self.is_recorded, true);
        let used = async {
            if is_recorded {
                Ok(())
            } else {
                self.record_use().await
            }
        };
        let (logged, used) = tokio::join!(self.log_start(), used);
        if let Err(error) = logged {
            self.take_back(admission).await;
            return Err(error);
        }
        if let Err(error) = used {
            self.take_back(admission).await;
            let refused = Err(error);
            self.log_end(&refused).await;
            return refused;
        }
        self.note_use().await;
        let end = self.attempt_until_done(admission, &mut cached).await;
        self.log_end(&end).await;
        end
    }

    async fn attempt_until_done(
        &mut self,
        admission: Admission,
        cached: &mut Cached,
    ) -> Result<OutboundAnswer, Error> {
        let Admission {
            passage,
            mut permit,
            credentials,
            tls,
            mut token,
        } = admission;
        let mut may = Remedies::default();
        loop {
            let obtained = std::mem::replace(&mut token, Ok(()));
            let request = self.request((&credentials, &tls), obtained, cached).await;
            let (attempt, carried) = match request {
                Ok((request, redactor)) => {
                    let context = self.context(&credentials, &tls);
                    let carried = self.inner.authenticator.carried(&context, &request);
                    (self.attempt(request, &redactor).await, carried)
                }
                Err(failure) => (Attempt::Failed(failure), None),
            };
            self.inner.limiter.release(permit).await;
            self.heed(&attempt).await;
            let another = self.permit_after_401(&attempt, carried, &mut may, (&credentials, &tls));
            if let Some(next) = Box::pin(another).await {
                permit = next;
                continue;
            }
            if let Attempt::Answered(received) = &attempt
                && received.response.status == StatusCode::NOT_MODIFIED
                && cached.is_asked_about()
            {
                if let Some(answer) = self.revalidated(cached, &received.response).await {
                    self.judge(&attempt, passage).await;
                    return answer;
                }
                match self.permit().await {
                    Ok(next) => permit = next,
                    Err(error) => {
                        self.judge(&attempt, passage).await;
                        return Err(error);
                    }
                }
                continue;
            }
            let is_probe = matches!(passage, Some(Passage::Probe(_)));
            let wait = self.wait_before_next(&attempt).filter(|_| !is_probe);
            match self.permit_after(wait).await {
                Some(next) => permit = next,
                None => {
                    self.judge(&attempt, passage).await;
                    return self.end(attempt, cached).await;
                }
            }
        }
    }

    /// A permit for another attempt. None, if there is to be none, or the limits leave no room for
    /// one: what is known of the call says more than that.
    async fn permit_after(&self, wait: Option<Duration>) -> Option<Permit> {
        tokio::time::sleep(wait?).await;
        self.permit().await.ok()
    }

    /// What is sent: authenticated anew for each attempt, since signatures hold the time.
    async fn request(
        &self,
        (credentials, tls): (&CredentialSet, &TlsSettings),
        token: Result<(), CallFailure>,
        cached: &Cached,
    ) -> Result<(OutboundRequest, Redactor), CallFailure> {
        token?;
        let call = &self.call;
        let url = call.target.url().clone();
        let mut request = OutboundRequest::new(call.method.clone(), url, self.left());
        request.headers = call.headers.clone();
        cached.add_validators(&mut request.headers);
        request.body = call.body.clone();
        request.max_response_bytes = call.rules.max_response_bytes;
        request.redirects = REDIRECTS;
        request.tls = tls.clone();
        let context = self.context(credentials, tls);
        let authenticated = self
            .inner
            .authenticator
            .authenticate(&context, &mut request);
        match tokio::time::timeout_at(self.deadline, authenticated).await {
            Ok(Ok(())) => {
                let redactor = self.inner.authenticator.redactor(&context, &request);
                Ok((request, redactor))
            }
            Ok(Err(error)) => Err(CallFailure::Auth(error)),
            Err(_) => Err(CallFailure::Egress(crate::egress::EgressError::Timeout)),
        }
    }

    pub(super) fn context<'c>(
        &'c self,
        credentials: &'c CredentialSet,
        tls: &'c TlsSettings,
    ) -> AuthContext<'c> {
        let (organization, integration) = self.ids();
        AuthContext {
            organization,
            integration,
            base_url: &self.open.integration.base_url,
            hosts: &self.open.profile.hosts,
            own_hosts: self.open.own_hosts(),
            config: &self.open.auth,
            credentials,
            public_fields: &self.open.public_fields,
            credential_version: self.record.credential_version.as_deref(),
            tls,
        }
    }

    async fn attempt(&mut self, mut request: OutboundRequest, redactor: &Redactor) -> Attempt {
        self.record.attempts = self.record.attempts.saturating_add(1);
        request.timeout = self.left();
        match self.inner.services.egress.send(request).await {
            Ok(mut response) => {
                let limit = self.call.rules.max_response_bytes;
                let is_packed = unpack(&mut response, limit).is_err();
                // Before anything reads it: what is read is shortened, and half a secret is not found.
                redactor.headers(&mut response.headers);
                response.body = redactor.bytes(&response.body);
                let now = self.inner.services.sources.now();
                let declared = &self.open.profile.rate_limit_headers;
                let headroom = Headroom::read(&response.headers, declared, now);
                let problem = self.problem(&response, headroom);
                Attempt::Answered(Box::new(Received {
                    response,
                    problem,
                    is_packed,
                    headroom,
                }))
            }
            Err(error) => Attempt::Failed(CallFailure::Egress(error)),
        }
    }

    fn problem(&self, response: &OutboundResponse, headroom: Headroom) -> Option<UpstreamProblem> {
        let profile = &self.open.profile;
        let answer = Answer {
            status: response.status,
            headers: &response.headers,
            body: &response.body,
        };
        let unknown = ErrorShape::default();
        let shape = profile.errors.as_ref().unwrap_or(&unknown);
        UpstreamProblem::classify(&answer, shape, &profile.retry, &headroom)
    }

    /// Lets everybody's calls wait, if the provider says so.
    async fn heed(&self, attempt: &Attempt) {
        let Attempt::Answered(received) = attempt else {
            return;
        };
        let Some(wait) = received.headroom.block_for(received.response.status) else {
            return;
        };
        let scope = self.scope(Digest::of(b""));
        if let Err(error) = self.inner.limiter.block(scope, wait).await {
            let (_, integration) = self.ids();
            tracing::warn!(integration.id = %integration, cause = chain(&error), "the others are not told to wait");
        }
    }

    /// Tells the circuit breaker what the call's last attempt says of the provider.
    async fn judge(&self, last: &Attempt, passage: Option<Passage>) {
        let Some(passage) = passage else {
            return;
        };
        let (organization, integration) = self.ids();
        let circuit = &self.inner.circuit;
        let enough = self.call.rules.timeout.min(ENOUGH_TO_JUDGE);
        let end = match last {
            Attempt::Answered(received) => CallEnd::Answered(received.response.status.as_u16()),
            Attempt::Failed(failure) if failure.is_of_the_provider(self.call.timeout >= enough) => {
                CallEnd::Unreachable
            }
            Attempt::Failed(_) => {
                circuit.given_back(organization, integration, passage).await;
                return;
            }
        };
        let opened = circuit.ended(organization, integration, passage, end).await;
        if opened.is_some() {
            let now = self.inner.services.sources.now();
            self.inner.metrics.count(Metric::BreakersOpened, now);
        }
    }

    /// How long to wait for the next attempt, if there is to be one.
    fn wait_before_next(&self, attempt: &Attempt) -> Option<Duration> {
        let (failure, retry_after) = match attempt {
            Attempt::Answered(received) => {
                let problem = received.problem.as_ref()?;
                let failure = Failure {
                    is_transient: problem.is_transient,
                    may_have_been_sent: true,
                };
                (failure, problem.retry_after)
            }
            Attempt::Failed(failure) => (failure.as_failure(), None),
        };
        let failed = FailedCall {
            attempts: u8::try_from(self.record.attempts).unwrap_or(u8::MAX),
            is_repeatable: self.call.is_repeatable,
            failure,
            retry_after,
            remaining: self.left(),
        };
        let randomness = self.inner.services.sources.randomness.as_ref();
        self.call.rules.retry.next(&failed, randomness)
    }

    async fn end(&mut self, attempt: Attempt, cached: &Cached) -> Result<OutboundAnswer, Error> {
        match attempt {
            Attempt::Answered(received) => self.received(*received, cached).await,
            Attempt::Failed(failure) => {
                Err(failure.into_error(self.call.id, self.call.is_repeatable_by_caller))
            }
        }
    }

    pub(super) fn ids(&self) -> (OrganizationId, IntegrationId) {
        (
            self.open.integration.organization_id,
            self.open.integration.id,
        )
    }

    pub(super) fn may_be_cached(&self) -> bool {
        matches!(self.purpose, Purpose::Answer)
    }

    pub(super) fn is_verification(&self) -> bool {
        matches!(
            self.purpose,
            Purpose::Verification(_) | Purpose::Rotation(_)
        )
    }

    /// The credentials that are tested in place of those in use.
    pub(super) fn candidate(&self) -> Option<&Arc<CredentialSet>> {
        match &self.purpose {
            Purpose::Verification(candidate) => candidate.as_ref(),
            Purpose::Answer | Purpose::System | Purpose::Rotation(_) => None,
        }
    }

    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub(super) fn is_head(&self) -> bool {
        self.call.method == Method::HEAD
    }
}
