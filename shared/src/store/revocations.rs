use crate::domain::{OrganizationId, Revocation, Revoked, Standing, Timestamp};

use super::error::contended;
use super::items::{self, Stored};
use super::keys::{Collection, ItemKey};
use super::table::TRIES;
use super::{Digest, Page, Store, StoreError};

impl Store {
    /// Revokes tokens of an organization, and says what is revoked now: what was said before, where
    /// that goes further.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn revoke(
        &self,
        organization: OrganizationId,
        revocation: &Revocation,
        now: Timestamp,
    ) -> Result<Revocation, StoreError> {
        let key = ItemKey::Revocation(organization, digest(&revocation.revoked));
        let mut found = None;
        let mut version = 0;
        for _ in 0..TRIES {
            if let Some(found) = found.take_if(|found| goes_further(found, revocation, now)) {
                return Ok(found);
            }
            let end = revocation.revoked.ends_at();
            let stored = Stored::first(revocation.clone()).until(end);
            match self.swap(key, stored, version).await? {
                Ok(_) => return Ok(revocation.clone()),
                Err(Some(other)) => {
                    version = other.version;
                    found = Some(other.item);
                }
                Err(None) => version = 0,
            }
        }
        Err(contended())
    }

    /// What is said of the tokens of `subject`, and of the one with the id `token_id`, in one read.
    ///
    /// # Errors
    ///
    /// If the table does not answer whole, or an item is corrupt.
    pub async fn standing(
        &self,
        organization: OrganizationId,
        token_id: Option<&str>,
        subject: &str,
        now: Timestamp,
    ) -> Result<Standing, StoreError> {
        let of_subject = ItemKey::Revocation(organization, subject_digest(subject));
        let of_token = token_id.map(|id| ItemKey::Revocation(organization, token_digest(id)));
        let keys: Vec<ItemKey> = [Some(of_subject), of_token].into_iter().flatten().collect();
        let mut standing = Standing::default();
        let found = self.batch(&keys).await?;
        for (key, attributes) in keys.into_iter().zip(found) {
            let Some(attributes) = attributes else {
                continue;
            };
            let stored: Stored<Revocation> = items::read(key, attributes)?;
            if !stored.is_alive(now) {
                continue;
            }
            match stored.data.revoked {
                Revoked::Token { .. } if Some(key) == of_token => standing.is_revoked = true,
                Revoked::Subject { issued_before, .. } if key == of_subject => {
                    standing.issued_before = Some(issued_before);
                }
                _ => return Err(StoreError::corrupt(key, items::DATA)),
            }
        }
        Ok(standing)
    }

    /// At most `limit` revocations of an organization after `after`, in no order that means
    /// anything. A page may have fewer and not be the last: those that have ended are left out.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn revocations(
        &self,
        organization: OrganizationId,
        limit: u16,
        after: Option<Digest>,
        now: Timestamp,
    ) -> Result<Page<Revocation, Digest>, StoreError> {
        let collection = Collection::Revocations(organization);
        let key_of = |digest| ItemKey::Revocation(organization, digest);
        let page = self
            .list::<Revocation, _>(collection, key_of, limit, after)
            .await?;
        let items = page.items.into_iter().map(|stored| stored.item);
        Ok(Page {
            items: items.filter(|one| one.revoked.ends_at() > now).collect(),
            next: page.next,
        })
    }
}

/// Whether what stands there revokes at least what is to be revoked.
fn goes_further(found: &Revocation, wanted: &Revocation, now: Timestamp) -> bool {
    let end = found.revoked.ends_at();
    end > now && end >= wanted.revoked.ends_at()
}

fn digest(revoked: &Revoked) -> Digest {
    match revoked {
        Revoked::Token { token_id, .. } => token_digest(token_id),
        Revoked::Subject { subject, .. } => subject_digest(subject),
    }
}

fn token_digest(token_id: &str) -> Digest {
    Digest::of_parts(&[b"token", token_id.as_bytes()])
}

fn subject_digest(subject: &str) -> Digest {
    Digest::of_parts(&[b"subject", subject.as_bytes()])
}
