use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, header};
use url::Url;

use super::OauthError;
use super::metadata::{Metadata, places};
use crate::domain::{Cause, Sources, SpkiPin, Timestamp, TlsVersion};
use crate::egress::{Egress, OutboundRequest, OutboundResponse, TlsSettings};
use crate::jwt::{Fetch, KeySet};

/// Issuers that are remembered.
const CAPACITY: usize = 200;
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// How long a document is used without asking again.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// How long it is used when its issuer does not answer.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// An issuer that has failed is asked again after this.
const FAILURE_PAUSE: Duration = Duration::from_secs(10);
/// For the keys: whoever waits for them has a call to make.
const KEYS_TIMEOUT: Duration = Duration::from_secs(5);
/// An unknown key id asks for the keys anew at most this often: whoever brought in a new key just
/// before signing with it is not to be refused for long.
const REFETCH_PAUSE: Duration = Duration::from_secs(5);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What tells one entry from another: what was fetched with weaker demands on TLS is not for those
/// who demand more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    issuer: String,
    /// Where the keys are; none for the metadata.
    jwks_uri: Option<Url>,
    min_version_is_1_2: bool,
    pins: Vec<SpkiPinBytes>,
}

type SpkiPinBytes = [u8; 32];

impl Key {
    fn new(issuer: &str, jwks_uri: Option<&Url>, tls: &TlsSettings) -> Self {
        let mut pins: Vec<_> = tls.pins.iter().map(SpkiPin::digest).copied().collect();
        pins.sort_unstable();
        Self {
            issuer: issuer.to_owned(),
            jwks_uri: jwks_uri.cloned(),
            min_version_is_1_2: tls.min_version == TlsVersion::Tls12,
            pins,
        }
    }
}

/// The metadata and keys of authorization servers, fetched when they are needed and kept for a
/// while. They are public, so they are asked for without a client identity, and are the same for
/// every organization.
pub struct MetadataCache {
    egress: Egress,
    sources: Sources,
    documents: Mutex<Bounded<tokio::sync::Mutex<State>>>,
    keys: Mutex<Bounded<KeySet>>,
}

impl fmt::Debug for MetadataCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataCache").finish_non_exhaustive()
    }
}

/// The most recently used values, up to [`CAPACITY`].
struct Bounded<V> {
    entries: HashMap<Key, (u64, Arc<V>)>,
    uses: u64,
}

impl<V> Default for Bounded<V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            uses: 0,
        }
    }
}

impl<V> Bounded<V> {
    fn get_or_make(&mut self, key: Key, make: impl FnOnce() -> V) -> Arc<V> {
        self.uses += 1;
        if self.entries.len() >= CAPACITY && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.entries.remove(&oldest);
            }
        }
        let entry = self.entries.entry(key);
        let entry = entry.or_insert_with(|| (0, Arc::new(make())));
        entry.0 = self.uses;
        Arc::clone(&entry.1)
    }
}

#[derive(Default)]
struct State {
    document: Option<(Arc<Metadata>, Timestamp)>,
    /// The newest try, if it failed.
    failure: Option<(OauthError, Timestamp)>,
}

impl State {
    /// What there is, if it is younger than `age`.
    fn within(&self, age: Duration, now: Timestamp) -> Option<Arc<Metadata>> {
        let (document, fetched_at) = self.document.as_ref()?;
        (now.since(*fetched_at) < age).then(|| Arc::clone(document))
    }

    /// What is said while the newest try has failed.
    fn despite(&self, error: OauthError, now: Timestamp) -> Result<Arc<Metadata>, OauthError> {
        match self.within(MAX_STALE, now).filter(|_| error.is_transient()) {
            Some(document) => Ok(document),
            None => Err(error),
        }
    }
}

impl MetadataCache {
    /// An empty cache.
    #[must_use]
    pub fn new(egress: Egress, sources: Sources) -> Self {
        Self {
            egress,
            sources,
            documents: Mutex::default(),
            keys: Mutex::default(),
        }
    }

