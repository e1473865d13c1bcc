//! API keys: how machines call us.
//!
//! A key reads `gh_<ULID>_<secret>`: the ULID is that of its id, the secret 256 random bits. What is
//! stored is the SHA-256 digest of the whole. A slow hash is for secrets that people choose; nobody
//! guesses 256 bits, however fast he tries, and a key is verified with every request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{AccessError, Caller};
use crate::domain::{ApiKey, ApiKeyId, Randomness, Timestamp};
use crate::lambda::WarmCache;
use crate::store::{Digest, Store};

/// What every key starts with.
const PREFIX: &str = "gh_";
const SECRET_BYTES: usize = 32;
/// How long a key's record is remembered: for so long, one that was revoked elsewhere is taken.
const MAX_AGE: Duration = Duration::from_secs(30);
const CAPACITY: usize = 1_000;

/// A key that was just made: the only time that it is known.
pub struct IssuedKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The key itself.
    pub text: SecretString,
    /// What is stored of it.
    pub digest: String,
}

impl fmt::Debug for IssuedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl IssuedKey {
    /// A new key.
    #[must_use]
    pub fn generate(now: Timestamp, randomness: &dyn Randomness) -> Self {
        let id = ApiKeyId::generate(now, randomness);
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        randomness.fill(secret.as_mut());
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.as_ref()));
        let text = Zeroizing::new(format!("{PREFIX}{}_{}", id.ulid(), secret.as_str()));
        let digest = Digest::of(text.as_bytes()).to_string();
        Self {
            id,
            text: SecretString::from(text.as_str()),
            digest,
        }
    }
}

/// The keys of all organizations, remembered for a short time. Cheap to clone.
#[derive(Clone)]
pub struct ApiKeys {
    store: Store,
    known: Arc<WarmCache<ApiKeyId, Arc<ApiKey>>>,
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}

impl ApiKeys {
    /// The keys in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            known: Arc::new(WarmCache::new(CAPACITY, MAX_AGE)),
        }
    }

    /// The key in the values of a request's `Authorization` headers, if there is one value and it
    /// has the form of a key. Anything else is for whoever reads tokens to judge.
    pub fn key_in<'a>(mut authorization: impl Iterator<Item = &'a [u8]>) -> Option<&'a str> {
        let (only, None) = (authorization.next()?, authorization.next()) else {
            return None;
        };
        let (scheme, key) = std::str::from_utf8(only).ok()?.split_once(' ')?;
        let key = key.trim();
        (scheme.eq_ignore_ascii_case("bearer") && key.starts_with(PREFIX)).then_some(key)
    }

    /// Verifies a key.
    ///
    /// # Errors
    ///
    /// If it is none that is taken at `now`, or that cannot be found out.
    pub async fn verify(&self, key: &str, now: Timestamp) -> Result<Caller, AccessError> {
        let invalid = AccessError::Invalid("API key");
        let Some(id) = id_of(key) else {
            return Err(invalid);
        };
        let Some(record) = self.record(id, now).await? else {
            return Err(invalid);
        };
        let shown = Digest::of(key.as_bytes());
        let is_it = record.digest.parse().is_ok_and(|known: Digest| {
            verify_slices_are_equal(known.as_bytes(), shown.as_bytes()).is_ok()
        });
        if !is_it || !record.is_valid(now) {
            return Err(invalid);
        }
        Ok(Caller {
            organization_id: record.organization_id,
            subject: record.id.to_string(),
            roles: record.roles,
            mfa: false,
            api_key: Some(record),
        })
    }

    /// Forgets what is remembered of a key: it is about to change.
    pub fn forget(&self, id: ApiKeyId) {
        self.known.remove(&id);
    }

    /// Only keys that there are, are remembered: made-up ids must not drive these out.
    async fn record(
        &self,
        id: ApiKeyId,
        now: Timestamp,
    ) -> Result<Option<Arc<ApiKey>>, AccessError> {
        if let Some(record) = self.known.get(&id, now) {
            return Ok(Some(record));
        }
        let found = self.store.api_key_by_id(id).await;
        let found = found.map_err(AccessError::KeyNotRead)?.map(Arc::new);
        if let Some(record) = &found {
            self.known.insert(id, Arc::clone(record), now);
        }
        Ok(found)
    }
}

/// The id in a key of the right form. No look-up is made for another.
fn id_of(key: &str) -> Option<ApiKeyId> {
    let (ulid, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
    let mut bytes = Zeroizing::new([0; SECRET_BYTES + 1]);
    let length = URL_SAFE_NO_PAD.decode_slice(secret, bytes.as_mut()).ok()?;
    if length != SECRET_BYTES {
        return None;
    }
    format!("{}{ulid}", ApiKeyId::PREFIX).parse().ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::lambda::system_sources;

    #[expect(clippy::disallowed_methods, reason = "a test looks at what was made")]
    #[test]
    fn a_key_has_its_id_and_256_bits_and_shows_neither_in_debug() {
        let sources = system_sources();
        let key = IssuedKey::generate(sources.now(), sources.randomness.as_ref());
        let other = IssuedKey::generate(sources.now(), sources.randomness.as_ref());
        let text = key.text.expose_secret();
        assert_eq!(id_of(text), Some(key.id));
        assert_eq!(text.len(), 3 + 26 + 1 + 43);
        assert_ne!(text, other.text.expose_secret());
        assert!(!format!("{key:?}").contains(text.split_at(30).1));
        assert!(!text.contains(&key.digest));
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_not_looked_up() {
        let good = format!("gh_01K72Z5QSW0123456789ABCDEF_{}", "A".repeat(43));
        assert!(id_of(&good).is_some());
        for bad in [
            "gh_",
            "gh_01K72Z5QSW0123456789ABCDEF",
            "gh_01K72Z5QSW0123456789ABCDEF_",
            good.strip_suffix('A').unwrap(),
            &format!("{good}A"),
            &good.to_lowercase(),
            &good.replace("gh_", "ghp_"),
            &good.replace("AAAA", "AA+A"),
        ] {
            assert_eq!(id_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_is_the_only_bearer() {
        let key_in = |values: &[&'static str]| {
            ApiKeys::key_in(values.iter().map(|value| value.as_bytes())).map(str::to_owned)
        };
        assert_eq!(key_in(&["Bearer gh_a"]).as_deref(), Some("gh_a"));
        assert_eq!(key_in(&["bearer  gh_a "]).as_deref(), Some("gh_a"));
        for none in [
            [].as_slice(),
            &["gh_a"],
            &["Basic gh_a"],
            &["Bearer eyJh"],
            &["Bearer gh_a", "Bearer gh_a"],
        ] {
            assert_eq!(key_in(none), None, "{none:?}");
        }
    }
}
