//! What linked records were told, sealed.

use super::Records;
use crate::domain::sync::{Fields, RecordLink};
use crate::domain::{Error, Sealed};
use crate::store::{LinkRef, LinkWrite, RecordRef};
use crate::vault::SealContext;

/// How often a link is read anew because it has changed meanwhile.
const TRIES: usize = 10;

impl Records {
    /// Lets a record be linked under its new id to all that it was linked to, before it is there.
    pub(in crate::flows::sync) async fn copy_links(
        &self,
        from: RecordRef,
        to: RecordRef,
    ) -> Result<(), Error> {
        for link in self.store.record_links(from).await? {
            let link = self.reseal_link(link.item, from, to).await?;
            let write = LinkWrite {
                of: to,
                link,
                version: 0,
            };
            // If another has written one, it is the same.
            self.store.write_record_link(&write).await?;
        }
        Ok(())
    }

    /// Lets the other sides of a record's links name its new id.
    pub(in crate::flows::sync) async fn turn_links(
        &self,
        from: RecordRef,
        to: RecordRef,
    ) -> Result<(), Error> {
        for link in self.store.record_links(to).await? {
            self.turn_link(&link.item, from, to).await?;
        }
        for link in self.store.record_links(from).await? {
            let place = from.place_of(&link.item);
            self.store.delete_record_link(place).await?;
        }
        Ok(())
    }

    async fn turn_link(
        &self,
        link: &RecordLink,
        from: RecordRef,
        to: RecordRef,
    ) -> Result<(), Error> {
        let other = RecordRef {
            organization: to.organization,
            integration: link.integration,
            entity: link.entity.digest(),
            record: link.record,
        };
        for _ in 0..TRIES {
            let back = other.link_to(to.integration, to.entity);
            let Some(mut back) = self.store.record_link(back).await? else {
                break;
            };
            if back.item.record != from.record {
                break;
            }
            back.item.record = to.record;
            let write = LinkWrite {
                of: other,
                link: back.item,
                version: back.version,
            };
            if self.store.write_record_link(&write).await? {
                break;
            }
        }
        Ok(())
    }

    /// What a link holds, for the one of `to` in place of the one of `from`.
    async fn reseal_link(
        &self,
        link: RecordLink,
        from: RecordRef,
        to: RecordRef,
    ) -> Result<RecordLink, Error> {
        let held = match self.open_link(&link, from).await? {
            Some(held) => Some(
                self.seal_link(link.version, to.place_of(&link), &held)
                    .await?,
            ),
            None => None,
        };
        Ok(RecordLink { held, ..link })
    }

    /// What the other side of a link was last told, if anything.
    pub(in crate::flows::sync) async fn open_link(
        &self,
        link: &RecordLink,
        of: RecordRef,
    ) -> Result<Option<Fields>, Error> {
        let Some(held) = &link.held else {
            return Ok(None);
        };
        let context = link_context(of.place_of(link), link.version);
        let opened = (self.keys).open_held(of.organization, context, held);
        Ok(Some(opened.await?))
    }

    pub(in crate::flows::sync) async fn seal_link(
        &self,
        version: u64,
        place: LinkRef,
        held: &Fields,
    ) -> Result<Sealed, Error> {
        let context = link_context(place, version);
        let sealed = (self.keys).seal_held(place.of.organization, context, held);
        Ok(sealed.await?)
    }
}

fn link_context(LinkRef { of, other }: LinkRef, version: u64) -> SealContext {
    SealContext::RecordLink {
        integration: of.integration,
        entity: of.entity,
        record: of.record,
        other,
        version,
    }
}
