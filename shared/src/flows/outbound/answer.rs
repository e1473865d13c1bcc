//! What the caller gets: from the provider, or from the cache.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header, request};
use serde_json::Value;

use super::OutboundAnswer;
use super::attempts::{Received, Running};
use crate::domain::gateway::{
    CallerHeaders, ErrorCategory, Masking, Passage, TransformSide, UpstreamProblem,
    headers_to_caller,
};
use crate::domain::{CacheUse, Error, UpstreamError};
use crate::egress::OutboundResponse;
use crate::flows::{self, CacheScope, CachedAnswer, Lookup};
use crate::lambda::telemetry::chain;
use crate::store::Digest;

/// What a provider says of how long its answer may be kept, and by what it varies.
const OF_CACHING: [HeaderName; 4] = [
    header::CACHE_CONTROL,
    header::EXPIRES,
    header::PRAGMA,
    header::VARY,
];

/// What the cache has for a call.
pub(super) struct Cached(Option<Found>);

struct Found {
    /// The request as the cache knows it.
    request: request::Parts,
    generation: u64,
    lookup: Lookup,
}

impl Cached {
    /// Whether the provider is asked if what is kept holds still.
    pub(super) fn is_asked_about(&self) -> bool {
        let found = self.0.as_ref();
        found.is_some_and(|found| matches!(found.lookup, Lookup::Stale { .. }))
    }

    /// Asks the provider whether what is kept holds still.
    pub(super) fn add_validators(&self, headers: &mut HeaderMap) {
        if let Some(Found {
            lookup: Lookup::Stale { validators, .. },
            ..
        }) = &self.0
        {
            headers.extend(validators.clone());
        }
    }
}

/// What is given to the caller, before it is transformed.
struct Content {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Running<'_> {
    /// Looks into the cache, if the integration has one. A cache that fails has nothing.
    pub(super) async fn cached(&mut self) -> Cached {
        let (organization, integration) = self.ids();
        let Some(request) = self.request_for_cache() else {
            return Cached(None);
        };
        let circuit = &self.inner.circuit;
        let generation = match circuit.generation(organization, integration).await {
            Ok(generation) => generation,
            Err(error) => {
                tracing::warn!(integration.id = %integration, cause = chain(&error), "the cache is not used");
                return Cached(None);
            }
        };
        let Some(scope) = self.cache_scope(generation) else {
            return Cached(None);
        };
        let lookup = self.inner.responses.lookup(&scope, &request).await;
        if !matches!(lookup, Lookup::Fresh(_)) {
            self.record.cache = CacheUse::Miss;
        }
        Cached(Some(Found {
            request,
            generation,
            lookup,
        }))
    }

    fn request_for_cache(&self) -> Option<request::Parts> {
        self.call.rules.cache?;
        if !self.may_be_cached() || !self.call.method.is_safe() {
            return None;
        }
        self.request_to_cache()
    }

    /// The request as the cache knows it: the caller's, before it is authenticated.
    fn request_to_cache(&self) -> Option<request::Parts> {
        let mut request = http::Request::new(());
        *request.method_mut() = self.call.method.clone();
        *request.uri_mut() = self.call.target.url().as_str().parse().ok()?;
        *request.headers_mut() = self.call.headers.clone();
        Some(request.into_parts().0)
    }

