//! Brings a record of one integration in step with the record of another that it is linked to.
//!
//! What it guarantees:
//! - What is handed on is by what a record differs from what the other was last told, per field: so
//!   what only the other side has changed since stays, and what both have is for the policy.
//! - The other record, and the links of both, are written in one transaction. So no record is made twice,
//!   and what came from the other side is known not to be news for it: it ends there.
//! - A record is linked to one of each kind that it is handed on to, or comes from. So who hands it on to
//!   another than before leaves what was linked to it, and in a chain each has its own.
//! - Of one record, an earlier change is never handed on after a later one: the link is the fence.
//!
//! What it does not: records that were made on both sides are never taken for the same by what they hold.
//! A change that the policy would leave to a person stays where it is, and both records keep theirs.

mod handing;
mod other;

use handing::told;

use std::fmt;
use std::time::Duration;

use super::apply::Changed;
use super::decided::Decided;
use super::push::RecordDue;
use super::settings::EntitySettings;
use super::{Kind, Records};
use crate::domain::sync::conflict::same_fields;
use crate::domain::sync::{ChangeOrigin, EntitySync, Fields, RecordLink, Standing, SyncTarget};
use crate::domain::{Error, IntegrationId, NewRecordId, OrganizationId, Sources};
use crate::lambda::metrics::{Metric, Metrics};
use crate::queue::{SyncMessage, SyncQueue};
use crate::store::{LinkRef, LinkWrite, RecordRef, Store, Versioned};

/// How often all is read anew because something has changed meanwhile.
const TRIES: usize = 10;
/// How long a record that a provider shows for the first time waits before another is made for it: longer
/// than it takes to learn that it is the one that was made for another.
const UNKNOWN: Duration = Duration::from_secs(240);
/// How long is waited for a person, or for records that answer each other to come to rest.
const LONGEST_WAIT: Duration = Duration::from_secs(900);

/// Keeps linked records in step. Cheap to clone.
#[derive(Clone)]
pub struct Linker {
    store: Store,
    records: Records,
    queue: SyncQueue,
    metrics: Metrics,
    sources: Sources,
}

impl fmt::Debug for Linker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linker").finish_non_exhaustive()
    }
}

/// What is to become of a message.
enum Next {
    Done,
    /// Something has changed meanwhile.
    Anew,
    Later(Duration),
}

/// One of the two kinds of record.
struct Half<'a> {
    organization: OrganizationId,
    integration: IntegrationId,
    entity: &'a crate::domain::sync::EntityName,
    rules: EntitySync,
}

impl Half<'_> {
    fn kind(&self) -> Kind<'_> {
        Kind {
            organization: self.organization,
            integration: self.integration,
            entity: self.entity,
            rules: &self.rules,
        }
    }

    fn at(&self, record: crate::domain::Digest) -> RecordRef {
        RecordRef {
            organization: self.organization,
            integration: self.integration,
            entity: self.entity.digest(),
            record,
        }
    }

    /// Where its record is linked to one of the other.
    fn link(&self, record: crate::domain::Digest, to: &Half<'_>) -> LinkRef {
        self.at(record).link_to(to.integration, to.entity.digest())
    }

    /// Its target, if that is the other.
    fn target_to(&self, other: &Half<'_>) -> Option<&SyncTarget> {
        let target = self.rules.target.as_ref();
        target.filter(|target| {
            target.integration == other.integration && target.entity == *other.entity
        })
    }
}

/// A record that has changed, with all that has to be known to hand it on.
struct Handing<'a> {
    here: Half<'a>,
    there: Half<'a>,
    due: &'a RecordDue,
    standing: Standing,
    /// What the other would hold, by its names; none, if the record is deleted.
    told: Option<Fields>,
}

impl Linker {
    /// Changes records by `records`; what is to come later is sent by `queue`. Counts by `metrics` what
    /// cannot be handed on.
    #[must_use]
    pub fn new(
        (store, records): (Store, Records),
        queue: SyncQueue,
        metrics: Metrics,
        sources: Sources,
    ) -> Self {
        Self {
            store,
            records,
            queue,
            metrics,
            sources,
        }
    }

