//! The whole trail as JSON Lines, page by page.

use serde::{Deserialize, Serialize};

use super::read::{LINKS_AT_ONCE, newest_first};
use super::trail::Trail;
use crate::domain::{AuditEntry, AuditId, OrganizationId, Timestamp};
use crate::store::StoreError;

/// A page of an export has hardly more bytes: Lambda's answers have 6 MB.
const EXPORT_BYTES: usize = 3_000_000;

/// Where an export goes on: first the spine is exported, then the entries, so that whatever the
/// spine speaks of is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ExportPosition {
    /// With the links below this place.
    Spine(Option<u64>),
    /// With the entries below this one.
    Entries(Option<AuditId>),
}

/// A page of an export.
#[derive(Clone, Debug)]
pub struct ExportPage {
    /// Entries as JSON, one a line.
    pub lines: String,
    /// Where the next page begins, if there may be one.
    pub next: Option<ExportPosition>,
}

impl Trail {
    /// A page of an export of all that was recorded from `from` to `to`.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn export(
        &self,
        organization: OrganizationId,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        position: ExportPosition,
    ) -> Result<ExportPage, StoreError> {
        match position {
            ExportPosition::Spine(below) => {
                self.export_spine(organization, (from, to), below).await
            }
            ExportPosition::Entries(after) => {
                let range = self.range((from, to), after);
                let found = self.store().audit_pages(organization, range).await?;
                let mut page = ExportPage {
                    lines: String::new(),
                    next: found.next.map(|id| ExportPosition::Entries(Some(id))),
                };
                let entries = found.items.into_iter().flat_map(newest_first);
                for entry in entries.filter(|entry| after.is_none_or(|after| entry.id < after)) {
                    page.add(&entry);
                    if page.lines.len() >= EXPORT_BYTES {
                        page.next = Some(ExportPosition::Entries(Some(entry.id)));
                        break;
                    }
                }
                Ok(page)
            }
        }
    }

    async fn export_spine(
        &self,
        organization: OrganizationId,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        below: Option<u64>,
    ) -> Result<ExportPage, StoreError> {
        let (store, now) = (self.store(), self.now());
        let links = store.spine_links(organization, below, LINKS_AT_ONCE, now);
        let links = links.await?;
        let mut page = ExportPage {
            lines: String::new(),
            next: Some(match links.next {
                Some(place) => ExportPosition::Spine(Some(place)),
                None => ExportPosition::Entries(None),
            }),
        };
        for link in links.items.into_iter().filter_map(|link| link.entry) {
            if from.is_some_and(|from| link.at < from) {
                page.next = Some(ExportPosition::Entries(None));
                break;
            }
            if to.is_none_or(|to| link.at < to) {
                page.add(&link);
            }
        }
        Ok(page)
    }
}

impl ExportPage {
    fn add(&mut self, entry: &AuditEntry) {
        if let Ok(line) = serde_json::to_string(entry) {
            self.lines.push_str(&line);
            self.lines.push('\n');
        }
    }
}
