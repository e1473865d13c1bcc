//! A provider whose refresh tokens are used once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use gatehouse::domain::{Clock as _, Timestamp};
use gatehouse::flows::grants::TokenEndpoint;
use gatehouse::oauth::{ClientContext, OauthError, TokenReply, TokenRequest};
use secrecy::{ExposeSecret as _, SecretString};

use super::wire::{Dice, Life, Step, VirtualClock};

/// What becomes of a refresh token that is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// The whole family is revoked (RFC 9700 section 4.14.2).
    Revokes,
    /// For so long after the first use, it works again.
    WorksFor(Duration),
}

#[derive(Debug, Default)]
struct Inside {
    /// The refresh tokens that are good.
    good: BTreeSet<String>,
    used: BTreeMap<String, Timestamp>,
    /// When access tokens end.
    access: BTreeMap<String, Timestamp>,
    exchanges: Vec<Exchange>,
    refusals: usize,
    calls: usize,
    running: usize,
    most_running: usize,
    count: u64,
}

/// A refresh token that was exchanged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) at: Timestamp,
}

/// The provider.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) reuse: Reuse,
    pub(super) lifetime: Duration,
    clock: VirtualClock,
    inside: Mutex<Inside>,
}

impl Provider {
    pub(super) fn new(reuse: Reuse, lifetime: Duration, clock: VirtualClock) -> Arc<Self> {
        Arc::new(Self {
            reuse,
            lifetime,
            clock,
            inside: Mutex::default(),
        })
    }

    /// What a person's consent gives.
    pub(super) fn consent(&self) -> TokenReply {
        let mut inside = self.inside.lock().unwrap();
        self.issue(&mut inside)
    }

    fn issue(&self, inside: &mut Inside) -> TokenReply {
        inside.count += 1;
        let (access, refresh) = (
            format!("access-{}", inside.count),
            format!("refresh-{}", inside.count),
        );
        let asked_at = self.clock.now();
        inside.good.insert(refresh.clone());
        inside
            .access
            .insert(access.clone(), asked_at.plus(self.lifetime));
        TokenReply {
            access_token: access.into(),
            is_dpop: false,
            refresh_token: Some(refresh.into()),
            id_token: None,
            expires_in: Some(self.lifetime),
            refresh_token_expires_in: None,
            scopes: None,
            asked_at,
        }
    }

    fn exchange(&self, token: &SecretString) -> Result<(TokenReply, usize), OauthError> {
        let (now, token) = (self.clock.now(), token.expose_secret());
        let mut inside = self.inside.lock().unwrap();
        let is_first = inside.good.remove(token);
        let used = inside.used.get(token).copied();
        let works_again = match (self.reuse, used) {
            (Reuse::WorksFor(grace), Some(used)) => now.since(used) < grace,
            _ => false,
        };
        if !is_first && !works_again {
            inside.good.clear();
            inside.refusals += 1;
            return Err(OauthError::InvalidGrant);
        }
        if is_first {
            inside.used.insert(token.to_owned(), now);
        }
        inside.exchanges.push(Exchange { at: now });
        let number = inside.exchanges.len() - 1;
        Ok((self.issue(&mut inside), number))
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        self.inside.lock().unwrap().exchanges.clone()
    }

    pub(super) fn refusals(&self) -> usize {
        self.inside.lock().unwrap().refusals
    }

    /// The most calls that were made at the same time.
    pub(super) fn most_running(&self) -> usize {
        self.inside.lock().unwrap().most_running
    }

    /// Whether a call with this access token would succeed.
    pub(super) fn accepts(&self, access_token: &SecretString) -> bool {
        let inside = self.inside.lock().unwrap();
        let end = inside.access.get(access_token.expose_secret());
        end.is_some_and(|end| self.clock.now() < *end)
    }
}

/// The provider, as one process reaches it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) provider: Arc<Provider>,
    pub(super) life: Arc<Life>,
    pub(super) dice: Dice,
}

impl TokenEndpoint for Line {
    fn wants_dpop<'a>(
        &'a self,
        _: &'a ClientContext<'a>,
    ) -> BoxFuture<'a, Result<bool, OauthError>> {
        async { Ok(false) }.boxed()
    }

    fn token<'a>(
        &'a self,
        _: &'a ClientContext<'a>,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenReply, OauthError>> {
        async move {
            let TokenRequest::Refresh { token } = request else {
                panic!("nothing else is asked for");
            };
            {
                let mut inside = self.provider.inside.lock().unwrap();
                inside.calls += 1;
                inside.running += 1;
                inside.most_running = inside.most_running.max(inside.running);
            }
            // A provider takes its time.
            tokio::time::sleep(self.dice.millis(800)).await;
            let exchange = || {
                let exchanged = self.provider.exchange(token);
                self.provider.inside.lock().unwrap().running -= 1;
                exchanged.inspect(|(_, number)| self.life.exchanged(*number))
            };
            self.life
                .call(Step::Call, exchange)
                .await
                .map(|(reply, _)| reply)
        }
        .boxed()
    }
}
