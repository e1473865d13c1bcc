//! The system as a whole: its deployment, its stories, and the rules of its code.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod binaries;
mod faults;
mod functions;
mod local;
mod packaging;
#[path = "../../shared/tests/it/peers.rs"]
mod peers;
mod receiver;
mod stripe;
mod template;
mod tidy;
