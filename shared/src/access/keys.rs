//! The issuer's public keys.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use crate::domain::{Cause, Timestamp};

/// How long keys are used without asking again.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// How long they are used when the issuer does not answer.
const MAX_STALE: Duration = Duration::from_secs(60 * 60);
/// An unknown key id asks for the keys anew at most this often.
const REFETCH_PAUSE: Duration = Duration::from_secs(30);
/// The same while there are no keys at all.
const FIRST_FETCH_PAUSE: Duration = Duration::from_secs(1);
/// Smaller RSA keys are not taken (NIST SP 800-131A).
const MIN_RSA_MODULUS_BYTES: usize = 256;

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
}

/// A key with the one algorithm that it is for.
#[derive(Clone)]
pub(super) struct VerificationKey {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
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
    pub(super) async fn key(
        &self,
        id: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<VerificationKey>, FetchError> {
        let mut state = self.state.lock().await;
        let is_older = |at: Option<Timestamp>, age| at.is_none_or(|at| now.since(at) >= age);
        let found = state.find(id);
        let wants_fetch = is_older(state.fetched_at, MAX_AGE) || found.is_none();
        let pause = if state.fetched_at.is_some() {
            REFETCH_PAUSE
        } else {
            FIRST_FETCH_PAUSE
        };
        if !wants_fetch || !is_older(state.tried_at, pause) {
            let unusable = state.fetched_at.is_none();
            return if unusable {
                Err(FetchError::Unreachable("tried just now".into()))
            } else {
                Ok(found)
            };
        }
        state.tried_at = Some(now);
        match self.fetch_keys().await {
            Ok(keys) => {
                state.keys = keys;
                state.fetched_at = Some(now);
                Ok(state.find(id))
            }
            Err(error) if is_older(state.fetched_at, MAX_STALE) => Err(error),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "using the keys we have"
                );
                Ok(found)
            }
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
        let jwks = keys
            .iter()
            .filter_map(|key| serde_json::from_value(key.clone()).ok())
            .collect();
        Ok(JwkSet { keys: jwks }
            .keys
            .iter()
            .filter_map(VerificationKey::of)
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
        if discovery.issuer == self.issuer {
            Ok(discovery.jwks_uri)
        } else {
            Err(FetchError::WrongIssuer)
        }
    }
}

impl State {
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

impl VerificationKey {
    /// A key for signatures, of a kind and strength that we take; else none.
    fn of(jwk: &Jwk) -> Option<Self> {
        let usable = matches!(
            jwk.common.public_key_use,
            None | Some(PublicKeyUse::Signature)
        );
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(rsa) if modulus_bytes(&rsa.n)? >= MIN_RSA_MODULUS_BYTES => {
                match jwk
                    .common
                    .key_algorithm
                    .map(|algorithm| algorithm.to_string())
                    .as_deref()
                {
                    Some("PS256") => Algorithm::PS256,
                    Some("RS256") | None => Algorithm::RS256,
                    _ => return None,
                }
            }
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            _ => return None,
        };
        let key = DecodingKey::from_jwk(jwk).ok().filter(|_| usable)?;
        Some(Self {
            id: jwk.common.key_id.clone(),
            algorithm,
            key,
        })
    }
}

fn modulus_bytes(n: &str) -> Option<usize> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(n)
        .ok()
        .map(|bytes| bytes.len())
}
