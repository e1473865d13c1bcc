//! A process, as what it calls sees it: when it dies, and what becomes of its calls.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::dice::Dice;

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    /// With which of its calls of AWS, counted from 0.
    pub(super) call: usize,
    /// Whether that call still has its effect.
    pub(super) has_effect: bool,
}

/// How often what goes wrong: one in so many calls; never, if it is 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) throttled: u64,
    /// No answer comes, and nothing was done.
    pub(super) lost_before: u64,
    /// No answer comes, though it was done.
    pub(super) lost_after: u64,
    /// It was done, and the answer is an error all the same.
    pub(super) broken: u64,
    /// It is done twice: the client has not seen the first answer, and repeats the call by itself.
    pub(super) repeated: u64,
    /// It takes seconds.
    pub(super) slow: u64,
    /// Of each item of a batch: it is not done.
    pub(super) partial: u64,
}

impl Rates {
    /// Any weather, fair weather included.
    pub(super) fn any(dice: &Dice) -> Self {
        if dice.one_in(6) {
            return Self::default();
        }
        let rate = |rates: &[u64]| dice.one_of(rates);
        Self {
            throttled: rate(&[0, 0, 8, 25, 60]),
            lost_before: rate(&[0, 0, 40]),
            lost_after: rate(&[0, 0, 15, 40]),
            broken: rate(&[0, 0, 30]),
            repeated: rate(&[0, 0, 12, 40]),
            slow: rate(&[0, 0, 25]),
            partial: rate(&[0, 0, 3, 8]),
        }
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    DiesBefore,
    DiesAfter,
    Throttled,
    LostBefore,
    LostAfter,
    Broken,
    Repeated,
}

/// The life of one process.
#[derive(Debug)]
pub(super) struct Life {
    kill: Option<Kill>,
    pub(super) rates: Rates,
    pub(super) dice: Dice,
    calls: AtomicUsize,
    faults: AtomicUsize,
    is_dead: AtomicBool,
    death: Notify,
}

impl Life {
    pub(super) fn new(dice: Dice, kill: Option<Kill>, rates: Rates) -> Self {
        Self {
            kill,
            rates,
            dice,
            calls: AtomicUsize::new(0),
            faults: AtomicUsize::new(0),
            is_dead: AtomicBool::new(false),
            death: Notify::new(),
        }
    }

    /// One that nothing happens to.
    pub(super) fn lucky(dice: Dice) -> Self {
        Self::new(dice, None, Rates::default())
    }

    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    pub(super) fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        self.death.notify_waiters();
    }

    /// How many of its calls went wrong.
    pub(super) fn faults(&self) -> usize {
        self.faults.load(Ordering::SeqCst)
    }

    pub(super) fn note_fault(&self) {
        self.faults.fetch_add(1, Ordering::SeqCst);
    }

    /// One more call.
    pub(super) fn call(&self) -> Fate {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let kill = self.kill.filter(|kill| kill.call == number);
        match kill {
            Some(kill) if kill.has_effect => return Fate::DiesAfter,
            Some(_) => self.die(),
            None => {}
        }
        if self.is_dead() {
            return Fate::DiesBefore;
        }
        let (rates, dice) = (&self.rates, &self.dice);
        let fate = [
            (rates.throttled, Fate::Throttled),
            (rates.lost_before, Fate::LostBefore),
            (rates.lost_after, Fate::LostAfter),
            (rates.broken, Fate::Broken),
            (rates.repeated, Fate::Repeated),
        ]
        .into_iter()
        .find_map(|(rate, fate)| dice.one_in(rate).then_some(fate));
        if fate.is_some() {
            self.note_fault();
        }
        fate.unwrap_or(Fate::Done)
    }

    /// What `work` comes to; nothing, if the process dies over it.
    pub(super) async fn until_killed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut death = std::pin::pin!(self.death.notified());
        death.as_mut().enable();
        if self.is_dead() {
            return None;
        }
        tokio::select! {
            biased;
            () = death => None,
            end = work => (!self.is_dead()).then_some(end),
        }
    }
}