    fn cache_scope(&self, generation: u64) -> Option<CacheScope<'_>> {
        let (organization, integration) = self.ids();
        Some(CacheScope {
            organization,
            integration,
            credential_version: &self.open.credential().ok()?.version,
            generation,
            variant: self.variant(),
        })
    }

    /// What an answer depends on besides the URL: how the integration is set up, and what the caller
    /// sends that does not merely negotiate. A call that changes what the URL names is told from
    /// those that read it by its body alone.
    fn variant(&self) -> Digest {
        let call = &self.call;
        let mut parts = vec![self.open.configuration.as_bytes().as_slice()];
        if call.method.is_safe() {
            parts.push(&call.body);
        } else {
            parts.push(b"");
        }
        let key = self.open.profile.idempotency_header.as_deref();
        let mut headers: Vec<_> = call
            .headers
            .iter()
            .filter(|(name, _)| selects(name) && !key.is_some_and(|key| *name == key))
            .collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        for (name, value) in headers {
            parts.extend([name.as_str().as_bytes(), value.as_bytes()]);
        }
        Digest::of_parts(&parts)
    }

    /// The answer, if the cache has one that needs no asking.
    pub(super) fn fresh(&mut self, cached: &Cached) -> Option<Result<OutboundAnswer, Error>> {
        let Lookup::Fresh(answer) = &cached.0.as_ref()?.lookup else {
            return None;
        };
        self.record.cache = CacheUse::Hit;
        Some(self.answered(of_cache(answer), None))
    }

    /// The answer, if the provider has said that what is kept holds still.
    pub(super) async fn revalidated(
        &mut self,
        cached: &mut Cached,
        response: &OutboundResponse,
    ) -> Option<Result<OutboundAnswer, Error>> {
        let found = cached.0.as_mut()?;
        let Lookup::Stale { cached, .. } = &found.lookup else {
            return None;
        };
        let scope = self.cache_scope(found.generation)?;
        let responses = &self.inner.responses;
        let renewed = responses.revalidated(&scope, &found.request, cached, &response.headers);
        let Some(answer) = renewed.await else {
            // It spoke of something else: it is asked again, for the whole.
            found.lookup = Lookup::Miss;
            return None;
        };
        self.record.cache = CacheUse::Revalidated;
        Some(self.answered(of_cache(&answer), None))
    }

    /// What the provider answered; kept, if it may be.
    pub(super) async fn received(
        &mut self,
        received: Received,
        cached: &Cached,
    ) -> Result<OutboundAnswer, Error> {
        let Received {
            response,
            problem,
            is_packed,
            ..
        } = received;
        let status = response.status;
        if response.truncated && !self.is_head() {
            let message = "the answer is longer than is taken";
            return Err(self.unusable_answer(status, "answer_too_large", message));
        }
        if is_packed {
            let message = "the answer is compressed, though that was not asked for";
            return Err(self.unusable_answer(status, "answer_compressed", message));
        }
        let content = Content {
            status: response.status,
            headers: headers_to_caller(&response.headers, Passage::Reported),
            body: response.body,
        };
        if problem.is_none() {
            self.keep(&content, cached).await;
            self.forget_changed().await;
        }
        self.answered(content, problem)
    }

    /// Keeps a good answer. What is given again has to be what was given, so nothing is kept that
    /// would have to be masked.
    async fn keep(&self, content: &Content, cached: &Cached) {
        let Some(found) = &cached.0 else {
            return;
        };
        let (Some(scope), Some(rules)) =
            (self.cache_scope(found.generation), self.call.rules.cache)
        else {
            return;
        };
        if hides_something(&self.open.config.masking, content) {
            return;
        }
        let mut headers = content.headers.clone();
        if !rules.respect_cache_control {
            for name in &OF_CACHING {
                headers.remove(name);
            }
        }
        let received = flows::Received {
            status: content.status,
            headers: &headers,
            body: &content.body,
            ttl: rules.ttl_seconds.map(|ttl| Duration::from_secs(ttl.into())),
        };
        self.inner
            .responses
            .store(&scope, &found.request, received)
            .await;
    }

    /// After a change of what a URL names, what was kept of it is old (RFC 9111 section 4.4).
    async fn forget_changed(&self) {
        let has_cache = self.open.config.cache.is_some()
            || self
                .open
                .config
                .routes
                .iter()
                .any(|route| route.cache.is_some());
        if !has_cache || self.call.method.is_safe() || self.is_verification() {
            return;
        }
        let (organization, integration) = self.ids();
        let generation = self
            .inner
            .circuit
            .generation(organization, integration)
            .await;
        let scope = generation
            .ok()
            .and_then(|generation| self.cache_scope(generation));
        if let (Some(scope), Some(request)) = (scope, self.request_to_cache()) {
            self.inner.responses.forget(&scope, &request).await;
        }
    }

    /// The answer as the integration's rules change it.
    fn answered(
        &self,
        mut content: Content,
        problem: Option<UpstreamProblem>,
    ) -> Result<OutboundAnswer, Error> {
        let transform = self.call.rules.response.filter(|_| problem.is_none());
        if let Some(transform) = transform {
            let new = transform
                .body(TransformSide::Response, &content.body)
                .map_err(|error| {
                    self.unusable_answer(content.status, "transform_failed", &error.to_string())
                })?;
            transform.headers(&mut content.headers, new.is_some());
            content.body = new.map_or(content.body, Bytes::from);
        }
        let now = self.inner.services.sources.now();
        Ok(OutboundAnswer {
            id: self.call.id,
            status: content.status,
            headers: content.headers,
            body: content.body,
            cache: self.record.cache,
            attempts: self.record.attempts,
            started_at: self.call.started_at,
            duration: now.since(self.call.started_at),
            problem,
            is_repeatable: self.call.is_repeatable_by_caller,
        })
    }

    /// The provider answered, and its answer is of no use: that it did, and how, is told.
    fn unusable_answer(&self, status: StatusCode, code: &str, message: &str) -> Error {
        Error::Upstream(Box::new(UpstreamError {
            request: self.call.id,
            problem: UpstreamProblem {
                category: ErrorCategory::Data,
                status: Some(status.as_u16()),
                message: Some(message.to_owned()),
                ..UpstreamProblem::unanswered(code, false)
            },
            timed_out: false,
            outcome_unknown: false,
            cause: None,
        }))
    }
}

/// Whether the answer may be another one for another value, though the provider does not say so by
/// `Vary`: a header that names the account to act for is such a one.
fn selects(name: &HeaderName) -> bool {
    *name != header::ACCEPT_ENCODING && !CallerHeaders::is_negotiation(name)
}

fn of_cache(answer: &CachedAnswer) -> Content {
    Content {
        status: answer.status,
        headers: answer.headers.clone(),
        body: answer.body.clone(),
    }
}

/// Whether masking would change the content.
fn hides_something(masking: &Masking, content: &Content) -> bool {
    if let Ok(json) = serde_json::from_slice::<Value>(&content.body) {
        return masking.mask_json(&json) != json;
    }
    match std::str::from_utf8(&content.body) {
        Ok(text) => masking.mask_text(text) != text,
        Err(_) => false,
    }
}
