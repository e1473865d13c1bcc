//! When an organization's data key is replaced, and how far what was sealed under older ones is
//! sealed anew. Pure; no key is in any of these types.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConflictId, Digest, IntegrationId, Timestamp};

/// How long after a data key was made everything is sealed under it, or a newer one: functions
/// remember for five minutes which key is the newest, and whoever has sealed something writes it
/// within the quarter of an hour that a function may run.
pub const SETTLED_AFTER: Duration = Duration::from_secs(30 * 60);
/// Data keys are looked at this often, if nothing is to be done earlier.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Nobody asks for another data key so soon after the last one.
const REST: Duration = Duration::from_secs(10 * 60);

/// What is planned for the data keys of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataKeyPlan {
    /// The number of the newest data key.
    pub newest: u16,
    /// When that was made.
    pub made_at: Timestamp,
    /// When somebody has to look.
    pub due_at: Timestamp,
    /// What is being sealed anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resealing: Option<Resealing>,
    /// What the last pass that ended has sealed anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resealed: Option<Resealed>,
}

/// A pass over what never expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resealing {
    /// What is sealed under a key with a lower number is sealed anew.
    pub target: u16,
    /// It does not begin earlier.
    pub begins_at: Timestamp,
    /// How far it has come.
    #[serde(default)]
    pub place: ResealPlace,
    /// How much was sealed anew.
    #[serde(default)]
    pub done: u64,
    /// How much could not be: others were writing it, or it does not open. What others write is
    /// sealed under a newer key by that.
    #[serde(default)]
    pub left: u64,
}

/// How far a pass has come. Integrations are passed from the newest to the oldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResealPlace {
    /// The last integration that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<IntegrationId>,
    /// Where in the next one it is, once its own items are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<RecordsPlace>,
}

/// How far the records of an integration are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordsPlace {
    /// The integration.
    pub integration: IntegrationId,
    /// The last conflict that is done. Conflicts come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<ConflictId>,
    /// The kind of record, by the digest of its name, once conflicts are done. Those with a lower one are
    /// to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<Digest>,
    /// Changes up to this number are done.
    #[serde(default)]
    pub sequence: u64,
}

/// What a pass has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resealed {
    /// Under which key, at least, things are sealed since.
    pub target: u16,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How much was sealed anew.
    pub done: u64,
    /// How much was not.
    pub left: u64,
}

impl RecordsPlace {
    /// The beginning of an integration's.
    #[must_use]
    pub fn start(integration: IntegrationId) -> Self {
        Self {
            integration,
            conflict: None,
            entity: None,
            sequence: 0,
        }
    }
}

impl DataKeyPlan {
    /// Of an organization whose newest data key is `newest`, made at `made_at`: looked at once at `due_at`.
    #[must_use]
    pub fn new(newest: u16, made_at: Timestamp, due_at: Timestamp) -> Self {
        Self {
            newest,
            made_at,
            due_at,
            resealing: None,
            resealed: None,
        }
    }

    /// The first look after a data key was made at `now`.
    #[must_use]
    pub fn first_look(now: Timestamp) -> Timestamp {
        now.plus(LOOKED_AT_EVERY)
    }

    /// Whether the data key is to be replaced at `now`, if that happens each `every`.
    #[must_use]
    pub fn is_old(&self, every: Option<Duration>, now: Timestamp) -> bool {
        every.is_some_and(|every| self.made_at.plus(every) <= now)
    }

    /// Until when nobody may ask for another data key, if that is after `now`.
    #[must_use]
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.made_at.plus(REST);
        (self.newest > 1 && now < end).then_some(end)
    }

    /// The plan once `newest` is the newest data key. A pass that was at work ends: another one begins,
    /// which does what that one would have done.
    #[must_use]
    pub fn rotated(&self, newest: u16, now: Timestamp) -> Self {
        let begins_at = now.plus(SETTLED_AFTER);
        Self {
            newest,
            made_at: now,
            due_at: begins_at,
            resealing: Some(Resealing {
                target: newest,
                begins_at,
                place: ResealPlace::default(),
                done: 0,
                left: 0,
            }),
            resealed: self.resealed,
        }
    }

    /// The plan after a look: what is at work goes on at once, and the rest waits for a day.
    #[must_use]
    pub fn looked_at(&self, now: Timestamp) -> Self {
        let next = match &self.resealing {
            Some(resealing) => resealing.begins_at.max(now),
            None => now.plus(LOOKED_AT_EVERY),
        };
        Self {
            due_at: next,
            ..self.clone()
        }
    }

    /// The plan after a look that failed.
    #[must_use]
    pub fn put_off(&self, now: Timestamp) -> Self {
        Self {
            due_at: now.plus(Duration::from_secs(15 * 60)),
            ..self.clone()
        }
    }

    /// The plan after a part of a pass; the whole of it, if `place` is none.
    #[must_use]
    pub fn resealed_to(
        &self,
        place: Option<ResealPlace>,
        (done, left): (u64, u64),
        now: Timestamp,
    ) -> Self {
        let Some(pass) = &self.resealing else {
            return self.clone();
        };
        let pass = Resealing {
            done: pass.done.saturating_add(done),
            left: pass.left.saturating_add(left),
            ..pass.clone()
        };
        let mut plan = self.clone();
        if let Some(place) = place {
            plan.resealing = Some(Resealing { place, ..pass });
        } else {
            plan.resealing = None;
            plan.resealed = Some(Resealed {
                target: pass.target,
                ended_at: now,
                done: pass.done,
                left: pass.left,
            });
        }
        plan.looked_at(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn at(days: u32) -> Timestamp {
        Timestamp::from_second(1_790_000_000)
            .unwrap()
            .plus(DAY * days)
    }

    #[test]
    fn a_key_is_replaced_when_it_is_old_and_never_if_nobody_says_when() {
        let plan = DataKeyPlan::new(1, at(0), at(1));
        assert!(!plan.is_old(Some(DAY * 365), at(364)));
        assert!(plan.is_old(Some(DAY * 365), at(365)));
        assert!(!plan.is_old(None, at(3_650)));
    }

    #[test]
    fn a_pass_begins_once_nobody_seals_under_the_last_key_any_more() {
        let plan = DataKeyPlan::new(1, at(0), at(1)).rotated(2, at(365));
        let begins = at(365).plus(SETTLED_AFTER);
        assert_eq!(
            (plan.newest, plan.made_at, plan.due_at),
            (2, at(365), begins)
        );
        assert_eq!(plan.looked_at(at(365)).due_at, begins);
        assert_eq!(plan.looked_at(at(366)).due_at, at(366));
        let ended = plan.resealed_to(None, (7, 1), at(366));
        assert_eq!(ended.due_at, at(367));
        let resealed = ended.resealed.unwrap();
        assert_eq!((resealed.target, resealed.done, resealed.left), (2, 7, 1));
        assert_eq!(ended.resealing, None);
    }

    #[test]
    fn another_key_begins_another_pass_and_can_be_asked_for_after_ten_minutes() {
        let first = DataKeyPlan::new(1, at(0), at(1));
        assert_eq!(first.rests_until(at(0)), None);
        let second = first.rotated(2, at(1));
        assert_eq!(second.rests_until(at(1)), Some(at(1).plus(REST)));
        assert_eq!(second.rests_until(at(1).plus(REST)), None);
        let third = second.resealed_to(Some(ResealPlace::default()), (3, 0), at(2));
        let third = third.rotated(3, at(2));
        let pass = third.resealing.unwrap();
        assert_eq!((pass.target, pass.done), (3, 0));
    }
}
