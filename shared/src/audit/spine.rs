//! What the links of the spine say: which lanes there are, and how far they had come.
//!
//! A link's detail is a list of heads, `lane sequence hash at expires-at` each, separated by `;`: of
//! the first entry of a lane that is opened, and of entries that lanes are known to have come to.

use crate::domain::{Actor, AuditEntry, AuditOutcome, AuditSubject};
use crate::domain::{LaneHead, LaneId, NewAuditEntry, Timestamp};

/// The action of a link that says that a lane was opened, and how far the one before it had come.
pub const LANE: &str = "audit.lane";
/// The action of a link that says how far lanes had come.
pub const ANCHOR: &str = "audit.anchor";

/// As a detail.
pub(crate) fn write(heads: &[LaneHead]) -> String {
    let heads = heads.iter().map(|head| {
        let LaneHead {
            lane,
            sequence,
            hash,
            at,
            expires_at,
        } = head;
        format!("{lane} {sequence} {hash} {at} {expires_at}")
    });
    heads.collect::<Vec<_>>().join(";")
}

/// What `link` says. What cannot be read says nothing: a link's hash tells whether it was changed.
pub(crate) fn read(link: &AuditEntry) -> Vec<LaneHead> {
    let parts = link.detail.iter().flat_map(|detail| detail.split(';'));
    parts.filter_map(head).collect()
}

fn head(text: &str) -> Option<LaneHead> {
    let mut words = text.split(' ');
    Some(LaneHead {
        lane: words.next()?.parse().ok()?,
        sequence: words.next()?.parse().ok()?,
        hash: words.next()?.parse().ok()?,
        at: words.next()?.parse::<Timestamp>().ok()?,
        expires_at: words.next()?.parse::<Timestamp>().ok()?,
    })
}

/// What is recorded of a lane that `function` opens.
pub(crate) fn opening(function: &str, lane: LaneId) -> NewAuditEntry {
    let actor = Actor::system(function);
    NewAuditEntry::new(actor, LANE, AuditOutcome::Succeeded).of(AuditSubject::new("lane", lane))
}

/// What is recorded of an anchor.
pub(crate) fn anchoring(function: &str) -> NewAuditEntry {
    NewAuditEntry::new(Actor::system(function), ANCHOR, AuditOutcome::Succeeded)
}
