use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatehouse::domain::{Clock, Sources, Timestamp};
use gatehouse::lambda::system_sources;

/// The machine's clock, put forward.
#[derive(Clone)]
pub(crate) struct Ahead {
    seconds: Arc<AtomicU64>,
    system: Sources,
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_secs(self.seconds.load(Ordering::SeqCst));
        self.system.now().plus(ahead)
    }
}

impl Ahead {
    pub(crate) fn new() -> Self {
        Self {
            seconds: Arc::default(),
            system: system_sources(),
        }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn sources(&self) -> Sources {
        Sources {
            clock: Arc::new(self.clone()),
            randomness: Arc::clone(&self.system.randomness),
        }
    }
}
