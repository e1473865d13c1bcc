//! What linked records were told, sealed.

use super::Records;
use crate::domain::sync::{Fields, RecordLink};
use crate::domain::{Error, Sealed};
use crate::store::RecordRef;
use crate::vault::SealContext;

impl Records {
    /// What a link holds, for the one of `to` in place of the one of `from`.
    pub(in crate::flows::sync) async fn reseal_link(
        &self,
        link: RecordLink,
        from: RecordRef,
        to: RecordRef,
    ) -> Result<RecordLink, Error> {
        let held = match self.open_link(&link, from).await? {
            Some(held) => Some(self.seal_link(link.version, to, &held).await?),
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
        let opened = (self.keys).open_held(of.organization, link_context(of, link.version), held);
        Ok(Some(opened.await?))
    }

    pub(in crate::flows::sync) async fn seal_link(
        &self,
        version: u64,
        of: RecordRef,
        held: &Fields,
    ) -> Result<Sealed, Error> {
        let sealed = (self.keys).seal_held(of.organization, link_context(of, version), held);
        Ok(sealed.await?)
    }
}

fn link_context(of: RecordRef, version: u64) -> SealContext {
    SealContext::RecordLink {
        integration: of.integration,
        entity: of.entity,
        record: of.record,
        version,
    }
}
