use super::watch::FRESH;
use super::{MARK_EVERY, Width};
use crate::domain::Timestamp;

/// What one running function remembers of its marks of one integration: so that a call or an event mostly
/// costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gate {
    marked_at: Option<Timestamp>,
    late: Option<(Timestamp, Timestamp)>,
}

impl Gate {
    /// Whether something of `at` that is stored now needs a mark.
    #[must_use]
    pub fn needs_mark(&self, at: Timestamp, now: Timestamp) -> bool {
        if now.since(at) <= FRESH {
            // Where the clock has gone back, nobody can say how old it is.
            let is_recent = |marked| marked <= now && now.since(marked) < MARK_EVERY;
            !self.marked_at.is_some_and(is_recent)
        } else {
            let minute = Width::Minute.start_of(at);
            let covers = |(known, marked): (Timestamp, Timestamp)| {
                known == minute && marked <= now && now.since(marked) < FRESH
            };
            !self.late.is_some_and(covers)
        }
    }

    /// Takes note of a mark that was written.
    pub fn marked(&mut self, at: Timestamp, now: Timestamp) {
        if now.since(at) <= FRESH {
            self.marked_at = Some(now);
        } else {
            self.late = Some((Width::Minute.start_of(at), now));
        }
    }
}
