use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use super::AuthError;
use crate::domain::{IntegrationId, OrganizationId, Timestamp};

/// How many tokens are kept.
const CAPACITY: usize = 1_000;
/// A token is renewed when a tenth of its lifetime is left, and not earlier than this before its end.
const MAX_AHEAD: Duration = Duration::from_secs(60);
/// Tokens that are refused are not replaced more often: where each is refused, a new one does not
/// help.
const APART: Duration = Duration::from_secs(5);

/// What a token was obtained for: with other credentials, or by another configuration, it is
/// another token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TokenKey {
    pub(super) organization: OrganizationId,
    pub(super) integration: IntegrationId,
    pub(super) credential_version: String,
    /// Of the configuration and the base URL.
    pub(super) digest: [u8; 32],
}

/// A token, as a provider gave it.
pub(super) struct Token {
    pub(super) value: SecretString,
    renew_at: Timestamp,
    ends_at: Timestamp,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

impl Token {
    /// A token that was asked for at `asked_at`.
    pub(super) fn new(value: SecretString, asked_at: Timestamp, lifetime: Duration) -> Self {
        let ahead = (lifetime / 10).min(MAX_AHEAD);
        Self {
            value,
            renew_at: asked_at.plus(lifetime.saturating_sub(ahead)),
            ends_at: asked_at.plus(lifetime),
        }
    }
}

/// The tokens that were obtained. Those who want one at the same time wait for one call, and share
/// its failure, which is told to nobody after them.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<HashMap<TokenKey, Arc<Slot>>>);

#[derive(Default)]
struct Slot {
    /// Held by the one who obtains the token.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    refused_at: Option<Timestamp>,
    failures: u64,
    failure: Option<AuthError>,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self, now: Timestamp) -> Option<Arc<Token>> {
        let state = self.state();
        let fresh = state.token.as_ref().filter(|token| now < token.renew_at);
        fresh.map(Arc::clone)
    }
}

