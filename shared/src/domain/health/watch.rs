//! When an integration is looked at next, and what of it has been rolled up.
//!
//! Who calls its provider, or stores an event of it, marks it; the watch then wakes up each minute until
//! the marks have stopped. What was rolled up is written after the roll-ups are: a run that dies leaves
//! its work to the next one, which computes the same again.
//!
//! A mark stands for what its writer does in the next five minutes, too: so a watch goes quiet only when
//! everything is rolled up that a mark may stand for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Check, CheckState, Width};
use crate::domain::Timestamp;

/// How often a function that uses an integration marks it.
pub const MARK_EVERY: Duration = Duration::from_secs(5 * 60);
/// So long after a minute is over it is rolled up: longer than a call takes (25 seconds at most, and
/// what is written after it), with clocks that differ.
pub const SETTLED_AFTER: Duration = Duration::from_secs(120);
/// How often an integration is checked.
pub const CHECK_EVERY: Duration = Duration::from_secs(60 * 60);
/// What is found otherwise than the last time is looked at again so soon, and once more: nothing is made of
/// one check.
const RECHECK_AFTER: Duration = Duration::from_secs(2 * 60);
/// So many checks in a row that say the same are believed.
const BELIEVED: u8 = 3;
/// What could not be looked at is looked at again after this.
const UNKNOWN_AFTER: Duration = Duration::from_secs(5 * 60);
/// The first time, it is checked within so long.
const FIRST_CHECK_WITHIN: Duration = Duration::from_secs(10 * 60);
/// A mark may have been left out because another one was younger than `MARK_EVERY`, and stands for as
/// much again.
const QUIET_AFTER: Duration = Duration::from_secs(11 * 60);
/// What is older when it is stored was not there when its minute was rolled up, perhaps.
pub(super) const FRESH: Duration = Duration::from_secs(60);
/// How long what is marked late may follow, until it is rolled up again.
const LATE_FOR: Duration = Duration::from_secs(120);
/// The most that is rolled up in one go.
const MOST: Duration = Duration::from_secs(3 * 60 * 60);

/// What `monitor` knows of one integration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// When it was last marked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked_at: Option<Timestamp>,
    /// Everything before this is rolled up: the beginning of a minute.
    pub rolled_up_to: Timestamp,
    /// What has to be rolled up again, because it was stored late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Late>,
    /// When it is checked next.
    pub check_at: Timestamp,
    /// What the last checks found.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// How many in a row said the same of whether calls work, up to those that are believed.
    #[serde(default = "believed")]
    pub agreeing: u8,
    /// When it is looked at next: its place in the index.
    pub due_at: Timestamp,
}

/// Minutes that are to be rolled up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    /// The first begins so.
    pub from: Timestamp,
    /// The last ends so.
    pub to: Timestamp,
    /// Not before this: more may be stored of them.
    pub until: Timestamp,
}

/// What is rolled up in one go: whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Whether it was rolled up before.
    pub is_late: bool,
}

impl Span {
    /// No more of it than so long: the rest is rolled up in its turn. What is late is rolled up by whole
    /// hours: their roll-ups cannot be made of parts.
    #[must_use]
    pub fn cut(self, most: Duration) -> Self {
        let most = if self.is_late {
            most.max(Width::Hour.duration())
        } else {
            most
        };
        Self {
            to: self.to.min(Width::Minute.start_of(self.from.plus(most))),
            ..self
        }
    }
}

impl Watch {
    /// That of an integration that is new, or seen for the first time. `fraction` spreads the first checks.
    #[must_use]
    pub fn new(now: Timestamp, fraction: f64) -> Self {
        let check_at = now.plus(FIRST_CHECK_WITHIN.mul_f64(fraction.clamp(0.0, 1.0)));
        Self {
            marked_at: None,
            rolled_up_to: Width::Minute.start_of(now),
            late: None,
            check_at,
            checks: Vec::new(),
            agreeing: BELIEVED,
            due_at: check_at,
        }
    }

