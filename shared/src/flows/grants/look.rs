//! How somebody who wants an access token gets one.

use std::sync::Arc;
use std::time::Duration;

use super::context::Owned;
use super::memory::{Flight, Held, Looked, Slot};
use super::{GrantContext, GrantError, GrantTokens, Grants, Inner, Key, TRIES};
use crate::auth::GrantedToken;
use crate::domain::{Grant, Next};
use crate::store::{GrantWrite, StoredGrant, Versioned, contended};

/// How long somebody waits before looking again whether another function has come to an end.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

impl Grants {
    /// The access token of an integration, good for a call now: the one that is remembered, the one
    /// in the table, or a new one.
    ///
    /// A token that was read within the last five seconds costs no call. Others cost a read of the
    /// table; one that has to be renewed costs one more read, two writes, and the call of the
    /// authorization server, in one of all running functions.
    ///
    /// # Errors
    ///
    /// [`GrantError::ConsentNeeded`]; [`GrantError::Busy`], if there is none within `timeout`; or
    /// the authorization server, the table or KMS does not answer.
    pub async fn access_token(
        &self,
        context: &GrantContext<'_>,
        timeout: Duration,
    ) -> Result<Arc<GrantedToken>, GrantError> {
        let basis = context.basis();
        let slot = self
            .0
            .memory
            .slot((context.organization, context.integration));
        if let Some((Next::Use, Some(token))) = slot.recent(&basis, self.0.sources.now()) {
            return Ok(token);
        }
        let owned = Arc::new(Owned::of(context, basis));
        let wanted = Box::pin(self.wanted(&owned, &slot));
        let wanted = tokio::time::timeout(timeout, wanted).await;
        wanted.unwrap_or(Err(GrantError::Busy))
    }

    async fn wanted(
        &self,
        owned: &Arc<Owned>,
        slot: &Arc<Slot>,
    ) -> Result<Arc<GrantedToken>, GrantError> {
        let mut wait = FIRST_WAIT;
        let mut looked = None;
        loop {
            let now = self.0.sources.now();
            match (slot.recent(&owned.basis, now), &looked) {
                (Some((Next::Use, Some(token))), _) => return Ok(token),
                // Nobody has to wait for a new token while the old one is good.
                (Some((Next::Refresh { is_usable: true }, Some(token))), _)
                    if slot.is_in_flight() =>
                {
                    return Ok(token);
                }
                (_, Some(Err(error))) => return Err(GrantError::clone(error)),
                (Some((Next::Ended(end), _)), Some(Ok(_))) => {
                    return Err(GrantError::ConsentNeeded(end));
                }
                (Some((Next::Later(until), _)), Some(Ok(_))) => {
                    let trouble = slot.held().and_then(|held| held.grant.trouble);
                    return Err(GrantError::Later {
                        code: trouble.map_or_else(String::new, |trouble| trouble.code),
                        retry_after: until.since(now),
                    });
                }
                _ => {}
            }
            if let Some(Ok(Looked::Waiting)) = looked {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            looked = Some(ended(self.flight(owned, slot)).await);
        }
    }

    /// Looks at the grant, in a task that goes on if nobody waits for it.
    fn flight(&self, owned: &Arc<Owned>, slot: &Arc<Slot>) -> Flight {
        let (flight, _) = slot.flight(|sender| {
            let (inner, owned, slot) = (Arc::clone(&self.0), Arc::clone(owned), Arc::clone(slot));
            let running = self.0.running.begin();
            tokio::spawn(async move {
                let looked = Box::pin(inner.look(&owned, &slot)).await;
                drop(running);
                sender.send_replace(Some(looked));
            });
        });
        flight
    }

    /// Waits until no grant is being renewed here, for `at_most`. A function that answers is frozen,
    /// perhaps for good: it should not be while an answer is on its way to it.
    pub async fn settled(&self, at_most: Duration) {
        let settled = self.0.running.settled();
        if tokio::time::timeout(at_most, settled).await.is_err() {
            tracing::warn!("a grant is still being renewed while the function answers");
        }
    }
}

/// What a task has come to.
async fn ended(mut flight: Flight) -> Result<Looked, GrantError> {
    match flight.wait_for(Option::is_some).await {
        Ok(looked) => (*looked).clone().unwrap_or(Err(GrantError::Busy)),
        // It has been dropped: its runtime is ending.
        Err(_) => Err(GrantError::Busy),
    }
}

impl Owned {
    pub(super) fn key(&self) -> Key {
        (self.organization, self.integration)
    }
}

impl Inner {
    /// Reads the grant, and renews it if that is to be done and nobody else does it.
    async fn look(&self, owned: &Owned, slot: &Slot) -> Result<Looked, GrantError> {
        let (organization, integration) = owned.key();
        let mut found = self.store.grant(organization, integration).await?;
        for _ in 0..TRIES {
            let now = self.sources.now();
            let Versioned { item, version } = match found {
                Some(found) => found,
                None => Versioned::new(blank(owned, now)?, 0),
            };
            let tokens = self.see(owned, slot, &item).await?;
            match item.grant.next(&owned.basis, slot.refused(), now) {
                Next::Use | Next::Later(_) | Next::Ended(_) => return Ok(Looked::Seen),
                Next::Wait(_) => return Ok(Looked::Waiting),
                Next::Refresh { .. } => {}
            }
            // Whatever can be known to fail, fails before the authorization server is asked.
            self.keys.ensure(organization).await?;
            let leased = StoredGrant {
                grant: item.grant.leased(self.owner(now), now, super::LEASE),
                tokens: item.tokens,
            };
            let put = self
                .store
                .put_grant(organization, integration, &leased, version);
            match put.await? {
                GrantWrite::Done(version) => {
                    let leased = Versioned::new(leased, version);
                    return self.renew(owned, slot, leased, tokens).await;
                }
                GrantWrite::Passed(other) => found = other.map(|other| *other),
            }
        }
        Err(contended().into())
    }

    /// Remembers what was read.
    pub(super) async fn see(
        &self,
        owned: &Owned,
        slot: &Slot,
        stored: &StoredGrant,
    ) -> Result<Option<Arc<GrantTokens>>, GrantError> {
        let tokens = self.open(owned.key(), stored).await?.map(Arc::new);
        slot.hold(self.held(&stored.grant, tokens.as_deref()));
        Ok(tokens)
    }

    pub(super) fn held(&self, grant: &Grant, tokens: Option<&GrantTokens>) -> Held {
        let version = grant.tokens_version;
        Held {
            grant: grant.clone(),
            token: tokens.map(|tokens| Arc::new(tokens.granted(version))),
            read_at: self.sources.now(),
        }
    }

    /// A number that nobody else draws.
    fn owner(&self, now: crate::domain::Timestamp) -> String {
        self.sources.randomness.ulid(now).to_string()
    }
}

/// A grant that has no tokens yet. Where a person has to consent, there is none.
fn blank(owned: &Owned, now: crate::domain::Timestamp) -> Result<StoredGrant, GrantError> {
    let grant = Grant::new(owned.config.grant_type, owned.basis.clone(), now);
    if !grant.renews_itself() {
        return Err(GrantError::NotConnected);
    }
    Ok(StoredGrant {
        grant,
        tokens: None,
    })
}
