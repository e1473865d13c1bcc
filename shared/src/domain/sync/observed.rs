use std::cmp::Ordering;
use std::time::Duration;

use super::conflict::{FieldConflict, FlagReason, Side, leave, resolve, same_fields};
use super::{
    ChangeOrigin, EntitySync, Fields, HASH_OF_NOTHING, RecordBody, RecordHead, SourceVersion,
    Standing, check_content, content_hash,
};
use crate::domain::Timestamp;

/// A record as the provider was seen to have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The provider's id of it.
    pub id: String,
    /// What it holds, by our names; none, if it is deleted there.
    pub content: Option<Fields>,
    /// The hash of that.
    pub hash: String,
    /// How new the provider says that is.
    pub source_version: Option<SourceVersion>,
    /// When the call began by which it was seen, or the event was received.
    pub observed_at: Timestamp,
    /// Where it was seen.
    pub origin: ChangeOrigin,
    /// After what time since the record was last seen this counts, though the provider says that it
    /// is older: what a full list has is so, but copies of the provider's may be behind for a while.
    /// Never, if absent.
    pub overrules_after: Option<Duration>,
}

/// Whether an observation says something that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// It is as it was last seen.
    Same,
    /// It holds what it held when it was last seen, in a newer version.
    SameButNewer,
    /// It is from before what was last seen.
    Old,
    /// It has changed.
    New,
}

/// A record after an observation of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Without a sequence yet, if it moves. Its conflict is the one that was open.
    pub head: RecordHead,
    /// What it holds now.
    pub body: RecordBody,
    /// All that waits for a person.
    pub open: Vec<FieldConflict>,
    /// Whether there is anything new for those who read the record, or to be sent of it: then it has the
    /// next version, and moves to the end of the feed.
    pub moves: bool,
}

impl Observation {
    /// Of a record that is there.
    #[must_use]
    pub fn present(
        id: String,
        content: Fields,
        source_version: Option<SourceVersion>,
        observed_at: Timestamp,
        origin: ChangeOrigin,
    ) -> Self {
        Self {
            hash: content_hash(&content),
            content: Some(content),
            id,
            source_version,
            observed_at,
            origin,
            overrules_after: None,
        }
    }

    /// Of a record that is deleted. One that is merely not found any more has no version.
    #[must_use]
    pub fn deleted(
        id: String,
        source_version: Option<SourceVersion>,
        observed_at: Timestamp,
        origin: ChangeOrigin,
    ) -> Self {
        Self {
            hash: HASH_OF_NOTHING.to_owned(),
            content: None,
            id,
            source_version,
            observed_at,
            origin,
            overrules_after: None,
        }
    }

    /// Whether it says something that is not known of the record with this head.
    ///
    /// The provider's own versions decide where both have one and they differ; else, and where they
    /// cannot be compared, when the calls began. But a version that goes back, and stays so, is
    /// believed of a full list: the provider was restored, or its clock set right. A record that is not known and is deleted is no
    /// news, unless an event says so: then the event of its making may be still to come.
    #[must_use]
    pub fn novelty(&self, head: Option<&RecordHead>) -> Novelty {
        let Some(head) = head else {
            let is_news = self.content.is_some() || self.origin == ChangeOrigin::Event;
            return if is_news { Novelty::New } else { Novelty::Same };
        };
        let versions = self
            .source_version
            .as_ref()
            .zip(head.source_version.as_ref());
        let order = versions.and_then(|(this, last)| this.compare(last));
        let is_same = self.hash == head.source_hash;
        match order {
            Some(Ordering::Less) if !self.overrules(head) => Novelty::Old,
            Some(Ordering::Greater) if is_same => Novelty::SameButNewer,
            _ if is_same => Novelty::Same,
            Some(Ordering::Greater | Ordering::Less) => Novelty::New,
            Some(Ordering::Equal) | None if self.observed_at < head.observed_at => Novelty::Old,
            Some(Ordering::Equal) | None => Novelty::New,
        }
    }

    fn overrules(&self, head: &RecordHead) -> bool {
        let waited = |after: Duration| self.observed_at >= head.observed_at.plus(after);
        self.overrules_after.is_some_and(waited)
    }

    /// The record that nothing was known of.
    #[must_use]
    pub fn first(self) -> Observed {
        let head = RecordHead {
            sequence: 0,
            version: 1,
            source_hash: self.hash,
            deleted: self.content.is_none(),
            source_version: self.source_version,
            observed_at: self.observed_at,
            pending: false,
            conflict: None,
        };
        let body = RecordBody {
            id: self.id,
            content: self.content.unwrap_or_default(),
            base: None,
            history: Vec::new(),
            moved_to: None,
        };
        Observed {
            head,
            body,
            open: Vec::new(),
            moves: true,
        }
    }
}

impl Standing {
    /// The record after an observation that is [new](Novelty::New).
    ///
    /// Where nothing is pending here, what the provider has is taken. Else both sides may have
    /// changed it, and each field is settled by the entity's policy. If the provider has come to
    /// what is here, as it does when our own write is seen again, nothing is pending any more.
    #[must_use]
    pub fn observed(&self, seen: Observation, rules: &EntitySync) -> Observed {
        let ours = (!self.head.deleted).then_some(&self.body.content);
        let (content, base, pending, open) = if self.head.pending || self.head.conflict.is_some() {
            let source = Side {
                fields: seen.content.as_ref(),
                changed_at: seen
                    .source_version
                    .as_ref()
                    .and_then(SourceVersion::instant),
            };
            let destination = Side {
                fields: ours,
                changed_at: Some(self.changed_at),
            };
            let base = self.body.base.as_ref();
            let mut settled = resolve(base, source, destination, &rules.conflicts);
            if let Some(Err(_)) = settled.content.as_ref().map(check_content) {
                let reason = FlagReason::TooLarge;
                settled = leave(base, source.fields, destination.fields, reason);
            }
            let pending = settled.to_source.is_some();
            let waits = pending || !settled.conflicts.is_empty();
            let base = settled.new_base.filter(|_| waits);
            (settled.content, base, pending, settled.conflicts)
        } else {
            (seen.content, None, false, Vec::new())
        };
        // What a conflict held back can be sent now. Who follows the feed sees to it.
        let is_freed = pending && open.is_empty() && self.head.conflict.is_some();
        let moves = is_freed || !same(ours, content.as_ref());
        let head = RecordHead {
            sequence: self.head.sequence,
            version: self.head.version.saturating_add(u64::from(moves)),
            source_hash: seen.hash,
            deleted: content.is_none(),
            source_version: seen.source_version,
            observed_at: self.head.observed_at.max(seen.observed_at),
            pending,
            conflict: self.head.conflict,
        };
        let known = if moves {
            self.followed(rules)
        } else {
            self.body.clone()
        };
        let body = RecordBody {
            id: seen.id,
            // What it held last, if it is deleted.
            content: content.unwrap_or(known.content),
            base,
            history: known.history,
            moved_to: None,
        };
        Observed {
            head,
            body,
            open,
            moves,
        }
    }
}

fn same(one: Option<&Fields>, other: Option<&Fields>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_fields(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
#[path = "observed_tests.rs"]
mod tests;
