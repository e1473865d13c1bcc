//! Whether one lane is whole.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::chain::hash_of;
use super::verify::{Finding, Tampering};
use crate::domain::{AuditEntry, LaneHead, LaneId, OrganizationId, Timestamp};

/// What was looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) organization: OrganizationId,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    pub(super) now: Timestamp,
    /// Whether what is older is judged next.
    pub(super) goes_on: bool,
}

impl Bounds {
    /// Whether an entry of this instant was looked for, and is kept still.
    fn hold(&self, head: &LaneHead) -> bool {
        !self.is_before(head.at) && self.to.is_none_or(|to| head.at < to) && self.is_kept(head)
    }

    fn is_before(&self, at: Timestamp) -> bool {
        self.from.is_some_and(|from| at < from)
    }

    fn is_kept(&self, head: &LaneHead) -> bool {
        head.expires_at > self.now
    }
}

/// What is known of a lane.
#[derive(Debug, Default)]
pub(super) struct LaneCheck<'a> {
    /// Its entries as they were found.
    pub(super) entries: Vec<&'a AuditEntry>,
    /// Entries that others follow.
    pub(super) expected: Vec<LaneHead>,
    /// Entries that somebody has seen.
    pub(super) seen: Vec<LaneHead>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    pub(super) head: Option<LaneHead>,
    pub(super) expected: Option<LaneHead>,
    pub(super) seen: Vec<LaneHead>,
}

impl LaneCheck<'_> {
    pub(super) fn judge(&self, lane: LaneId, bounds: &Bounds) -> Judged {
        let mut judged = Judged::default();
        let mut places: BTreeMap<u64, (&AuditEntry, bool)> = BTreeMap::new();
        for entry in &self.entries {
            let is_honest =
                entry.hash == hash_of(entry) && entry.organization_id == bounds.organization;
            if !is_honest {
                judged.find(Finding::entry(Tampering::Edited, entry));
            }
            match places.entry(entry.sequence) {
                Entry::Vacant(place) => {
                    place.insert((entry, is_honest));
                }
                Entry::Occupied(_) => judged.find(Finding::entry(Tampering::Inserted, entry)),
            }
        }
        judged.links(lane, &places);
        judged.beginning(lane, &places, bounds);
        judged.head = places
            .last_key_value()
            .map(|(_, (entry, _))| (*entry).into());
        for head in &self.expected {
            judged.followed(head, &places, bounds);
        }
        for head in &self.seen {
            if bounds.is_before(head.at) {
                judged.seen.push(*head);
            } else if bounds.hold(head) {
                judged.seen(head, &places);
            }
        }
        judged
    }
}

type Places<'a> = BTreeMap<u64, (&'a AuditEntry, bool)>;

impl Judged {
    fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Each entry holds the hash of the one before it.
    fn links(&mut self, lane: LaneId, places: &Places<'_>) {
        let later = places.values().skip(1);
        for ((one, one_is_honest), (next, next_is_honest)) in places.values().zip(later) {
            let expected = one.sequence.saturating_add(1);
            if next.sequence > expected {
                let last = next.sequence.saturating_sub(1);
                self.find(Finding::places(Tampering::Deleted, lane, expected, last));
            } else if *one_is_honest && *next_is_honest && next.previous_hash != one.hash {
                // Whoever has put another in its place has computed that one's hash.
                self.find(Finding::entry(Tampering::Edited, one));
            }
        }
    }

    /// The oldest entry is the lane's first, or follows one that has expired, or one that was not
    /// looked for.
    fn beginning(&mut self, lane: LaneId, places: &Places<'_>, bounds: &Bounds) {
        let Some((first, _)) = places.first_key_value().map(|(_, found)| *found) else {
            return;
        };
        let Some(before) = before(first) else {
            if first.sequence > 1 {
                self.find(Finding::entry(Tampering::Edited, first));
            }
            return;
        };
        if !bounds.is_kept(&before) {
            return;
        }
        if bounds.goes_on {
            self.expected = Some(before);
        } else {
            self.absent(lane, &before, bounds);
        }
    }

    /// Nothing is there of the lane up to `last`.
    fn absent(&mut self, lane: LaneId, last: &LaneHead, bounds: &Bounds) {
        if bounds.is_before(last.at) {
            return;
        }
        // How many of them were not to be looked for is not known.
        let first = if bounds.from.is_none() {
            1
        } else {
            last.sequence
        };
        self.find(Finding::places(
            Tampering::Deleted,
            lane,
            first,
            last.sequence,
        ));
    }

    /// What an entry of a newer window follows is there.
    fn followed(&mut self, head: &LaneHead, places: &Places<'_>, bounds: &Bounds) {
        let newest = places.last_key_value().map(|(place, _)| *place);
        match (places.get(&head.sequence), newest) {
            (Some((entry, is_honest)), _) => {
                if *is_honest && entry.hash != head.hash {
                    self.find(Finding::entry(Tampering::Edited, entry));
                }
            }
            _ if !bounds.is_kept(head) => {}
            (None, Some(newest)) if newest < head.sequence => {
                let first = newest.saturating_add(1);
                let gap = Finding::places(Tampering::Deleted, head.lane, first, head.sequence);
                self.find(gap);
            }
            // A gap between entries that are there is found by itself.
            (None, Some(_)) => {}
            (None, None) if bounds.goes_on => self.expected = Some(*head),
            (None, None) => self.absent(head.lane, head, bounds),
        }
    }

    /// What somebody has seen is there.
    fn seen(&mut self, head: &LaneHead, places: &Places<'_>) {
        let newest = places.last_key_value().map(|(place, _)| *place);
        match (places.get(&head.sequence), newest) {
            (Some((entry, is_honest)), _) => {
                if *is_honest && entry.hash != head.hash {
                    self.find(Finding::entry(Tampering::Edited, entry));
                }
            }
            (None, Some(newest)) if newest > head.sequence => {}
            (None, newest) => {
                let first = newest.map_or(head.sequence, |newest| newest.saturating_add(1));
                // Of a lane that has not even its first entry, nothing is left.
                let kind = match head.sequence {
                    1 => Tampering::Deleted,
                    _ => Tampering::Truncated,
                };
                self.find(Finding::places(kind, head.lane, first, head.sequence));
            }
        }
    }
}

/// The entry before this one, as this one describes it.
fn before(entry: &AuditEntry) -> Option<LaneHead> {
    Some(LaneHead {
        lane: entry.lane,
        sequence: entry.sequence.checked_sub(1).filter(|place| *place > 0)?,
        hash: entry.previous_hash,
        at: entry.previous_at?,
        expires_at: entry.previous_expires_at?,
    })
}