    /// The metadata of `issuer`. Those who want them at the same time wait for one fetch.
    ///
    /// # Errors
    ///
    /// If there are none, they speak for another issuer, or they cannot be fetched and what there
    /// is of them is too old. An issuer that has failed is not asked for another ten seconds.
    pub async fn get(
        &self,
        issuer: &Url,
        tls: &TlsSettings,
        timeout: Duration,
    ) -> Result<Arc<Metadata>, OauthError> {
        let places = places(issuer)?;
        let key = Key::new(issuer.as_str(), None, tls);
        let slot = self
            .documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_make(key, Default::default);
        let mut state = slot.lock().await;
        let now = self.sources.now();
        if let Some(document) = state.within(MAX_AGE, now) {
            return Ok(document);
        }
        if let Some((failure, at)) = &state.failure
            && now.since(*at) < FAILURE_PAUSE
        {
            return state.despite(failure.clone(), now);
        }
        match self.fetch(issuer, places, tls, timeout).await {
            Ok(document) => {
                let document = Arc::new(document);
                *state = State {
                    document: Some((Arc::clone(&document), now)),
                    failure: None,
                };
                Ok(document)
            }
            Err(error) => {
                // What a silent issuer said may be used on; what it has taken back may not.
                if !error.is_transient() {
                    state.document = None;
                }
                state.failure = Some((error.clone(), now));
                state.despite(error, now)
            }
        }
    }

    /// The keys of the authorization server with these metadata.
    ///
    /// # Errors
    ///
    /// If they do not say where.
    pub async fn keys(
        &self,
        metadata: &Metadata,
        tls: &TlsSettings,
    ) -> Result<Arc<KeySet>, OauthError> {
        let jwks_uri = metadata.jwks_uri.as_ref();
        let jwks_uri = jwks_uri.ok_or(OauthError::Unreadable("the metadata name no keys"))?;
        let key = Key::new(&metadata.issuer, Some(jwks_uri), tls);
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(keys.get_or_make(key, || {
            let fetch = Documents {
                egress: self.egress.clone(),
                tls: without_identity(tls),
            };
            let (issuer, url) = (metadata.issuer.clone(), jwks_uri.clone());
            let keys = KeySet::new(issuer, Some(url), Arc::new(fetch));
            keys.with_refetch_pause(REFETCH_PAUSE)
        }))
    }

    /// The first of the places that has a document decides. One that has none, or a page for
    /// people, leaves it to the next.
    async fn fetch(
        &self,
        issuer: &Url,
        places: [Url; 2],
        tls: &TlsSettings,
        timeout: Duration,
    ) -> Result<Metadata, OauthError> {
        let tls = without_identity(tls);
        let mut first = None;
        for place in places {
            let answer = fetch(&self.egress, place, &tls, timeout).await?;
            let read = document(&answer).and_then(|document| Metadata::read(document, issuer));
            match read {
                Err(error @ (OauthError::Unreadable(_) | OauthError::Refused { .. }))
                    if !error.is_transient() =>
                {
                    first.get_or_insert(error);
                }
                read => return read,
            }
        }
        Err(first.unwrap_or(OauthError::Unreadable("there are no metadata")))
    }
}

fn without_identity(tls: &TlsSettings) -> TlsSettings {
    TlsSettings {
        client_identity: None,
        ..tls.clone()
    }
}

async fn fetch(
    egress: &Egress,
    url: Url,
    tls: &TlsSettings,
    timeout: Duration,
) -> Result<OutboundResponse, OauthError> {
    let mut request = OutboundRequest::new(Method::GET, url, timeout);
    request.max_response_bytes = MAX_DOCUMENT_BYTES;
    request.tls = tls.clone();
    request.headers.insert(header::ACCEPT, JSON);
    Ok(egress.send(request).await?)
}

fn document(answer: &OutboundResponse) -> Result<&[u8], OauthError> {
    if !answer.status.is_success() {
        return Err(OauthError::Refused {
            status: answer.status.as_u16(),
            code: None,
        });
    }
    if answer.truncated {
        return Err(OauthError::Unreadable("it is too large"));
    }
    Ok(&answer.body)
}

/// The documents of one authorization server.
struct Documents {
    egress: Egress,
    tls: TlsSettings,
}

impl Fetch for Documents {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        Box::pin(async move {
            let answer = fetch(&self.egress, url.clone(), &self.tls, KEYS_TIMEOUT).await?;
            Ok(document(&answer)?.to_vec())
        })
    }
}
