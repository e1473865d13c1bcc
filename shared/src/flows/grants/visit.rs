//! What `rotation` does: grants that nobody uses are renewed before their refresh tokens lapse.

use std::time::Duration;

use super::{GrantContext, GrantError, Grants, TRIES};
use crate::domain::{Timestamp, Visit};
use crate::store::{DueGrant, GrantWrite, StoredGrant, contended};

/// A grant that could not be renewed is looked at again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(15 * 60);

/// What became of a grant that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visited {
    /// It was renewed.
    Renewed,
    /// It was not to be renewed yet.
    Early,
    /// It could not be renewed, and is looked at again.
    Failed,
    /// There is nothing to look at any more.
    Dropped,
}

impl Grants {
    /// Looks at a grant whose time has come, renews it if need be, and moves its entry in the index
    /// to where it has to be looked at next. A grant that was used meanwhile is only moved.
    ///
    /// # Errors
    ///
    /// If the table does not answer: the entry then stays where it is.
    pub async fn visit(
        &self,
        due: &DueGrant,
        context: &GrantContext<'_>,
        timeout: Duration,
    ) -> Result<Visited, GrantError> {
        let store = &self.0.store;
        let found = store.grant(due.organization, due.integration).await?;
        let Some(grant) = found.map(|found| found.item.grant) else {
            store.remove_due_grant(due).await?;
            return Ok(Visited::Dropped);
        };
        let now = self.0.sources.now();
        match grant.visit(context.config, &context.basis(), now) {
            Visit::Drop => {
                self.move_visit(due, |_| None).await?;
                Ok(Visited::Dropped)
            }
            Visit::Later(at) => {
                let at = at.max(now.plus(AGAIN_AFTER));
                self.move_visit(due, |_| Some(at)).await?;
                Ok(Visited::Early)
            }
            Visit::Refresh => {
                let renewed = self.renew_now(context, grant.tokens_version, timeout).await;
                let now = self.0.sources.now();
                let earliest = now.plus(AGAIN_AFTER);
                let (next, visited) = match renewed {
                    Ok(()) => (None, Visited::Renewed),
                    Err(_) => (Some(earliest), Visited::Failed),
                };
                let at = |stored: &StoredGrant| {
                    let by_itself = stored.grant.look_next(now)?;
                    Some(next.unwrap_or(by_itself).max(earliest))
                };
                self.move_visit(due, at).await?;
                Ok(visited)
            }
        }
    }

    /// Forgets what is kept for an integration that is gone, or uses OAuth 2.0 no more.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn drop_visit(&self, due: &DueGrant) -> Result<(), GrantError> {
        let store = &self.0.store;
        if let Some(found) = store.grant(due.organization, due.integration).await? {
            let deleted = store.delete_grant(due.organization, due.integration, found.version);
            deleted.await?;
        }
        Ok(store.remove_due_grant(due).await?)
    }

    /// Looks at a grant later, and does nothing else: its integration cannot be used for now.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn put_off_visit(&self, due: &DueGrant, wait: Duration) -> Result<(), GrantError> {
        let at = self.0.sources.now().plus(wait);
        self.move_visit(due, |_| Some(at)).await
    }

    /// Renews tokens that are still good, as if they had been refused.
    async fn renew_now(
        &self,
        context: &GrantContext<'_>,
        version: u64,
        timeout: Duration,
    ) -> Result<(), GrantError> {
        let slot = self
            .0
            .memory
            .slot((context.organization, context.integration));
        slot.set_refused(Some(version));
        let renewed = self.access_token(context, timeout).await;
        slot.set_refused(None);
        renewed.map(|_| ())
    }

    /// Puts the new entry beside the old one, and then takes the old one away: a function that dies
    /// in between leaves one that leads nowhere, which the next visit finds.
    async fn move_visit(
        &self,
        due: &DueGrant,
        next: impl Fn(&StoredGrant) -> Option<Timestamp>,
    ) -> Result<(), GrantError> {
        let (store, owned) = (&self.0.store, (due.organization, due.integration));
        let mut found = store.grant(owned.0, owned.1).await?;
        for _ in 0..TRIES {
            // Whatever stands elsewhere in the index is not this entry's to move.
            let Some(current) = found.filter(|f| f.item.grant.look_at == Some(due.at)) else {
                return Ok(store.remove_due_grant(due).await?);
            };
            let look_at = next(&current.item);
            let mut moved = current.item;
            moved.grant.look_at = look_at;
            match self
                .0
                .write(owned, &moved, current.version, look_at)
                .await?
            {
                GrantWrite::Done(_) if look_at == Some(due.at) => return Ok(()),
                GrantWrite::Done(_) => return Ok(store.remove_due_grant(due).await?),
                GrantWrite::Passed(other) => found = other.map(|other| *other),
            }
        }
        Err(contended().into())
    }
}
