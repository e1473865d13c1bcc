use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::domain::{Clock, Randomness, Sources, Timestamp};

/// The clock of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        jiff::Timestamp::now().into()
    }
}

/// The generator of the cryptographic library.
#[derive(Debug, Default)]
pub struct SystemRandomness(SystemRandom);

impl Randomness for SystemRandomness {
    #[expect(
        clippy::expect_used,
        reason = "the system's generator fails only where nothing secure can go on"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .fill(bytes)
            .expect("the system's random generator works");
    }
}

/// The machine's clock and generator.
#[must_use]
pub fn system_sources() -> Sources {
    Sources {
        clock: Arc::new(SystemClock),
        randomness: Arc::new(SystemRandomness::default()),
    }
}
