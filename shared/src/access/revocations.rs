use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
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
    seen: Mutex<HashMap<Digest, (Timestamp, Standing)>>,
}

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
        let standing = match self.recall(&key, now) {
            Some(standing) => standing,
            None => {
                let read = self
                    .store
                    .standing(organization, token_id, &token.subject, now);
                let standing = read.await.map_err(AccessError::Unknown)?;
                self.remember(key, standing, now);
                standing
            }
        };
        if standing.revokes(token.issued_at) {
            return Err(AccessError::Invalid("revoked"));
        }
        Ok(())
    }

    fn recall(&self, key: &Digest, now: Timestamp) -> Option<Standing> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, standing) = seen.get(key)?;
        (now.since(*read_at) < MAX_AGE).then_some(*standing)
    }

    fn remember(&self, key: Digest, standing: Standing, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= CAPACITY {
            seen.retain(|_, (read_at, _)| now.since(*read_at) < MAX_AGE);
        }
        if seen.len() >= CAPACITY {
            // They are read again, which costs time and nothing else.
            seen.clear();
        }
        seen.insert(key, (now, standing));
    }
}
