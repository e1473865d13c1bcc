//! Providers' requests, over the embedded services.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod accepted;
mod batches;
#[path = "../../../../shared/tests/it/edge_headers.rs"]
mod edge_headers;
mod events;
mod handshakes;
mod refused;
mod world;
