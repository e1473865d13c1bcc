//! The tamper-evident trail of who did what, with which credential, and what nobody was let do.
//!
//! Each running function adds to chains of its own, one for each organization: its *lanes*. Each entry
//! holds the hash of the one before it. The organization's *spine* is a chain that says which lanes
//! there are and how far they had come; an *anchor* is the same for somebody to keep elsewhere.
//!
//! Guarantees: what [`Trail::record`] has acknowledged is durable. Whoever deletes, changes or moves
//! entries afterwards is found out, with the place, by [`verify`]; who takes away the newest, by an
//! anchor or the spine.
//!
//! Does not guarantee: that somebody who can write to the table, and computes all hashes anew, spine
//! included, is found out without an anchor that is kept where he cannot write. Nor that everything
//! in the trail has been done: an entry is written first.

mod anchor;
pub mod chain;
mod error;
mod export;
mod lane;
mod read;
pub mod spine;
mod trail;
pub mod verify;

#[cfg(test)]
mod tests;

pub use error::AuditError;
pub use export::{ExportPage, ExportPosition};
pub use read::{AuditQuery, Checked, EntryPage, Resumption, VerifyRange};
pub use trail::Trail;
