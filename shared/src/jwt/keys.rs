//! The issuer's public keys.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::compact::Compact;
use super::key_ring::NoKey;
use super::{Algorithm, JwtError, KeyRing, VerificationKey};
use crate::domain::{Cause, Timestamp};

/// How long keys are used without asking again.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// How long they are used when the issuer does not answer.
const MAX_STALE: Duration = Duration::from_secs(60 * 60);
/// An unknown key id asks for the keys anew at most this often.
const REFETCH_PAUSE: Duration = Duration::from_secs(30);
/// The same while there are no keys that may be used.
const FIRST_FETCH_PAUSE: Duration = Duration::from_secs(1);

/// Fetches a document. This module opens no connection itself; a function hands it its `egress`.
pub trait Fetch: Send + Sync {
    /// The bytes at `url`.
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>>;
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The issuer does not answer.
    #[error("the issuer's keys cannot be fetched")]
    Unreachable(#[source] Cause),
    /// It answers something else.
    #[error("the issuer's document is not of the expected form")]
    Malformed,
    /// Its discovery document speaks for another issuer.
    #[error("the discovery document is of another issuer")]
    WrongIssuer,
    /// Its discovery document sends us for the keys to where anybody could swap them.
    #[error("the discovery document names keys at a URL that is not https")]
    Insecure,
}

/// The public keys of one issuer, fetched when they are needed and kept for a while.
pub struct KeySet {
    issuer: String,
    jwks_url: Option<Url>,
    fetch: Arc<dyn Fetch>,
    refetch_pause: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: KeyRing,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
    /// Whether the newest try brought nothing.
    failed: bool,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: Url,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl KeySet {
    /// The keys of `issuer`, at `jwks_url` or where its discovery document says.
    #[must_use]
    pub fn new(issuer: String, jwks_url: Option<Url>, fetch: Arc<dyn Fetch>) -> Self {
        Self {
            issuer,
            jwks_url,
            fetch,
            refetch_pause: REFETCH_PAUSE,
            state: Mutex::default(),
        }
    }

    /// The same, where an unknown key id asks for the keys anew after `pause`.
    #[must_use]
    pub fn with_refetch_pause(mut self, pause: Duration) -> Self {
        self.refetch_pause = pause;
        self
    }

    /// The key that a token is to be verified with.
    pub(super) async fn key(
        &self,
        token: &Compact<'_>,
        now: Timestamp,
    ) -> Result<VerificationKey, JwtError> {
        let id = token.key_id.as_deref();
        self.key_for(id, token.algorithm, now).await
    }

    /// The key with this id, for this algorithm.
    pub(crate) async fn key_for(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<VerificationKey, JwtError> {
        let mut state = self.state.lock().await;
        let find = |state: &State| state.keys.find(id, algorithm).cloned();
        let is_due = has_passed(state.fetched_at, MAX_AGE, now)
            || matches!(find(&state), Err(NoKey::Unknown));
        if is_due {
            self.renew(&mut state, now).await?;
        }
        if !state.may_be_used(now) {
            return Err(just_tried());
        }
        match find(&state) {
            // It may be signed with a key that the issuer has brought in since: not for us to say.
            Err(NoKey::Unknown) if state.failed => Err(just_tried()),
            found => Ok(found?),
        }
    }

    /// The key after the keys have been fetched anew, if it was time to.
    pub(super) async fn renewed_key(
        &self,
        token: &Compact<'_>,
        now: Timestamp,
    ) -> Result<Option<VerificationKey>, JwtError> {
        let mut state = self.state.lock().await;
        if !self.renew(&mut state, now).await? {
            return Ok(None);
        }
        let found = state.keys.find(token.key_id.as_deref(), token.algorithm);
        Ok(Some(found?.clone()))
    }

    /// Fetches the keys, if the last try is long enough ago, and says whether it did. A failure is
    /// one only where the keys that there are may not be used on.
    async fn renew(&self, state: &mut State, now: Timestamp) -> Result<bool, JwtError> {
        let pause = if state.may_be_used(now) {
            self.refetch_pause
        } else {
            FIRST_FETCH_PAUSE
        };
        if !has_passed(state.tried_at, pause, now) {
            return Ok(false);
        }
        state.tried_at = Some(now);
        // Until it has come back, also if this future is dropped meanwhile.
        state.failed = true;
        match self.fetch_keys().await {
            Ok(keys) => {
                state.keys = keys;
                state.fetched_at = Some(now);
                state.failed = false;
            }
            Err(error) if !state.may_be_used(now) => return Err(JwtError::Unavailable(error)),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the issuer's keys cannot be renewed; using those we have"
            ),
        }
        Ok(true)
    }

    async fn fetch_keys(&self) -> Result<KeyRing, FetchError> {
        let url = match &self.jwks_url {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let bytes = self
            .fetch
            .fetch(&url)
            .await
            .map_err(FetchError::Unreachable)?;
        let set = serde_json::from_slice(&bytes).map_err(|_| FetchError::Malformed)?;
        KeyRing::from_jwk_set(&set).ok_or(FetchError::Malformed)
    }

    async fn discover(&self) -> Result<Url, FetchError> {
        let url = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let url: Url = url.parse().map_err(|_| FetchError::Malformed)?;
        let bytes = self
            .fetch
            .fetch(&url)
            .await
            .map_err(FetchError::Unreachable)?;
        let discovery: Discovery =
            serde_json::from_slice(&bytes).map_err(|_| FetchError::Malformed)?;
        // OpenID Connect Discovery 1.0 section 4.3.
        if discovery.issuer != self.issuer {
            return Err(FetchError::WrongIssuer);
        }
        if url.scheme() == "https" && discovery.jwks_uri.scheme() != "https" {
            return Err(FetchError::Insecure);
        }
        Ok(discovery.jwks_uri)
    }
}

impl State {
    /// A key that its issuer has withdrawn must not be good for as long as the issuer is silent.
    fn may_be_used(&self, now: Timestamp) -> bool {
        !has_passed(self.fetched_at, MAX_STALE, now)
    }
}

fn just_tried() -> JwtError {
    JwtError::Unavailable(FetchError::Unreachable("tried just now".into()))
}

/// Whether `time` has passed since `at`, or `at` has never been.
fn has_passed(at: Option<Timestamp>, time: Duration, now: Timestamp) -> bool {
    at.is_none_or(|at| now.since(at) >= time)
}
