//! Anchors: how far all lanes have come, in the spine, in the log, and for whoever keeps them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::chain::anchor_hash;
use super::error::AuditError;
use super::read::WINDOW_ENTRIES;
use super::spine;
use super::trail::Trail;
use crate::domain::{Anchor, EntryHash, LaneHead, LaneId, OrganizationId};
use crate::store::StoreError;

/// A link speaks of so many lanes at most, with some 160 bytes each: an item has 400 KB.
const HEADS_IN_LINK: usize = 1_000;
/// What a function has written before the anchor, by its own clock, it may write after it by ours.
const CLOCKS_DIFFER_BY: Duration = Duration::from_secs(5 * 60);

impl Trail {
    /// Writes how far all lanes have come to the spine and to the log, and returns it. Lanes that
    /// have not gone on since the last anchor are left out: that one speaks of them, and the spine's
    /// hash is of it too.
    ///
    /// To be called on a schedule, such as every hour, for each organization: the longer between two
    /// anchors, the more of the newest entries can be taken away without a trace.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn anchor(&self, organization: OrganizationId) -> Result<Anchor, AuditError> {
        let made = self.make_anchor(organization).await;
        let anchor = made.map_err(|error| AuditError::NotWritten(error.into()))?;
        tracing::info!(
            organization.id = %organization,
            audit.spine = anchor.spine.sequence,
            audit.spine_hash = %anchor.spine.hash,
            audit.lanes = anchor.lanes.len(),
            audit.anchor = %anchor.hash,
            "the audit trail of {organization} is anchored"
        );
        Ok(anchor)
    }

    async fn make_anchor(&self, organization: OrganizationId) -> Result<Anchor, StoreError> {
        let links = self.links(organization, None, (None, None)).await?;
        let mut newest_first = links.entries.iter();
        let last = newest_first.find(|link| link.action == spine::ANCHOR);
        let since = last.map(|link| link.at.minus(CLOCKS_DIFFER_BY));
        let anchors = links.entries.iter().rev();
        let anchors = anchors.filter(|link| link.action == spine::ANCHOR);
        let known: BTreeMap<LaneId, u64> = anchors
            .flat_map(spine::read)
            .map(|head| (head.lane, head.sequence))
            .collect();
        let read = self
            .pages(organization, (since, None), WINDOW_ENTRIES)
            .await?;
        let mut heads: BTreeMap<LaneId, LaneHead> = BTreeMap::new();
        for entry in &read.entries {
            let head = heads.entry(entry.lane).or_insert_with(|| entry.into());
            if entry.sequence > head.sequence {
                *head = entry.into();
            }
        }
        let heads: Vec<LaneHead> = heads
            .into_values()
            .filter(|head| {
                known
                    .get(&head.lane)
                    .is_none_or(|seen| *seen < head.sequence)
            })
            .collect();
        self.write_anchor(organization, heads).await
    }

    async fn write_anchor(
        &self,
        organization: OrganizationId,
        lanes: Vec<LaneHead>,
    ) -> Result<Anchor, StoreError> {
        let link = |heads| async move {
            let new = spine::anchoring(self.function());
            self.add_link(organization, new, heads, None).await
        };
        let mut chunks = lanes.chunks(HEADS_IN_LINK);
        let mut last = link(chunks.next().unwrap_or_default()).await?;
        for heads in chunks {
            last = link(heads).await?;
        }
        let mut anchor = Anchor {
            organization_id: organization,
            at: last.at,
            spine: LaneHead::from(&last),
            lanes,
            hash: EntryHash::ZERO,
        };
        anchor.hash = anchor_hash(&anchor);
        Ok(anchor)
    }
}
