//! Answers of a provider that are given again without asking it.
//!
//! Only answers to `GET` and `HEAD` are kept, as RFC 9111 has it for a private cache. Under the
//! same key are answers that the same credential was given to the same request: the key is a digest
//! of the organization, the integration, the credential's version, the generation, the method and
//! the URL; of several answers that differ by the headers that `Vary` names, the last one is kept.
//! What is kept is sealed for its key.
//!
//! What is handed over is what is kept, so whatever must not be kept has to be masked before. The
//! request is the one that the caller made, before anything was added to authenticate it.
//!
//! A cache that fails is one that has nothing: that is logged, and never fails a call.

mod answer;
mod policy;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header, request};

use crate::domain::{IntegrationId, OrganizationId, Sources, Timestamp};
use crate::lambda::telemetry::chain;
use crate::store::{CachedResponse, Digest, Store};
use crate::vault::{DataKeys, SealContext, VaultError};

pub use answer::CachedAnswer;
use policy::Use;

/// The largest body that is kept.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// The most bytes of headers that are kept.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// For so long after it was fresh, the provider can be asked whether an answer holds still.
const REVALIDATION: Duration = Duration::from_secs(24 * 60 * 60);
/// By so much may the clocks of two functions differ.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);

/// The answers of providers that are kept. Cheap to clone.
#[derive(Clone)]
pub struct ResponseCache {
    store: Store,
    keys: DataKeys,
    sources: Sources,
}

/// Whose answers they are.
#[derive(Clone, Copy, Debug)]
pub struct CacheScope<'a> {
    /// Who owns the integration.
    pub organization: OrganizationId,
    /// The integration.
    pub integration: IntegrationId,
    /// The version of the credential: another one may see something else.
    pub credential_version: &'a str,
    /// The generation, as the circuit knows it.
    pub generation: u64,
    /// What else the answer depends on, besides the method, the URL, and what `Vary` names.
    pub variant: Digest,
}

/// An answer as the provider gave it.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a Bytes,
    /// How long it is fresh if the provider does not say.
    pub ttl: Option<Duration>,
}

/// What the cache has to say to a request.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// Nothing: the provider has to be asked.
    Miss,
    /// This, and the provider need not be asked.
    Fresh(CachedAnswer),
    /// The provider has to be asked whether this holds still.
    Stale {
        /// The headers to ask with.
        validators: HeaderMap,
        /// What is returned by [`ResponseCache::revalidated`] if it does (304).
        cached: CachedAnswer,
    },
}

/// Why the cache failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the answer cannot be opened, or be sealed")]
    Vault(#[from] VaultError),
    #[error("the answer cannot be read, or be written")]
    Store(#[from] crate::store::StoreError),
    #[error("the answer has no stored form")]
    Encoding(#[from] serde_json::Error),
    #[error("what is kept is no answer")]
    Unreadable,
}

impl fmt::Debug for ResponseCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache").finish_non_exhaustive()
    }
}

impl CacheScope<'_> {
    fn key(&self, method: &Method, request: &request::Parts) -> Digest {
        Digest::of_parts(&[
            &self.organization.ulid().to_bytes(),
            &self.integration.ulid().to_bytes(),
            self.credential_version.as_bytes(),
            &self.generation.to_be_bytes(),
            self.variant.as_bytes(),
            method.as_str().as_bytes(),
            request.uri.to_string().as_bytes(),
        ])
    }
}

impl ResponseCache {
    /// Answers that are kept in `store`, sealed by `keys`.
    #[must_use]
    pub fn new(store: Store, keys: DataKeys, sources: Sources) -> Self {
        Self {
            store,
            keys,
            sources,
        }
    }

    /// Looks for an answer to `request`. One read; two for `HEAD`, which the answer to a `GET` may
    /// answer as well.
    pub async fn lookup(&self, scope: &CacheScope<'_>, request: &request::Parts) -> Lookup {
        if !policy::is_for_cache(request) {
            return Lookup::Miss;
        }
        if request.method == Method::GET {
            return self.find(scope, &Method::GET, request).await;
        }
        let whole = self.find(scope, &Method::GET, request);
        let head = self.find(scope, &Method::HEAD, request);
        match futures::join!(whole, head) {
            (Lookup::Fresh(whole), _) => Lookup::Fresh(CachedAnswer {
                body: Bytes::new(),
                ..whole
            }),
            (_, head) => head,
        }
    }

    /// Keeps the answer to `request`, if it may be. Whether it is kept.
    pub async fn store(
        &self,
        scope: &CacheScope<'_>,
        request: &request::Parts,
        received: Received<'_>,
    ) -> bool {
        if !policy::is_for_cache(request) {
            return false;
        }
        let headers = policy::kept_headers(received.headers);
        let answer = CachedAnswer {
            status: received.status,
            selecting: policy::selecting(&headers, request),
            headers,
            body: received.body.clone(),
            method: request.method.clone(),
            received_at: self.sources.now(),
            ttl: received.ttl,
        };
        self.keep(scope, request, &answer).await
    }

