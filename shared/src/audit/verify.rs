//! Whether a trail is whole. Pure: entries in, findings out, so that the function that answers
//! `POST /portal/audit/verify` and the verifier that works offline judge alike.
//!
//! A trail is judged in windows of time, the newest first. What has to be known of a window to judge
//! the older one before it is [`Carried`] from one to the next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::chain::{self, hash_of};
use super::lane::{Bounds, LaneCheck};
use super::spine;
use crate::domain::{Anchor, AuditEntry, AuditId, LaneHead, LaneId, OrganizationId, Timestamp};

/// What was done to a trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tampering {
    /// Entries are missing that were followed by others, or that have not expired.
    Deleted,
    /// An entry is not what it was when it was written.
    Edited,
    /// Entries do not stand where they were written.
    Reordered,
    /// The newest entries of a lane are missing: an anchor, or a later link of the spine, has seen
    /// them.
    Truncated,
    /// There is something that no function has added: a second entry in one place, or a lane that
    /// the spine does not know.
    Inserted,
}

impl Tampering {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Edited => "edited",
            Self::Reordered => "reordered",
            Self::Truncated => "truncated",
            Self::Inserted => "inserted",
        }
    }
}

/// One place where a trail is not whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was done.
    pub kind: Tampering,
    /// To which lane; none, if what is there cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<LaneId>,
    /// The first place in the lane that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The last place, if it is about several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sequence: Option<u64>,
    /// The entry, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<AuditId>,
}

impl Finding {
    /// Something about one entry.
    pub(super) fn entry(kind: Tampering, entry: &AuditEntry) -> Self {
        Self {
            kind,
            lane: Some(entry.lane),
            sequence: Some(entry.sequence),
            last_sequence: None,
            id: Some(entry.id),
        }
    }

    /// Something about places of a lane.
    pub(super) fn places(kind: Tampering, lane: LaneId, first: u64, last: u64) -> Self {
        Self {
            kind,
            lane: Some(lane),
            sequence: Some(first),
            last_sequence: Some(last).filter(|last| *last != first),
            id: None,
        }
    }

    /// Something that cannot be read.
    pub(super) fn unreadable(
        id: Option<AuditId>,
        lane: Option<LaneId>,
        place: Option<u64>,
    ) -> Self {
        Self {
            kind: Tampering::Edited,
            lane,
            sequence: place,
            last_sequence: None,
            id,
        }
    }
}

/// What a newer window has left to be judged with an older one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Carried {
    /// Entries that others follow.
    pub expected: Vec<LaneHead>,
    /// Entries that a link of the spine has seen.
    pub seen: Vec<LaneHead>,
}

/// What a trail is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Whose trail it is.
    pub organization: OrganizationId,
    /// The entries of its lanes, as they were found, which ought to be the newest first.
    pub entries: &'a [AuditEntry],
    /// The links of its spine, likewise.
    pub links: &'a [AuditEntry],
    /// Lanes that were opened after the spine was read.
    pub opened_since: &'a BTreeSet<LaneId>,
    /// Nothing was looked for before this instant.
    pub from: Option<Timestamp>,
    /// Nor from this instant on.
    pub to: Option<Timestamp>,
    /// Whether what is older is judged next, with what this window leaves.
    pub goes_on: bool,
    /// What the newer window has left.
    pub carried: &'a Carried,
    /// What the caller has kept.
    pub anchor: Option<&'a Anchor>,
    /// What expires by then may be missing.
    pub now: Timestamp,
    /// A lane that the spine does not know may have been opened so shortly before the newest entry.
    pub slack: Duration,
}

/// What is known of a trail.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many entries were looked at, links of the spine included.
    pub entries: usize,
    /// In how many lanes.
    pub lanes: usize,
    /// Where it is not whole.
    pub findings: Vec<Finding>,
    /// The newest entry of each lane that was looked at, but for the spine.
    pub heads: Vec<LaneHead>,
    /// What the window before has to be judged with.
    pub carried: Carried,
}

/// Judges a window of a trail.
#[must_use]
pub fn verify(evidence: &Evidence<'_>) -> Report {
    let mut report = Report {
        entries: evidence.entries.len() + evidence.links.len(),
        ..Report::default()
    };
    out_of_order(evidence.links, &mut report.findings);
    out_of_order(evidence.entries, &mut report.findings);
    let bounds = Bounds {
        organization: evidence.organization,
        from: evidence.from,
        to: evidence.to,
        now: evidence.now,
        goes_on: evidence.goes_on,
    };
    let seen = seen(evidence);
    let mut lanes: BTreeMap<LaneId, LaneCheck<'_>> = BTreeMap::new();
    for entry in evidence.links.iter().chain(evidence.entries) {
        lanes.entry(entry.lane).or_default().entries.push(entry);
    }
    for head in &evidence.carried.expected {
        lanes.entry(head.lane).or_default().expected.push(*head);
    }
    for head in &seen {
        lanes.entry(head.lane).or_default().seen.push(*head);
    }
    report.lanes = lanes.len();
    for (lane, check) in &lanes {
        let judged = check.judge(*lane, &bounds);
        report.findings.extend(judged.findings);
        report.carried.expected.extend(judged.expected);
        report.carried.seen.extend(judged.seen);
        if *lane != chain::spine_lane() {
            report.heads.extend(judged.head);
        }
    }
    unknown_lanes(evidence, &seen, &mut report.findings);
    report.findings.sort();
    report.findings.dedup();
    report
}

/// What the spine, the anchor and the newer window have seen of lanes.
fn seen(evidence: &Evidence<'_>) -> Vec<LaneHead> {
    let mut seen = evidence.carried.seen.clone();
    if let Some(anchor) = evidence.anchor {
        seen.push(anchor.spine);
        seen.extend(&anchor.lanes);
    }
    let honest = |link: &&AuditEntry| link.hash == hash_of(link);
    seen.extend(evidence.links.iter().filter(honest).flat_map(spine::read));
    seen
}

/// Entries are found where their ids put them. An entry that was changed may have any id, and is
/// found by its hash.
fn out_of_order(found: &[AuditEntry], findings: &mut Vec<Finding>) {
    let honest: Vec<&AuditEntry> = found
        .iter()
        .filter(|entry| entry.hash == hash_of(entry))
        .collect();
    let mut ordered = honest.clone();
    ordered.sort_by_key(|entry| Reverse(entry.id));
    let misplaced = honest
        .iter()
        .zip(&ordered)
        .filter(|(found, right)| found.id != right.id);
    findings.extend(misplaced.map(|(found, _)| Finding::entry(Tampering::Reordered, found)));
}

/// Lanes that begin in the window, and that the spine says nothing of.
fn unknown_lanes(evidence: &Evidence<'_>, seen: &[LaneHead], findings: &mut Vec<Finding>) {
    let newest = evidence.entries.iter().map(|entry| entry.at).max();
    let may_be_new = |entry: &AuditEntry| {
        !evidence.slack.is_zero() && newest.is_some_and(|at| entry.at.plus(evidence.slack) >= at)
    };
    let known: BTreeSet<LaneId> = seen.iter().map(|head| head.lane).collect();
    let unknown = evidence.entries.iter().filter(|entry| {
        entry.sequence == 1
            && !known.contains(&entry.lane)
            && !evidence.opened_since.contains(&entry.lane)
            && !may_be_new(entry)
    });
    findings.extend(unknown.map(|entry| Finding::entry(Tampering::Inserted, entry)));
}
