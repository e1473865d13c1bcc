//! What an entry's hash is of. docs/audit.md says the same in words, for those who write a verifier
//! of their own.

use aws_lc_rs::digest::{Context, SHA256};

use crate::domain::{Anchor, AuditEntry, EntryHash, LaneHead, LaneId, NewAuditEntry};
use crate::domain::{AuditId, OrganizationId, Timestamp};

/// What the bytes of an entry start with.
const ENTRY: &str = "gatehouse-audit-entry-1";
/// What the bytes of an anchor start with.
const ANCHOR: &str = "gatehouse-audit-anchor-1";

/// The lane of the spine: the chain that says which other chains there are.
#[must_use]
pub fn spine_lane() -> LaneId {
    LaneId::from(ulid::Ulid::nil())
}

/// Texts, each preceded by its length in bytes as four bytes, the highest first. What is absent is
/// as long as nothing; no field that is there is empty.
struct Fields(Context);

impl Fields {
    fn new(preamble: &str) -> Self {
        Self(Context::new(&SHA256)).text(preamble)
    }

    fn text(mut self, text: &str) -> Self {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.update(&length.to_be_bytes());
        self.0.update(text.as_bytes());
        self
    }

    fn shown(self, value: impl ToString) -> Self {
        self.text(&value.to_string())
    }

    fn maybe(self, value: Option<&impl ToString>) -> Self {
        self.text(&value.map(ToString::to_string).unwrap_or_default())
    }

    fn head(self, head: &LaneHead) -> Self {
        self.shown(head.lane)
            .shown(head.sequence)
            .shown(head.hash)
            .shown(head.at)
            .shown(head.expires_at)
    }

    fn hash(self) -> EntryHash {
        let mut hash = EntryHash::ZERO;
        // A digest of SHA-256 has as many bytes.
        for (place, byte) in hash.0.iter_mut().zip(self.0.finish().as_ref()) {
            *place = *byte;
        }
        hash
    }
}

/// The hash that `entry` ought to have.
#[must_use]
pub fn hash_of(entry: &AuditEntry) -> EntryHash {
    Fields::new(ENTRY)
        .shown(entry.id)
        .shown(entry.organization_id)
        .shown(entry.lane)
        .shown(entry.sequence)
        .shown(entry.at)
        .shown(entry.expires_at)
        .text(entry.actor.kind.as_str())
        .text(&entry.actor.id)
        .text(&entry.action)
        .maybe(entry.subject.as_ref().map(|subject| &subject.kind))
        .maybe(entry.subject.as_ref().map(|subject| &subject.id))
        .text(entry.outcome.as_str())
        .maybe(entry.code.as_ref())
        .maybe(entry.source.as_ref())
        .maybe(entry.request_id.as_ref())
        .maybe(entry.detail.as_ref())
        .maybe(entry.previous_at.as_ref())
        .maybe(entry.previous_expires_at.as_ref())
        .shown(entry.previous_hash)
        .hash()
}

/// The hash that `anchor` ought to have.
#[must_use]
pub fn anchor_hash(anchor: &Anchor) -> EntryHash {
    let fields = Fields::new(ANCHOR)
        .shown(anchor.organization_id)
        .shown(anchor.at)
        .head(&anchor.spine)
        .shown(anchor.lanes.len());
    anchor.lanes.iter().fold(fields, Fields::head).hash()
}

/// The place of an entry in a trail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) organization: OrganizationId,
    pub(crate) lane: LaneId,
    pub(crate) id: AuditId,
    pub(crate) at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// The entry that follows `previous` in its lane; the lane's first, if there is none.
pub(crate) fn link(place: Place, previous: Option<&LaneHead>, new: NewAuditEntry) -> AuditEntry {
    let new = new.cleaned();
    let mut entry = AuditEntry {
        id: place.id,
        organization_id: place.organization,
        lane: place.lane,
        sequence: previous.map_or(1, |head| head.sequence.saturating_add(1)),
        at: place.at,
        expires_at: place.expires_at,
        actor: new.actor,
        action: new.action.to_owned(),
        subject: new.subject,
        outcome: new.outcome,
        code: new.code,
        source: new.source,
        request_id: new.request_id,
        detail: new.detail,
        previous_at: previous.map(|head| head.at),
        previous_expires_at: previous.map(|head| head.expires_at),
        previous_hash: previous.map_or(EntryHash::ZERO, |head| head.hash),
        hash: EntryHash::ZERO,
    };
    entry.hash = hash_of(&entry);
    entry
}

/// The same entry with another detail, which may be longer than that of others: for the spine only.
pub(crate) fn with_detail(mut entry: AuditEntry, detail: String) -> AuditEntry {
    entry.detail = Some(detail);
    entry.hash = hash_of(&entry);
    entry
}
