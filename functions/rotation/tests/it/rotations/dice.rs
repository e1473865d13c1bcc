use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use gatehouse::domain::{Clock, Randomness, Timestamp};

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Dice(Arc<AtomicU64>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    pub(super) fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Never, if it is one in 0.
    pub(super) fn one_in(&self, many: u64) -> bool {
        many > 0 && self.below(many) == 0
    }

    pub(super) fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

impl Randomness for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next().to_le_bytes()[0];
        }
    }
}

/// A time that passes when the test says so.
#[derive(Clone, Debug)]
pub(super) struct VirtualClock(Arc<AtomicI64>);

impl VirtualClock {
    pub(super) fn start() -> Self {
        Self(Arc::new(AtomicI64::new(1_790_000_000_000)))
    }

    pub(super) fn pass(&self, time: Duration) {
        let time = i64::try_from(time.as_millis()).unwrap();
        self.0.fetch_add(time, Ordering::SeqCst);
    }

    /// Goes on to that instant, if it is not over.
    pub(super) fn go_to(&self, instant: Timestamp) {
        self.0.fetch_max(instant.as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}