    /// Brings the record in step that this one is linked to.
    ///
    /// # Errors
    ///
    /// If the table, the queue or the vault does not answer, or others change the same records all the
    /// time: the message is to come again.
    pub async fn link(&self, due: &RecordDue) -> Result<(), Error> {
        for _ in 0..TRIES {
            match Box::pin(self.hand_on(due)).await? {
                Next::Done => return Ok(()),
                Next::Anew => {}
                Next::Later(wait) => {
                    let message = SyncMessage::Link {
                        organization: due.organization,
                        integration: due.integration,
                        entity: due.entity.clone(),
                        record: due.record,
                    };
                    self.queue.send(&message, wait).await?;
                    return Ok(());
                }
            }
        }
        Err(crate::store::contended().into())
    }

    async fn hand_on(&self, due: &RecordDue) -> Result<Next, Error> {
        let rules = self.rules(due.organization, due.integration, &due.entity);
        let Some(rules) = rules.await? else {
            return Ok(Next::Done);
        };
        let Some(target) = rules.target.clone() else {
            return Ok(Next::Done);
        };
        let of_other = self.rules(due.organization, target.integration, &target.entity);
        let Some(of_other) = of_other.await? else {
            tracing::warn!(
                integration.id = %due.integration,
                other.id = %target.integration,
                "records of {} cannot be handed on: there is no {}", due.integration, target.integration
            );
            self.count("no_target");
            return Ok(Next::Done);
        };
        let here = Half {
            organization: due.organization,
            integration: due.integration,
            entity: &due.entity,
            rules,
        };
        let there = Half {
            organization: due.organization,
            integration: target.integration,
            entity: &target.entity,
            rules: of_other,
        };
        // The link before the record: who has read an older record fails on the link.
        let link = here.link(due.record, &there);
        let link = self.store.record_link(link).await?;
        let standing = self.records.standing(here.kind(), due.record).await?;
        // Under the id that the provider has given it, it is in the feed again.
        let Some(standing) = standing.filter(|standing| standing.body.moved_to.is_none()) else {
            return Ok(Next::Done);
        };
        let told = told(&target, &standing.body.content).filter(|_| !standing.head.deleted);
        if told.is_none() && !standing.head.deleted {
            tracing::warn!(
                integration.id = %due.integration,
                entity = %due.entity,
                record = %due.record,
                "a record of {} cannot be mapped for its link", due.integration
            );
            self.count("unmappable");
            return Ok(Next::Done);
        }
        let handing = Handing {
            here,
            there,
            due,
            standing,
            told,
        };
        match link {
            None => Box::pin(self.make(&handing)).await,
            Some(link) => Box::pin(self.bring(&handing, link)).await,
        }
    }

    /// Makes the other record.
    async fn make(&self, handing: &Handing<'_>) -> Result<Next, Error> {
        let Some(told) = &handing.told else {
            return Ok(Next::Done);
        };
        let now = self.sources.now();
        let age = now.since(handing.standing.created_at);
        if age < UNKNOWN && handing.may_be_known() {
            return Ok(Next::Later(UNKNOWN.saturating_sub(age)));
        }
        let there = &handing.there;
        let mapper = there.rules.mapper();
        let mut content = told.clone();
        content.retain(|name, _| mapper.is_writable(name));
        let content = match crate::domain::sync::new_content(content, &there.rules) {
            Ok(content) => content,
            Err(error) => return Ok(self.cannot(handing, &error)),
        };
        let id = NewRecordId::generate(now, self.sources.randomness.as_ref()).to_string();
        let record = crate::domain::sync::record_digest(&id);
        let (head, body) = super::local::made(&id, &content, now);
        let of_here = self.link_of_here(handing, None, record, Some(told.clone()), 0);
        let of_there = self.link_of_there(handing, None, record, (None, &content), 0);
        let links = vec![of_here.await?, of_there.await?];
        let decided = Decided {
            record,
            seen: None,
            changed: changed(head, body),
            links,
        };
        self.write(there, decided).await
    }

