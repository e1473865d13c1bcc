//! Fetches the keys that providers publish, for requests that are signed with them.
//!
//! Where they are fetched from is pinned before (`signature::KeyLocation`), and fetched through the
//! guard. Whoever can reach an endpoint can have us fetch: so what was fetched is kept, what was
//! not is not asked for again at once, one document is fetched at a time, and so many in a minute.
//! A key that cannot be fetched makes no verdict: the provider is to come again.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use tokio::sync::Mutex;
use url::Url;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::domain::{Cause, Timestamp};
use crate::jwt::{Algorithm, Fetch, JwtError, KeySet};
use crate::lambda::WarmCache;
use crate::signature::{KeyLocation, PublishedKey, key_of_certificate};

/// The keys of the accounts that Google signs with.
/// <https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>
const GOOGLE: &str = "https://www.googleapis.com/oauth2/v3/certs";
/// The keys of Microsoft's identity platform.
/// <https://learn.microsoft.com/graph/change-notifications-with-resource-data#validating-the-authenticity-of-notifications>
const MICROSOFT: &str = "https://login.microsoftonline.com/common/discovery/keys";

/// How long a certificate is used without asking again. Its URL is of this one and no other.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// How long it is remembered that there is none, or that it could not be fetched.
const PAUSE: Duration = Duration::from_secs(10);
const CAPACITY: usize = 100;
/// So many certificates are fetched in a minute. There are few, and each is fetched once an hour.
const MAX_FETCHES: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// A request bears one key, or a few (`validationTokens` of Microsoft Graph).
pub const MAX_KEYS_OF_REQUEST: usize = 10;

/// What PayPal's certificate is issued to, on the live system and in the sandbox.
const PAYPAL_NAME: &str = "messageverificationcerts.paypal.com";
const PAYPAL_SANDBOX_NAME: &str = "messageverificationcerts.sandbox.paypal.com";

/// Fetches published keys, and keeps them for a while.
pub struct KeyFetcher {
    fetch: Arc<dyn Fetch>,
    google: Option<KeySet>,
    microsoft: Option<KeySet>,
    /// Read when they are first needed: a function that never does starts without.
    roots: OnceLock<Vec<TrustAnchor<'static>>>,
    certificates: WarmCache<KeyLocation, PublishedKey>,
    failed: WarmCache<KeyLocation, bool>,
    /// Since when, how many were fetched. Held while one is.
    fetches: Mutex<(Timestamp, u32)>,
}

impl std::fmt::Debug for KeyFetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyFetcher").finish_non_exhaustive()
    }
}

