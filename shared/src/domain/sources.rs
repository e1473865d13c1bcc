use std::fmt;
use std::sync::Arc;

use ulid::Ulid;

use super::Timestamp;

/// Where the time comes from. Read once per invocation and passed down as `now`.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// Where randomness and ids come from.
pub trait Randomness: Send + Sync {
    /// Fills `bytes` from a cryptographically secure generator (in tests: from a seed).
    fn fill(&self, bytes: &mut [u8]);

    /// A new ULID whose time part is `now`.
    fn ulid(&self, now: Timestamp) -> Ulid {
        let mut random = [0; 16];
        self.fill(&mut random);
        let millisecond = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Ulid::from_parts(millisecond, u128::from_le_bytes(random) >> 48)
    }

    /// A number in `0.0..1.0`, evenly spread.
    fn fraction(&self) -> f64 {
        let mut random = [0; 4];
        self.fill(&mut random);
        f64::from(u32::from_le_bytes(random)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// The clock and the randomness of one running function.
#[derive(Clone)]
pub struct Sources {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub randomness: Arc<dyn Randomness>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

impl Sources {
    /// The current instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
