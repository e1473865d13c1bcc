use serde::{Deserialize, Serialize};

use crate::domain::{Digest, Timestamp};

/// How far what follows from the changes of a kind of record has been handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FeedCursor {
    /// The number of the newest change of which the provider and destinations were told.
    pub handed: u64,
    /// When that one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed_at: Option<Timestamp>,
    /// The number of the newest change of which the linked record was told.
    pub linked: u64,
    /// The digest of what the target was then: all records are linked anew, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Digest>,
}

impl FeedCursor {
    /// The same, for a target of this digest; none, if there is none.
    #[must_use]
    pub fn for_target(self, target: Option<Digest>) -> Self {
        let linked = if target == self.target {
            self.linked
        } else {
            0
        };
        Self {
            linked,
            target,
            ..self
        }
    }

    /// After which change reading begins.
    #[must_use]
    pub fn begins_after(&self) -> u64 {
        match self.target {
            Some(_) => self.handed.min(self.linked),
            None => self.handed,
        }
    }

    /// After the changes up to `sequence` were handed on, of which the last was made `at`.
    #[must_use]
    pub fn moved_to(self, sequence: u64, at: Option<Timestamp>) -> Self {
        let is_further = sequence > self.handed;
        Self {
            handed: self.handed.max(sequence),
            handed_at: at.filter(|_| is_further).or(self.handed_at),
            linked: match self.target {
                Some(_) => self.linked.max(sequence),
                None => self.linked,
            },
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_another_is_told_everything_and_nobody_else_again() {
        let cursor = FeedCursor::default()
            .for_target(None)
            .moved_to(7, Some(Timestamp::UNIX_EPOCH));
        assert_eq!((cursor.handed, cursor.begins_after()), (7, 7));
        assert_eq!(cursor.handed_at, Some(Timestamp::UNIX_EPOCH));
        let target = Some(Digest::of(b"target"));
        let linked = cursor.for_target(target);
        assert_eq!((linked.begins_after(), linked.handed), (0, 7));
        let moved = linked.moved_to(3, None);
        assert_eq!(
            (moved.linked, moved.handed, moved.begins_after()),
            (3, 7, 3)
        );
        assert_eq!(moved.moved_to(9, None).for_target(target).begins_after(), 9);
        assert_eq!(moved.for_target(Some(Digest::of(b"other"))).linked, 0);
        assert_eq!(moved.for_target(None).begins_after(), 7);
    }
}
