//! The API under `/portal`, over the embedded services.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod access;
mod addresses;
mod alerts;
mod api_keys;
mod audit;
mod authorization;
mod bulk;
mod catalogue;
mod credentials;
mod destinations;
mod directory;
mod document;
#[path = "../../../../shared/tests/it/edge_headers.rs"]
mod edge_headers;
mod elevations;
mod endpoints;
mod expressions;
mod health;
mod idempotency;
mod incidents;
mod integrations;
mod limits;
mod playbooks;
mod portal;
mod profile;
mod providers;
mod reach;
mod replays;
mod review;
mod revocations;
mod rotation;
mod secret_rotations;
mod sync;
mod tenancy;
mod validation;
mod webhook_checks;
