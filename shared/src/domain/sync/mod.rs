//! What synchronization decides: pure.

pub mod conflict;