/// Why a key is not there now.
#[derive(Debug, thiserror::Error)]
#[error("a published key cannot be fetched")]
pub struct KeyUnavailable(#[source] Cause);

impl KeyFetcher {
    /// What fetches by `fetch`, and trusts the certificate authorities that this machine does.
    #[must_use]
    pub fn new(fetch: Arc<dyn Fetch>) -> Self {
        let key_set = |url: &str| {
            let location = url.parse().ok()?;
            Some(KeySet::new(
                url.to_owned(),
                Some(location),
                Arc::clone(&fetch),
            ))
        };
        Self {
            google: key_set(GOOGLE),
            microsoft: key_set(MICROSOFT),
            roots: OnceLock::new(),
            certificates: WarmCache::new(CAPACITY, MAX_AGE),
            failed: WarmCache::new(CAPACITY, PAUSE),
            fetches: Mutex::new((Timestamp::UNIX_EPOCH, 0)),
            fetch,
        }
    }

    /// The same, trusting `roots` and no other.
    #[must_use]
    pub fn with_roots(self, roots: &[CertificateDer<'_>]) -> Self {
        Self {
            roots: OnceLock::from(anchors(roots)),
            ..self
        }
    }

    /// The key at `location`; [`PublishedKey::Absent`] if the provider has none there, or one that
    /// is not to be trusted.
    ///
    /// # Errors
    ///
    /// If it cannot be fetched now.
    pub async fn key(
        &self,
        location: &KeyLocation,
        now: Timestamp,
    ) -> Result<PublishedKey, KeyUnavailable> {
        match location {
            KeyLocation::Google(id) => of_set(self.google.as_ref(), id, now).await,
            KeyLocation::Microsoft(id) => of_set(self.microsoft.as_ref(), id, now).await,
            KeyLocation::SnsCertificate(url) | KeyLocation::PaypalCertificate(url) => {
                self.certificate(location, url, now).await
            }
        }
    }

    async fn certificate(
        &self,
        location: &KeyLocation,
        url: &Url,
        now: Timestamp,
    ) -> Result<PublishedKey, KeyUnavailable> {
        if let Some(key) = self.remembered(location, now)? {
            return Ok(key);
        }
        let mut fetches = self.fetches.lock().await;
        // Somebody may have fetched it while we waited.
        if let Some(key) = self.remembered(location, now)? {
            return Ok(key);
        }
        if now.since(fetches.0) >= MINUTE {
            *fetches = (now, 0);
        }
        if fetches.1 >= MAX_FETCHES {
            return Err(KeyUnavailable("too many were fetched just now".into()));
        }
        fetches.1 += 1;
        let document = match self.fetch.fetch(url).await {
            Ok(document) => document,
            Err(cause) => {
                self.failed.insert(location.clone(), true, now);
                return Err(KeyUnavailable(cause));
            }
        };
        let key = match location {
            KeyLocation::PaypalCertificate(url) => self.trusted_paypal(url, &document, now),
            // SNS has the certificate alone, without those that it was issued by: that it is
            // at SNS, the connection has shown.
            _ => key_of_certificate(&document),
        };
        match key {
            Some(key) => {
                let key = PublishedKey::Rsa(key);
                self.certificates.insert(location.clone(), key.clone(), now);
                Ok(key)
            }
            None => {
                self.failed.insert(location.clone(), false, now);
                Ok(PublishedKey::Absent)
            }
        }
    }

    fn remembered(
        &self,
        location: &KeyLocation,
        now: Timestamp,
    ) -> Result<Option<PublishedKey>, KeyUnavailable> {
        if let Some(key) = self.certificates.get(location, now) {
            return Ok(Some(key));
        }
        match self.failed.get(location, now) {
            Some(true) => Err(KeyUnavailable("tried just now".into())),
            Some(false) => Ok(Some(PublishedKey::Absent)),
            None => Ok(None),
        }
    }

    /// The key of PayPal's certificate, if those beside it lead to an authority that we trust and
    /// it is issued to PayPal's name for this.
    fn trusted_paypal(&self, url: &Url, document: &[u8], now: Timestamp) -> Option<Arc<[u8]>> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(document).collect();
        let chain = chain.ok()?;
        let (first, others) = chain.split_first()?;
        let certificate = EndEntityCert::try_from(first).ok()?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let seconds = u64::try_from(now.as_second()).ok()?;
        certificate
            .verify_for_usage(
                provider.signature_verification_algorithms.all,
                self.roots
                    .get_or_init(|| anchors(&rustls_native_certs::load_native_certs().certs)),
                others,
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                KeyUsage::server_auth(),
                None,
                None,
            )
            .ok()?;
        let is_sandbox = url.host_str().is_some_and(|host| host.contains("sandbox"));
        let names: &[&str] = match is_sandbox {
            true => &[PAYPAL_SANDBOX_NAME, PAYPAL_NAME],
            false => &[PAYPAL_NAME],
        };
        let is_for = |name: &&str| {
            let name = ServerName::try_from(*name);
            name.is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok())
        };
        names
            .iter()
            .any(is_for)
            .then(|| key_of_certificate(document))?
    }
}

fn anchors(roots: &[CertificateDer<'_>]) -> Vec<TrustAnchor<'static>> {
    let anchor = |root| Some(anchor_from_trusted_cert(root).ok()?.to_owned());
    roots.iter().filter_map(anchor).collect()
}

async fn of_set(
    set: Option<&KeySet>,
    id: &str,
    now: Timestamp,
) -> Result<PublishedKey, KeyUnavailable> {
    let set = set.ok_or_else(|| KeyUnavailable("the key set has no URL".into()))?;
    match set.key_for(Some(id), Algorithm::RS256, now).await {
        Ok(key) => Ok(PublishedKey::Token(Arc::new(key))),
        Err(JwtError::Invalid(_)) => Ok(PublishedKey::Absent),
        Err(error @ JwtError::Unavailable(_)) => Err(KeyUnavailable(error.into())),
    }
}
