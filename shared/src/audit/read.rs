//! Reads the trail: lists it, and brings what is there before [`verify`].

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::chain;
use super::spine;
use super::trail::{MAX_PAGE, Trail};
use super::verify::{Carried, Evidence, Finding, Report, verify};
use crate::domain::{Anchor, AuditEntry, AuditId, AuditOutcome, LaneId, OrganizationId, Timestamp};
use crate::store::{AuditPage, AuditRange, StoreError};

/// So many pages are read for one page of a list.
const LISTED_PAGES: u16 = 200;
/// So many links are read at a time.
pub(super) const LINKS_AT_ONCE: u16 = 500;
/// One window of a verification has hardly more entries, and hardly more links.
pub(super) const WINDOW_ENTRIES: usize = 20_000;
const WINDOW_LINKS: usize = 2_000;
const MILLISECOND: Duration = Duration::from_millis(1);

/// Which entries are listed.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only those of the actor with this id.
    pub actor: Option<String>,
    /// Only those with this action.
    pub action: Option<String>,
    /// Only those about the subject with this id.
    pub subject: Option<String>,
    /// Only those that ended so.
    pub outcome: Option<AuditOutcome>,
    /// Only those of this instant or later.
    pub from: Option<Timestamp>,
    /// Only those of before this instant.
    pub to: Option<Timestamp>,
    /// Only those below this one.
    pub after: Option<AuditId>,
    /// At most this many.
    pub limit: u16,
}

impl AuditQuery {
    fn accepts(&self, entry: &AuditEntry) -> bool {
        let subject = entry.subject.as_ref().map(|subject| &subject.id);
        self.after.is_none_or(|after| entry.id < after)
            && self.actor.as_ref().is_none_or(|id| entry.actor.id == *id)
            && self
                .action
                .as_ref()
                .is_none_or(|word| entry.action == *word)
            && self.subject.as_ref().is_none_or(|id| subject == Some(id))
            && self.outcome.is_none_or(|outcome| entry.outcome == outcome)
    }
}

/// A page of a list, newest first.
#[derive(Clone, Debug, Default)]
pub struct EntryPage {
    /// The entries.
    pub items: Vec<AuditEntry>,
    /// The `after` of the next page, if there may be one.
    pub next: Option<AuditId>,
}

/// What is to be verified.
#[derive(Clone, Debug, Default)]
pub struct VerifyRange {
    /// Nothing of before this instant.
    pub from: Option<Timestamp>,
    /// Nothing of this instant or later.
    pub to: Option<Timestamp>,
    /// By what the caller has kept.
    pub anchor: Option<Anchor>,
    /// Go on where a window before has ended.
    pub resumption: Option<Resumption>,
    /// So many entries are looked at in one go, and hardly more; 20,000, if absent.
    pub window: Option<usize>,
}

/// Where the verification of a trail that is too long for one go is taken up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resumption {
    /// With what is older than this.
    to: Timestamp,
    /// With the links below this place.
    below: Option<u64>,
    carried: Carried,
}

/// A window of a trail that was verified.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What is known of it.
    pub report: Report,
    /// The instant from which on the trail was looked at; from its oldest kept entry on, if none.
    pub from: Option<Timestamp>,
    /// Where to go on, if that is not all.
    pub next: Option<Resumption>,
}

/// Entries that were read, the newest first.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) entries: Vec<AuditEntry>,
    pub(super) unreadable: Vec<(Timestamp, Finding)>,
    /// Whatever is older was not read.
    pub(super) cut: Option<Timestamp>,
}