    /// Whether everything is rolled up that a mark may stand for, and the hour that it was in.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let ended = |marked: Timestamp| Width::Hour.next_start(marked.plus(QUIET_AFTER));
        self.marked_at
            .is_none_or(|marked| self.rolled_up_to >= ended(marked))
    }

    /// Whether everything is rolled up that a mark may stand for: what is left has no minutes to look for.
    fn is_covered(&self) -> bool {
        self.marked_at
            .is_none_or(|marked| self.rolled_up_to >= marked.plus(QUIET_AFTER))
    }

    /// What becomes of it when something of `at` is stored now; none, if that is known.
    #[must_use]
    pub fn marked(&self, at: Timestamp, now: Timestamp) -> Option<Self> {
        let minute = Width::Minute.start_of(at);
        let mut watch = self.clone();
        if is_fresh(at, now) {
            // What the same function stores next may be older by as much, and is not marked again.
            let from = Width::Minute.start_of(now.minus(FRESH));
            let is_recent = |marked| now.since(marked) < MARK_EVERY;
            if self.marked_at.is_some_and(is_recent) && self.rolled_up_to <= from {
                return None;
            }
            // Before it was quiet all was rolled up; since then nothing happened, or there would be a mark.
            let is_quiet = self.is_quiet();
            watch.rolled_up_to = if is_quiet {
                from
            } else {
                self.rolled_up_to.min(from)
            };
        } else {
            if self.late.is_some_and(|late| late.covers(minute, now)) {
                return None;
            }
            watch.late = Some(self.late_with(minute, now));
            if self.is_quiet() {
                // What is older than what was rolled up is rolled up again by itself.
                watch.rolled_up_to = self.rolled_up_to.max(minute);
            }
        }
        let settled_at = minute.plus(Width::Minute.duration() + SETTLED_AFTER);
        let due_at = watch
            .late
            .map_or(settled_at, |late| late.until.min(settled_at));
        let marked_at = if is_fresh(at, now) { now } else { at };
        watch.marked_at = self.marked_at.max(Some(marked_at));
        watch.due_at = self.due_at.min(due_at);
        Some(watch)
    }

    fn late_with(&self, minute: Timestamp, now: Timestamp) -> Late {
        let end = minute.plus(Width::Minute.duration());
        Late {
            from: self.late.map_or(minute, |late| late.from.min(minute)),
            to: self.late.map_or(end, |late| late.to.max(end)),
            until: now.plus(LATE_FOR),
        }
    }

    /// What is to be rolled up at `now`. What was stored late, by whole hours: their roll-ups cannot be
    /// made of minutes any more, which may be forgotten.
    #[must_use]
    pub fn span(&self, now: Timestamp) -> Option<Span> {
        if let Some(late) = self.late.filter(|late| late.until <= now) {
            let from = Width::Hour.start_of(late.from);
            let to = Width::Hour
                .next_start(late.to)
                .min(self.rolled_up_to)
                .min(from.plus(MOST));
            if from < to {
                return Some(Span {
                    from,
                    to,
                    is_late: true,
                });
            }
        }
        let from = self.rolled_up_to;
        let to = settled_to(now).min(from.plus(MOST));
        (!self.is_quiet() && from < to).then_some(Span {
            from,
            to,
            is_late: false,
        })
    }

    /// What becomes of it when that was rolled up, by a run that began at `began`: nothing, if it was marked
    /// meanwhile in a way that asks for more.
    #[must_use]
    pub fn rolled_up(&self, span: Span, began: Timestamp) -> Self {
        let mut watch = self.clone();
        if span.is_late {
            // What is beyond is rolled up in its turn, later than this.
            let left = self.late.map(|late| Late {
                from: if late.until <= began {
                    late.from.max(span.to)
                } else {
                    late.from
                },
                ..late
            });
            let is_left =
                |late: &Late| late.until > began || late.from < late.to.min(self.rolled_up_to);
            watch.late = left.filter(is_left);
        } else if self.rolled_up_to >= span.from {
            watch.rolled_up_to = self.rolled_up_to.max(span.to);
        }
        watch
    }

    /// Up to where what happened is known at `now`: also where nothing does, and nobody has looked.
    #[must_use]
    pub fn measured_to(&self, now: Timestamp) -> Timestamp {
        if self.is_covered() {
            settled_to(now).max(self.rolled_up_to)
        } else {
            self.rolled_up_to
        }
    }

    /// What becomes of it when these checks were made, of all that apply to the integration. `fraction`
    /// keeps those of many integrations from being made at the same time.
    #[must_use]
    pub fn checked(&self, checks: Vec<Check>, now: Timestamp, fraction: f64) -> Self {
        let part = 0.9 + 0.2 * fraction.clamp(0.0, 1.0);
        let agreeing = if fail(&checks) == fail(&self.checks) {
            self.agreeing.saturating_add(1).min(BELIEVED)
        } else {
            1
        };
        let is_unknown = |check: &Check| check.found.state == CheckState::Unknown;
        let wait = if agreeing < BELIEVED {
            RECHECK_AFTER
        } else if checks.iter().any(is_unknown) {
            UNKNOWN_AFTER
        } else {
            CHECK_EVERY
        };
        Self {
            checks,
            agreeing,
            check_at: now.plus(wait.mul_f64(part)),
            ..self.clone()
        }
    }

    /// Of when the last checks are, in the reckoning of [`measured_to`](Self::measured_to); none, if there
    /// are none, or they are so old that they say nothing of now.
    #[must_use]
    pub fn checked_to(&self, now: Timestamp) -> Option<Timestamp> {
        let made = self.checks.iter().map(|check| check.checked_at).max()?;
        (now.since(made) <= CHECK_EVERY * 2).then(|| settled_to(made))
    }

    /// What becomes of it when it could not be checked at `now`, and is after `wait`.
    #[must_use]
    pub fn put_off(&self, now: Timestamp, wait: Duration) -> Self {
        Self {
            check_at: self.check_at.max(now.plus(wait)),
            ..self.clone()
        }
    }

    /// What becomes of it when there is nothing to do at `now`: it says when there is.
    #[must_use]
    pub fn settled(&self, now: Timestamp) -> Self {
        let late = self
            .late
            .filter(|late| late.until > now || self.span(now).is_some_and(|span| span.is_late));
        let mut due_at = self.check_at;
        if !self.is_quiet() {
            let width = if self.is_covered() {
                Width::Hour
            } else {
                Width::Minute
            };
            let next = width.start_of(self.rolled_up_to).plus(width.duration());
            due_at = due_at.min(next.plus(SETTLED_AFTER).max(now));
        }
        if let Some(late) = late {
            due_at = due_at.min(late.until.max(now));
        }
        Self {
            late,
            due_at,
            ..self.clone()
        }
    }
}

impl Late {
    /// Whether it will be rolled up again when what follows in the next minute is stored, too.
    fn covers(&self, minute: Timestamp, now: Timestamp) -> bool {
        (self.from..self.to).contains(&minute) && self.until >= now.plus(FRESH)
    }
}

fn believed() -> u8 {
    BELIEVED
}

/// Whether checks say that calls do not work.
fn fail(checks: &[Check]) -> bool {
    let fails =
        |check: &Check| check.found.is_of_calls() && check.found.state == CheckState::Failed;
    checks.iter().any(fails)
}

/// Whether what is of `at` is there when its minute is rolled up, if it is stored now.
fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    now.since(at) <= FRESH
}

/// What is before this is there.
fn settled_to(now: Timestamp) -> Timestamp {
    Width::Minute.start_of(now.minus(SETTLED_AFTER))
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