impl TokenCache {
    /// The token of `key`: the one that is kept, or else the one that `obtain` comes to.
    ///
    /// Where that fails in passing, and the one that is kept has not ended yet, it goes on.
    pub(super) async fn get(
        &self,
        key: TokenKey,
        now: Timestamp,
        obtain: impl Future<Output = Result<Token, AuthError>>,
    ) -> Result<Arc<Token>, AuthError> {
        let slot = self.slot(key, now);
        if let Some(token) = slot.fresh(now) {
            return Ok(token);
        }
        let failures = slot.state().failures;
        let _turn = slot.turn.lock().await;
        if let Some(token) = slot.fresh(now) {
            return Ok(token);
        }
        {
            let state = slot.state();
            if let Some(failure) = state
                .failure
                .as_ref()
                .filter(|_| state.failures != failures)
            {
                return Err(failure.clone());
            }
        }
        let obtained = obtain.await;
        let mut state = slot.state();
        match obtained {
            Ok(token) => {
                let token = Arc::new(token);
                state.token = Some(Arc::clone(&token));
                Ok(token)
            }
            Err(error) => {
                let kept = state.token.clone().filter(|token| now < token.ends_at);
                if let Some(token) = kept.filter(|_| error.is_transient()) {
                    return Ok(token);
                }
                state.failures += 1;
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// The provider has refused `token`, which is forgotten if it is the one of `key`, and has not
    /// just taken the place of another that was refused. Whether the next one is another.
    pub(super) fn refused(&self, key: &TokenKey, token: &Arc<Token>, now: Timestamp) -> bool {
        let slot = self.slots().get(key).map(Arc::clone);
        let Some(slot) = slot else { return true };
        let mut state = slot.state();
        let is_kept = state
            .token
            .as_ref()
            .is_some_and(|kept| Arc::ptr_eq(kept, token));
        if !is_kept {
            return true;
        }
        if state.refused_at.is_some_and(|at| now.since(at) < APART) {
            return false;
        }
        state.token = None;
        state.refused_at = Some(now);
        true
    }

    /// Whether the token of `key` is kept, and need not be renewed yet.
    pub(super) fn is_fresh(&self, key: &TokenKey, now: Timestamp) -> bool {
        let slot = self.slots().get(key).map(Arc::clone);
        slot.is_some_and(|slot| slot.fresh(now).is_some())
    }

    /// The token of `key`, if one is kept.
    pub(super) fn kept(&self, key: &TokenKey) -> Option<Arc<Token>> {
        let slot = self.slots().get(key).map(Arc::clone);
        slot.and_then(|slot| slot.state().token.clone())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<TokenKey, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: TokenKey, now: Timestamp) -> Arc<Slot> {
        let mut slots = self.slots();
        if slots.len() >= CAPACITY && !slots.contains_key(&key) {
            make_room(&mut slots, now);
        }
        if slots.len() >= CAPACITY && !slots.contains_key(&key) {
            // All of them are being obtained: this one is not kept.
            return Arc::default();
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

/// Drops what has ended; if nothing has, what ends first. What is being obtained stays.
fn make_room(slots: &mut HashMap<TokenKey, Arc<Slot>>, now: Timestamp) {
    let is_idle = |slot: &Slot| slot.turn.try_lock().is_ok();
    let end = |slot: &Slot| {
        let state = slot.state();
        let end = state.token.as_ref().map(|token| token.renew_at);
        end.unwrap_or(Timestamp::UNIX_EPOCH)
    };
    slots.retain(|_, slot| !is_idle(slot) || now < end(slot));
    if slots.len() < CAPACITY {
        return;
    }
    let idle = slots.iter().filter(|(_, slot)| is_idle(slot));
    let first = idle.min_by_key(|(_, slot)| end(slot));
    if let Some(key) = first.map(|(key, _)| key.clone()) {
        slots.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use secrecy::ExposeSecret as _;
    use tokio::sync::Notify;

    use super::*;
    use crate::egress::EgressError;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    fn key(number: u32) -> TokenKey {
        TokenKey {
            organization: "org_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            integration: "int_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            credential_version: number.to_string(),
            digest: [0; 32],
        }
    }

    fn token(value: &str, now: Timestamp) -> Result<Token, AuthError> {
        Ok(Token::new(value.into(), now, HOUR))
    }

    async fn get(cache: &TokenCache, seconds: i64, value: &str) -> String {
        let now = at(seconds);
        let token = cache.get(key(1), now, async { token(value, now) }).await;
        text(&token.unwrap())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' tokens are no secrets"
    )]
    fn text(token: &Token) -> String {
        token.value.expose_secret().to_owned()
    }

    #[tokio::test]
    async fn a_token_is_renewed_ahead_of_its_end() {
        let cache = TokenCache::default();
        assert_eq!(get(&cache, 0, "a").await, "a");
        assert_eq!(get(&cache, 3539, "b").await, "a");
        assert_eq!(get(&cache, 3540, "c").await, "c");
        let short = Token::new("x".into(), at(0), Duration::from_secs(10));
        assert_eq!((short.renew_at, short.ends_at), (at(9), at(10)));
    }

    #[tokio::test]
    async fn a_renewal_that_fails_in_passing_is_bridged_until_the_end() {
        let cache = TokenCache::default();
        get(&cache, 0, "a").await;
        let fail = |seconds, status| {
            let failed = async move { Err(AuthError::TokenRefused { status }) };
            cache.get(key(1), at(seconds), failed)
        };
        assert_eq!(text(&fail(3550, 503).await.unwrap()), "a");
        assert!(fail(3550, 401).await.is_err());
        assert!(fail(3600, 503).await.is_err());
    }

    #[tokio::test]
    async fn those_who_come_at_the_same_time_share_one_call() {
        for fails in [false, true] {
            let (cache, calls) = (TokenCache::default(), AtomicUsize::new(0));
            let everybody_waits = Notify::new();
            let get = || {
                cache.get(key(1), at(0), async {
                    if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                        everybody_waits.notified().await;
                    }
                    if fails {
                        return Err(EgressError::Timeout.into());
                    }
                    token("a", at(0))
                })
            };
            let waiting = join_all((0..20).map(|_| get()));
            let go = async { everybody_waits.notify_one() };
            let (ends, ()) = tokio::join!(waiting, go);
            assert_eq!(calls.load(Ordering::SeqCst), 1);
            assert!(ends.iter().all(|end| end.is_err() == fails));
            get().await.ok();
            let more = usize::from(fails);
            assert_eq!(
                calls.load(Ordering::SeqCst),
                1 + more,
                "a failure is not kept"
            );
        }
    }

    #[tokio::test]
    async fn a_refused_token_is_replaced_once_for_all_who_had_it() {
        let cache = TokenCache::default();
        get(&cache, 0, "a").await;
        let first = cache.kept(&key(1)).unwrap();
        assert!(cache.refused(&key(1), &first, at(1)));
        assert_eq!(get(&cache, 1, "b").await, "b");
        let second = cache.kept(&key(1)).unwrap();
        for (token, is_another) in [(&first, true), (&second, false), (&first, true)] {
            assert_eq!(cache.refused(&key(1), token, at(5)), is_another);
            assert_eq!(get(&cache, 5, "c").await, "b");
        }
        assert!(cache.refused(&key(1), &second, at(6)));
        assert_eq!(get(&cache, 6, "d").await, "d");
    }

    #[tokio::test]
    async fn what_ends_first_makes_room() {
        let cache = TokenCache::default();
        for number in 0..=1_000 {
            let now = at(i64::from(number));
            let obtain = async { token("a", now) };
            cache.get(key(number), now, obtain).await.unwrap();
        }
        assert_eq!(cache.slots().len(), CAPACITY);
        assert!(cache.kept(&key(0)).is_none());
        assert!(cache.kept(&key(1)).is_some());
    }

    #[tokio::test]
    async fn what_is_being_obtained_is_not_pushed_out() {
        let cache = TokenCache::default();
        let mut obtaining = Box::pin(cache.get(key(0), at(0), std::future::pending()));
        assert!(futures::poll!(&mut obtaining).is_pending());
        for number in 1..=1_000 {
            let obtain = async { token("a", at(0)) };
            cache.get(key(number), at(0), obtain).await.unwrap();
        }
        assert!(cache.slots().contains_key(&key(0)));
    }

    #[test]
    fn debug_output_shows_no_token() {
        let shown = format!("{:?}", Token::new("canary".into(), at(0), HOUR));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