impl Trail {
    /// Entries that `query` asks for, newest first. Work is bounded: a page can be short, even
    /// empty, and still have a next one.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn entries(
        &self,
        organization: OrganizationId,
        query: &AuditQuery,
    ) -> Result<EntryPage, StoreError> {
        let range = self.range((query.from, query.to), query.after);
        let found = self.store().audit_pages(organization, range).await?;
        let mut page = EntryPage {
            items: Vec::new(),
            next: found.next,
        };
        let wanted = usize::from(query.limit.max(1));
        let entries = found.items.into_iter().flat_map(newest_first);
        for entry in entries.filter(|entry| query.accepts(entry)) {
            if page.items.len() == wanted {
                page.next = page.items.last().map(|entry| entry.id);
                break;
            }
            page.items.push(entry);
        }
        Ok(page)
    }

    /// Verifies a trail from its newest entry down, as much as is read in one go.
    ///
    /// # Errors
    ///
    /// If the table does not answer. What cannot be read is a finding.
    pub async fn check(
        &self,
        organization: OrganizationId,
        range: VerifyRange,
    ) -> Result<Checked, StoreError> {
        let now = self.now();
        let (to, resumed_below, carried) = match range.resumption {
            Some(resumed) => (Some(resumed.to), resumed.below, resumed.carried),
            None => (range.to, None, Carried::default()),
        };
        // In this order: what the spine speaks of is there by now.
        let mut links = self
            .links(organization, resumed_below, (range.from, to))
            .await?;
        let most = range.window.unwrap_or(WINDOW_ENTRIES);
        let mut found = self.pages(organization, (range.from, to), most).await?;
        let newest = links.entries.first().map_or(0, |link| link.sequence);
        let opened_since = self.opened_since(organization, newest).await?;
        let cut = links.cut.max(found.cut);
        let below = links
            .keep_from(cut)
            .map(|link| link.sequence.saturating_add(1));
        found.keep_from(cut);
        let from = cut.or(range.from);
        let mut report = verify(&Evidence {
            organization,
            entries: &found.entries,
            links: &links.entries,
            opened_since: &opened_since,
            from,
            to,
            goes_on: cut.is_some(),
            carried: &carried,
            anchor: range.anchor.as_ref(),
            now,
            slack: Duration::ZERO,
        });
        let lowest = links.entries.last().map(|link| link.sequence);
        let unreadable = links.unreadable.into_iter().chain(found.unreadable);
        report
            .findings
            .extend(unreadable.map(|(_, finding)| finding));
        let next = cut.map(|to| Resumption {
            to,
            below: below.or(lowest).or(resumed_below),
            carried: report.carried.clone(),
        });
        Ok(Checked { report, from, next })
    }

    /// Lanes that links above `place` speak of.
    async fn opened_since(
        &self,
        organization: OrganizationId,
        place: u64,
    ) -> Result<BTreeSet<LaneId>, StoreError> {
        let (store, now) = (self.store(), self.now());
        let links = store.spine_links(organization, None, LINKS_AT_ONCE, now);
        let links = links.await?.items.into_iter();
        let newer = links.take_while(|link| link.place > place);
        let entries = newer.filter_map(|link| link.entry);
        Ok(entries
            .flat_map(|link| spine::read(&link))
            .map(|head| head.lane)
            .collect())
    }

    /// Links of the spine in a range of time, newest first.
    pub(super) async fn links(
        &self,
        organization: OrganizationId,
        mut below: Option<u64>,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<Read, StoreError> {
        let mut read = Read::default();
        loop {
            let (store, now) = (self.store(), self.now());
            let page = store.spine_links(organization, below, LINKS_AT_ONCE, now);
            let page = page.await?;
            for link in page.items {
                match link.entry {
                    Some(entry) if from.is_some_and(|from| entry.at < from) => return Ok(read),
                    Some(entry) if to.is_some_and(|to| entry.at >= to) => {}
                    Some(entry) => read.entries.push(entry),
                    None => {
                        let lane = Some(chain::spine_lane());
                        let finding = Finding::unreadable(None, lane, Some(link.place));
                        read.unreadable.push((now, finding));
                    }
                }
            }
            below = page.next;
            if below.is_none() || read.is_enough(WINDOW_LINKS) {
                read.cut = read.cut_if(below.is_some());
                return Ok(read);
            }
        }
    }

    /// Entries of lanes in a range of time, newest first.
    pub(super) async fn pages(
        &self,
        organization: OrganizationId,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        most: usize,
    ) -> Result<Read, StoreError> {
        let mut read = Read::default();
        let mut after = None;
        let at_once = (most / MAX_PAGE).clamp(1, usize::from(LISTED_PAGES));
        loop {
            let mut range = self.range((from, to), after);
            range.limit = u16::try_from(at_once).unwrap_or(LISTED_PAGES);
            let page = self.store().audit_pages(organization, range).await?;
            for page in page.items {
                if page.entries.is_none() {
                    let finding = Finding::unreadable(Some(page.id), None, None);
                    read.unreadable.push((time_of(page.id), finding));
                }
                read.entries.extend(newest_first(page));
            }
            after = page.next;
            if after.is_none() || read.is_enough(most) {
                read.cut = read.cut_if(after.is_some());
                return Ok(read);
            }
        }
    }

    pub(super) fn range(
        &self,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        after: Option<AuditId>,
    ) -> AuditRange {
        AuditRange {
            from,
            to,
            after,
            limit: LISTED_PAGES,
            now: self.now(),
        }
    }
}

impl Read {
    /// Whether a window is full, and can be cut: all of a millisecond is in one window.
    fn is_enough(&self, most: usize) -> bool {
        let ends = self.entries.first().zip(self.entries.last());
        self.entries.len() >= most && ends.is_some_and(|(newest, oldest)| newest.at > oldest.at)
    }

    fn cut_if(&self, there_is_more: bool) -> Option<Timestamp> {
        let oldest = self.entries.last().filter(|_| there_is_more)?;
        Some(oldest.at.plus(MILLISECOND))
    }

    /// Drops what is older; the newest of that.
    fn keep_from(&mut self, cut: Option<Timestamp>) -> Option<AuditEntry> {
        let cut = cut?;
        self.unreadable.retain(|(at, _)| *at >= cut);
        let older = |entry: &AuditEntry| entry.at < cut;
        let newest = self.entries.iter().find(|entry| older(entry)).cloned();
        self.entries.retain(|entry| !older(entry));
        newest
    }
}

pub(super) fn newest_first(page: AuditPage) -> impl Iterator<Item = AuditEntry> {
    page.entries.into_iter().flatten().rev()
}

fn time_of(id: AuditId) -> Timestamp {
    let millisecond = i64::try_from(id.ulid().timestamp_ms()).ok();
    let at = millisecond.and_then(Timestamp::from_millisecond);
    at.unwrap_or(Timestamp::UNIX_EPOCH)
}