    /// The provider has said, by 304 with these headers, that `cached` holds still. It is kept for
    /// another time, and is the answer. `None`, if the provider spoke of something else: then it
    /// has to be asked again, without the validators.
    pub async fn revalidated(
        &self,
        scope: &CacheScope<'_>,
        request: &request::Parts,
        cached: &CachedAnswer,
        not_modified: &HeaderMap,
    ) -> Option<CachedAnswer> {
        let renewed = policy::renewed(cached, request, not_modified, self.sources.now())?;
        self.keep(scope, request, &renewed).await;
        Some(renewed)
    }

    /// A call that may have changed what `request` names has been made, and was not refused:
    /// nothing that was kept of it is used any more.
    pub async fn forget(&self, scope: &CacheScope<'_>, request: &request::Parts) {
        let (organization, integration) = (scope.organization, scope.integration);
        let forget = async |method| {
            let key = scope.key(&method, request);
            let deleted = self
                .store
                .delete_cached_response(organization, integration, key);
            if let Err(error) = deleted.await {
                warn(scope, &error.into());
            }
        };
        futures::join!(forget(Method::GET), forget(Method::HEAD));
    }

    async fn find(
        &self,
        scope: &CacheScope<'_>,
        method: &Method,
        request: &request::Parts,
    ) -> Lookup {
        let now = self.sources.now();
        let read = self.read(scope, scope.key(method, request), now).await;
        let answer = match read {
            Ok(Some(answer)) => answer,
            Ok(None) => return Lookup::Miss,
            Err(failure) => {
                warn(scope, &failure);
                return Lookup::Miss;
            }
        };
        // The clock has gone back, and nobody can say how old the answer is.
        if answer.received_at > now.plus(CLOCK_DIFFERENCE) {
            return Lookup::Miss;
        }
        match policy::usable(&answer, request, now) {
            Use::Fresh(age) => {
                let mut answer = answer;
                answer.headers.insert(header::AGE, age.as_secs().into());
                Lookup::Fresh(answer)
            }
            Use::Ask(validators) => Lookup::Stale {
                validators,
                cached: answer,
            },
            Use::Not => Lookup::Miss,
        }
    }

    async fn read(
        &self,
        scope: &CacheScope<'_>,
        key: Digest,
        now: Timestamp,
    ) -> Result<Option<CachedAnswer>, Failure> {
        let (organization, integration) = (scope.organization, scope.integration);
        let found = self
            .store
            .cached_response(organization, integration, key, now);
        let Some(found) = found.await? else {
            return Ok(None);
        };
        let context = SealContext::CachedResponse { key };
        let keys = &self.keys;
        let opened = keys.open_payload(organization, &context, &found.sealed, found.plain_bytes);
        let answer = CachedAnswer::decode(&Box::pin(opened).await?.into());
        answer.map(Some).ok_or(Failure::Unreadable)
    }

    async fn keep(
        &self,
        scope: &CacheScope<'_>,
        request: &request::Parts,
        answer: &CachedAnswer,
    ) -> bool {
        let now = self.sources.now();
        let headers = answer.headers.iter().chain(&answer.selecting);
        let header_bytes = headers.map(|(name, value)| name.as_str().len() + value.len());
        let fits =
            answer.body.len() <= MAX_BODY_BYTES && header_bytes.sum::<usize>() <= MAX_HEADER_BYTES;
        let Some(fresh) = policy::storable(answer, request, now).filter(|_| fits) else {
            return false;
        };
        let rest = if policy::has_validator(answer) {
            REVALIDATION
        } else {
            Duration::ZERO
        };
        match self
            .write(scope, request, answer, now.plus(fresh + rest))
            .await
        {
            Ok(()) => true,
            Err(failure) => {
                warn(scope, &failure);
                false
            }
        }
    }

    async fn write(
        &self,
        scope: &CacheScope<'_>,
        request: &request::Parts,
        answer: &CachedAnswer,
        expires_at: Timestamp,
    ) -> Result<(), Failure> {
        let key = scope.key(&answer.method, request);
        let (organization, integration) = (scope.organization, scope.integration);
        let plain = answer.encode()?;
        Box::pin(self.keys.ensure(organization)).await?;
        let context = SealContext::CachedResponse { key };
        let sealed = self.keys.seal_payload(organization, &context, &plain);
        let response = CachedResponse {
            sealed: Box::pin(sealed).await?,
            plain_bytes: plain.len() as u64,
        };
        self.store
            .put_cached_response(organization, integration, key, response, expires_at)
            .await?;
        Ok(())
    }
}

fn warn(scope: &CacheScope<'_>, failure: &Failure) {
    let integration = scope.integration;
    tracing::warn!(
        integration.id = %integration,
        cause = chain(failure),
        "the cache of {integration} is not used"
    );
}
