//! The issuer's public keys.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::verification_key::VerificationKey;
use crate::domain::{Cause, Timestamp};

/// How long keys are used without asking again.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// How long they are used when the issuer does not answer.
const MAX_STALE: Duration = Duration::from_secs(60 * 60);
/// An unknown key id asks for the keys anew at most this often.
const REFETCH_PAUSE: Duration = Duration::from_secs(30);
/// The same while there are no keys that may be used.
const FIRST_FETCH_PAUSE: Duration = Duration::from_secs(1);

/// Fetches a document. `access` opens no connection itself; a function hands it its `egress`.
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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Vec<VerificationKey>,
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
            state: Mutex::default(),
        }
    }

    /// The key for a token that names the key `id`; for one that names none, the only key there is.
    pub(crate) async fn key(
        &self,
        id: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<VerificationKey>, FetchError> {
        let mut state = self.state.lock().await;
        if state.wants_fetch(id, now) {
            state.tried_at = Some(now);
            // Until it has come back, also if this future is dropped meanwhile.
            state.failed = true;
            match self.fetch_keys().await {
                Ok(keys) => {
                    state.keys = keys;
                    state.fetched_at = Some(now);
                    state.failed = false;
                }
                Err(error) if !state.may_be_used(now) => return Err(error),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the issuer's keys cannot be renewed; using those we have"
                ),
            }
        }
        if !state.may_be_used(now) {
            return Err(FetchError::Unreachable("tried just now".into()));
        }
        match state.find(id) {
            // It may be signed with a key that the issuer has brought in since: not for us to say.
            None if state.failed => Err(FetchError::Unreachable("tried just now".into())),
            found => Ok(found),
        }
    }

    async fn fetch_keys(&self) -> Result<Vec<VerificationKey>, FetchError> {
        let url = match &self.jwks_url {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let bytes = self
            .fetch
            .fetch(&url)
            .await
            .map_err(FetchError::Unreachable)?;
        // Keys of kinds that are unknown to us are left out, not an error.
        let set: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|_| FetchError::Malformed)?;
        let keys = set
            .get("keys")
            .and_then(|keys| keys.as_array())
            .ok_or(FetchError::Malformed)?;
        Ok(keys
            .iter()
            .filter_map(|key| VerificationKey::of(&serde_json::from_value(key.clone()).ok()?))
            .collect())
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
    fn wants_fetch(&self, id: Option<&str>, now: Timestamp) -> bool {
        let pause = if self.may_be_used(now) {
            REFETCH_PAUSE
        } else {
            FIRST_FETCH_PAUSE
        };
        let is_due = has_passed(self.fetched_at, MAX_AGE, now) || self.find(id).is_none();
        is_due && has_passed(self.tried_at, pause, now)
    }

    /// A key that its issuer has withdrawn must not be good for as long as the issuer is silent.
    fn may_be_used(&self, now: Timestamp) -> bool {
        !has_passed(self.fetched_at, MAX_STALE, now)
    }

    fn find(&self, id: Option<&str>) -> Option<VerificationKey> {
        match (id, self.keys.as_slice()) {
            (Some(id), keys) => keys
                .iter()
                .find(|key| key.id.as_deref() == Some(id))
                .cloned(),
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        }
    }
}

/// Whether `time` has passed since `at`, or `at` has never been.
fn has_passed(at: Option<Timestamp>, time: Duration, now: Timestamp) -> bool {
    at.is_none_or(|at| now.since(at) >= time)
}
