use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Where the services get the time from: delays, visibility and expiry follow it.
#[derive(Clone)]
pub struct TimeSource(Arc<dyn Fn() -> i64 + Send + Sync>);

impl fmt::Debug for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimeSource").finish()
    }
}

impl TimeSource {
    /// The clock of the machine.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    pub fn system() -> Self {
        Self(Arc::new(|| jiff::Timestamp::now().as_millisecond()))
    }

    /// A clock that shows what is in `millisecond` (since the Unix epoch), so that tests move it.
    #[must_use]
    pub fn manual(millisecond: Arc<AtomicI64>) -> Self {
        Self(Arc::new(move || millisecond.load(Ordering::SeqCst)))
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn now(&self) -> i64 {
        (self.0)()
    }
}
