use std::time::Instant;

/// The only clock here.
#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
