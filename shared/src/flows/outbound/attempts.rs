//! One call from its admission to its end, with as many attempts as are safe and fit its time.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time::Instant;

use super::admission::Admission;
use super::answer::Cached;
use super::failure::CallFailure;
use super::prepare::Prepared;
use super::{Inner, OpenIntegration, OutboundAnswer, record};
use crate::access::Caller;
use crate::auth::{AuthContext, Redactor};
use crate::domain::gateway::{Answer, FailedCall, Failure, Headroom, UpstreamProblem};
use crate::domain::{Error, IntegrationId, OrganizationId, Passage, RequestRecord};
use crate::egress::{OutboundRequest, OutboundResponse, Redirects, TlsSettings};
use crate::flows::CallEnd;
use crate::lambda::metrics::Metric;
use crate::lambda::telemetry::chain;
use crate::store::Digest;
use crate::vault::CredentialSet;

/// Redirects are followed within the provider's origin, and no further.
const REDIRECTS: Redirects = Redirects::SameOrigin(3);
/// An attempt that was given less says nothing of the provider when it runs out of time.
const ENOUGH_TO_JUDGE: Duration = Duration::from_secs(2);

/// A call that is being made.
pub(super) struct Running<'a> {
    pub(super) inner: &'a Inner,
    pub(super) caller: &'a Caller,
    pub(super) open: &'a OpenIntegration,
    pub(super) call: Prepared<'a>,
    pub(super) record: RequestRecord,
    /// Credentials that are tested in place of those in use.
    pub(super) candidate: Option<Arc<CredentialSet>>,
    deadline: Instant,
}

/// What came back.
pub(super) struct Received {
    pub(super) response: OutboundResponse,
    pub(super) problem: Option<UpstreamProblem>,
    headroom: Headroom,
    /// Blots out what the request was authenticated with.
    pub(super) redactor: Redactor,
}

/// How one attempt ended.
enum Attempt {
    Answered(Box<Received>),
    Failed(CallFailure),
}

impl<'a> Running<'a> {
    pub(super) fn new(
        inner: &'a Inner,
        caller: &'a Caller,
        open: &'a OpenIntegration,
        call: Prepared<'a>,
        candidate: Option<Arc<CredentialSet>>,
    ) -> Self {
        Self {
            candidate,
            record: record::begun(caller, open, &call),
            deadline: Instant::now() + call.timeout,
            inner,
            caller,
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
        if let Err(error) = self.log_start().await {
            self.take_back(admission).await;
            return Err(error);
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
            permit,
            credentials,
            tls,
        } = admission;
        let mut permit = Some(permit);
        let mut may_renew_token = true;
        loop {
            let permit = match permit.take() {
                Some(permit) => permit,
                None => self.permit().await?,
            };
            let request = self.request(&credentials, &tls, cached).await;
            let (attempt, token) = match request {
                Ok((request, redactor)) => {
                    let context = self.context(&credentials, &tls);
                    let token = self.inner.authenticator.carried(&context, &request);
                    (self.attempt(request, redactor).await, token)
                }
                Err(failure) => (Attempt::Failed(failure), None),
            };
            self.inner.limiter.release(permit).await;
            let opened = self.learn(&attempt, passage).await;
            if let Some(token) = token.filter(|_| may_renew_token && attempt.is_unauthorized()) {
                may_renew_token = false;
                let context = self.context(&credentials, &tls);
                if self.inner.authenticator.refused(&context, &token) {
                    continue;
                }
            }
            if let Attempt::Answered(received) = &attempt
                && received.response.status == StatusCode::NOT_MODIFIED
                && cached.is_asked_about()
            {
                match self.revalidated(cached, &received.response).await {
                    Some(answer) => return answer,
                    None => continue,
                }
            }
            let is_probe = matches!(passage, Passage::Probe(_));
            match self
                .wait_before_next(&attempt)
                .filter(|_| !is_probe && !opened)
            {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return self.end(attempt, cached).await,
            }
        }
    }

    /// What is sent: authenticated anew for each attempt, since signatures hold the time.
    async fn request(
        &self,
        credentials: &CredentialSet,
        tls: &TlsSettings,
        cached: &Cached,
    ) -> Result<(OutboundRequest, Redactor), CallFailure> {
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

    fn context<'c>(
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
            config: &self.open.auth,
            credentials,
            credential_version: self.record.credential_version.as_deref(),
            tls,
        }
    }

    async fn attempt(&mut self, mut request: OutboundRequest, redactor: Redactor) -> Attempt {
        self.record.attempts = self.record.attempts.saturating_add(1);
        request.timeout = self.left();
        match self.inner.services.egress.send(request).await {
            Ok(response) => {
                let now = self.inner.services.sources.now();
                let declared = &self.open.profile.rate_limit_headers;
                let headroom = Headroom::read(&response.headers, declared, now);
                let problem = self.problem(&response, headroom);
                Attempt::Answered(Box::new(Received {
                    response,
                    problem,
                    headroom,
                    redactor,
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
        let (shape, hints) = (profile.errors.clone().unwrap_or_default(), &profile.retry);
        UpstreamProblem::classify(&answer, &shape, hints, &headroom)
    }

    /// Tells the limits and the circuit breaker what the attempt says of the provider. Whether that
    /// opened the breaker.
    async fn learn(&self, attempt: &Attempt, passage: Passage) -> bool {
        let (organization, integration) = self.ids();
        let circuit = &self.inner.circuit;
        let end = match attempt {
            Attempt::Answered(received) => {
                let status = received.response.status;
                if let Some(wait) = received.headroom.block_for(status) {
                    let scope = self.scope(Digest::of(b""));
                    if let Err(error) = self.inner.limiter.block(scope, wait).await {
                        tracing::warn!(integration.id = %integration, cause = chain(&error), "the others are not told to wait");
                    }
                }
                CallEnd::Answered(status.as_u16())
            }
            Attempt::Failed(failure)
                if failure.is_of_the_provider(self.call.timeout >= ENOUGH_TO_JUDGE) =>
            {
                CallEnd::Unreachable
            }
            Attempt::Failed(_) => {
                circuit.given_back(organization, integration, passage).await;
                return false;
            }
        };
        let opened = circuit.ended(organization, integration, passage, end).await;
        if opened.is_some() {
            let now = self.inner.services.sources.now();
            self.inner.metrics.count(Metric::BreakersOpened, now);
        }
        opened.is_some()
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
                Err(failure.into_error(self.call.id, self.call.is_repeatable))
            }
        }
    }

    pub(super) fn ids(&self) -> (OrganizationId, IntegrationId) {
        (
            self.open.integration.organization_id,
            self.open.integration.id,
        )
    }

    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub(super) fn is_head(&self) -> bool {
        self.call.method == Method::HEAD
    }
}

impl Attempt {
    fn is_unauthorized(&self) -> bool {
        match self {
            Self::Answered(received) => received.response.status == StatusCode::UNAUTHORIZED,
            Self::Failed(_) => false,
        }
    }
}
