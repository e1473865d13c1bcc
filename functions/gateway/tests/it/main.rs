//! The gateway against the embedded services, and providers on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod access;
mod audit;
mod authorization;
mod batch;
mod cache;
mod calls;
mod canary;
mod directory;
mod document;
#[path = "../../../../shared/tests/it/edge_headers.rs"]
mod edge_headers;
mod errors;
mod faults;
mod httpbin;
mod limits;
mod log;
#[path = "../../../../shared/tests/it/peers.rs"]
mod peers;
mod provider;
mod proxy;
mod smuggling;
mod ssrf;
mod storage;
mod tls;
mod verify;
mod world;
