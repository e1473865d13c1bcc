use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::EntityName;
use crate::domain::{Digest, IntegrationId, Sealed, Timestamp};

/// So often may changes go back and forth between two records before they rest.
const MAX_TURNS: u16 = 10;
/// How long they rest; and after how long without a turn they are not counted any more.
const REST: Duration = Duration::from_secs(60 * 60);

/// What a record is linked to at another integration. Each of the two has one that names the other; and
/// one for each other kind of record that it is linked to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordLink {
    /// The other's integration.
    pub integration: IntegrationId,
    /// The other's kind of record.
    pub entity: EntityName,
    /// The digest of the other's id.
    pub record: Digest,
    /// Whether a change of the other has come here last.
    #[serde(default)]
    pub is_answered: bool,
    /// How often changes have gone back and forth without rest.
    #[serde(default)]
    pub turns: u16,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// The number of this state, under which `held` is sealed.
    pub version: u64,
    /// What the other was last told that this record holds, in the other's fields: sealed. None, if it
    /// was told nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Sealed>,
}

impl RecordLink {
    /// Whether a change may be handed on at `now`, and as which turn. Two systems that each write a
    /// value in their own way could answer each other without end.
    #[must_use]
    pub fn next_turn(&self, now: Timestamp) -> Option<u16> {
        let turns = if now.since(self.changed_at) >= REST {
            0
        } else {
            self.turns
        };
        let next = turns.saturating_add(u16::from(self.is_answered));
        (next <= MAX_TURNS).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_itself_comes_to_rest_and_is_free_again() {
        let start = Timestamp::UNIX_EPOCH;
        let mut link = RecordLink {
            integration: ulid::Ulid::from(1_u128).into(),
            entity: "contacts".parse().unwrap(),
            record: Digest::of(b"1"),
            is_answered: false,
            turns: 9,
            changed_at: start,
            version: 1,
            held: None,
        };
        // Changes of one side alone are none.
        assert_eq!(link.next_turn(start), Some(9));
        link.is_answered = true;
        assert_eq!(link.next_turn(start), Some(10));
        link.turns = 10;
        assert_eq!(link.next_turn(start), None);
        assert_eq!(link.next_turn(start.plus(REST)), Some(1));
    }
}
