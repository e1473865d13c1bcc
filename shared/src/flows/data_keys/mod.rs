//! The data keys of organizations, replaced.
//!
//! A new key seals what is sealed from then on; older ones are kept for ever, as what they have sealed may
//! be in the queue, under way or in a backup. Three things happen by a schedule: a key that is old is
//! replaced; each key is wrapped anew by KMS when it was wrapped long ago, or under another KMS key than the
//! one that is configured; and after a replacement, what never expires is sealed under the new key, a page
//! at a time.
//!
//! Guarantees: whatever dies when, and whoever does the same at the same time, everything that is sealed
//! opens at every instant; and a pass that was begun is gone on with. Does not guarantee: that nothing needs
//! an old key after a pass. What was being written by others is left to them, and what expires is left
//! alone.

mod desk;
mod error;
mod reseal;
mod visit;

pub use desk::DataKeyDesk;
pub use error::DataKeyError;
pub use visit::{DATA_KEY_TIME, DataKeyReport, DataKeyRotation};
