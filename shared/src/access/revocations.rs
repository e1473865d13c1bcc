use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::AccessError;
use super::claims::Token;
use crate::domain::{Standing, Timestamp};
use crate::store::{Digest, Store};

/// How long what was read is believed. What is revoked elsewhere is revoked here after that.
const MAX_AGE: Duration = Duration::from_secs(30);
/// How many tokens are remembered.
const CAPACITY: usize = 2_000;

/// Which tokens are revoked, as the table says. Whoever cannot read it accepts no token.
pub(super) struct Revocations {
    store: Store,
    seen: Mutex<HashMap<Digest, (Timestamp, Arc<Slot>)>>,
}

/// What was read of one token, and when. Held by the one who reads it.
type Slot = tokio::sync::Mutex<Option<(Timestamp, Standing)>>;

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").finish_non_exhaustive()
    }
}

impl Revocations {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            seen: Mutex::default(),
        }
    }

    /// Refuses a token that is revoked.
    pub(super) async fn check(&self, token: &Token, now: Timestamp) -> Result<(), AccessError> {
        let organization = token.organization_id;
        let token_id = token.token_id.as_deref();
        // A token without an id is another than one whose id is empty.
        let key = Digest::of_parts(&[
            organization.to_string().as_bytes(),
            token.subject.as_bytes(),
            token_id.map_or(b"-", |_| b"+"),
            token_id.unwrap_or_default().as_bytes(),
        ]);
        let slot = self.slot(key, now);
        let mut seen = slot.lock().await;
        let standing = match *seen {
            Some((read_at, standing)) if now.since(read_at) < MAX_AGE => standing,
            _ => {
                let (store, subject) = (&self.store, &token.subject);
                let read = store.standing(organization, token_id, subject, now).await;
                let standing = read.map_err(AccessError::Unknown)?;
                *seen = Some((now, standing));
                standing
            }
        };
        if standing.revokes(token.issued_at) {
            return Err(AccessError::Invalid("revoked"));
        }
        Ok(())
    }

    fn slot(&self, key: Digest, now: Timestamp) -> Arc<Slot> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= CAPACITY && !seen.contains_key(&key) {
            seen.retain(|_, (made_at, _)| now.since(*made_at) < MAX_AGE);
            if seen.len() >= CAPACITY {
                // They are read again, which costs time and nothing else.
                seen.clear();
            }
        }
        let (_, slot) = seen.entry(key).or_insert_with(|| (now, Arc::default()));
        Arc::clone(slot)
    }
}