    /// Leaves the other record as it is, until this one changes again.
    fn cannot(&self, handing: &Handing<'_>, error: &Error) -> Next {
        self.count(match error {
            Error::NotWritable(_) => "not_writable",
            Error::TooLarge { .. } => "too_large",
            _ => "invalid",
        });
        handing.cannot(error)
    }

    fn count(&self, reason: &'static str) {
        let now = self.sources.now();
        self.metrics.count_for(Metric::LinksFailed, reason, now);
    }

    async fn write(&self, there: &Half<'_>, decided: Decided) -> Result<Next, Error> {
        match self.records.apply(there.kind(), &[decided]).await {
            Ok(_) => Ok(Next::Done),
            Err(Error::PreconditionFailed) => Ok(Next::Anew),
            Err(error) => Err(error),
        }
    }

    /// The link of the record that has changed, after the other has been told `held`.
    async fn link_of_here(
        &self,
        handing: &Handing<'_>,
        before: Option<&Versioned<RecordLink>>,
        record: crate::domain::Digest,
        held: Option<Fields>,
        turns: u16,
    ) -> Result<LinkWrite, Error> {
        let of = handing.here.at(handing.due.record);
        let version = before
            .map_or(0, |before| before.item.version)
            .saturating_add(1);
        let held = match held {
            Some(held) => {
                let place = handing.here.link(handing.due.record, &handing.there);
                Some(self.records.seal_link(version, place, &held).await?)
            }
            None => None,
        };
        Ok(LinkWrite {
            of,
            link: RecordLink {
                integration: handing.there.integration,
                entity: handing.there.entity.clone(),
                record,
                is_answered: false,
                turns,
                changed_at: self.sources.now(),
                version,
                held,
            },
            version: before.map_or(0, |before| before.version),
        })
    }

    /// The link of the other, after it has changed: what came from here is no news for here.
    async fn link_of_there(
        &self,
        handing: &Handing<'_>,
        back: Option<Versioned<RecordLink>>,
        record: crate::domain::Digest,
        (before, after): (Option<&Fields>, &Fields),
        turns: u16,
    ) -> Result<LinkWrite, Error> {
        let of = handing.there.at(record);
        let known = match &back {
            Some(back) => self.records.open_link(&back.item, of).await?,
            None => None,
        };
        let held = handing.known_here(known, before, after);
        let version = back
            .as_ref()
            .map_or(0, |back| back.item.version)
            .saturating_add(1);
        let held = match held {
            Some(held) => {
                let place = handing.there.link(record, &handing.here);
                Some(self.records.seal_link(version, place, &held).await?)
            }
            None => None,
        };
        Ok(LinkWrite {
            of,
            link: RecordLink {
                integration: handing.here.integration,
                entity: handing.here.entity.clone(),
                record: handing.due.record,
                is_answered: true,
                turns,
                changed_at: self.sources.now(),
                version,
                held,
            },
            version: back.map_or(0, |back| back.version),
        })
    }

    async fn rules(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        entity: &crate::domain::sync::EntityName,
    ) -> Result<Option<EntitySync>, Error> {
        let found = self.store.integration(organization, integration).await?;
        let rules = found.map(|found| EntitySettings::rules(&found.item, entity));
        rules.transpose()
    }
}

fn changed(
    head: crate::domain::sync::RecordHead,
    body: crate::domain::sync::RecordBody,
) -> Changed {
    Changed {
        head,
        body,
        open: Vec::new(),
        moves: true,
        origin: ChangeOrigin::Link,
        settled_by: None,
    }
}

/// Whether nothing is new for the other.
fn is_known(held: Option<&Fields>, told: Option<&Fields>) -> bool {
    match (held, told) {
        (Some(held), Some(told)) => same_fields(held, told),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
