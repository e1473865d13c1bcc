use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatehouse::domain::{Clock, Randomness, Timestamp};
use tokio::time::Instant;

const START: i64 = 1_790_000_000_000;

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(Arc<AtomicU64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    pub(super) fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Others that follow from the same seed.
    pub(super) fn others(&self) -> Self {
        Self::new(self.next())
    }

    pub(crate) fn below(&self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn index(&self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    /// Never, if it is one in 0.
    pub(super) fn one_in(&self, many: u64) -> bool {
        many > 0 && self.below(many) == 0
    }

    pub(super) fn one_of<T: Copy>(&self, all: &[T]) -> T {
        all[self.index(all.len())]
    }

    pub(crate) fn millis(&self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

impl Randomness for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next().to_le_bytes()[0];
        }
    }
}

/// The runtime's own time, which passes when everybody waits; a process may be wrong about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualClock {
    began: Instant,
    skew_ms: i64,
}

impl VirtualClock {
    pub(super) fn start() -> Self {
        Self {
            began: Instant::now(),
            skew_ms: 0,
        }
    }

    /// The clock of a process that is wrong by so much.
    pub(super) fn skewed(self, skew_ms: i64) -> Self {
        Self { skew_ms, ..self }
    }

    /// Waits until then.
    pub(super) async fn wait_until(self, instant: Timestamp) {
        tokio::time::sleep(instant.since(self.now())).await;
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        Timestamp::from_millisecond(START + passed + self.skew_ms).unwrap()
    }
}
