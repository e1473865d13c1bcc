//! The API under `/portal`, over the embedded services.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod access;
mod addresses;
mod bulk;
mod catalogue;
mod credentials;
mod destinations;
mod endpoints;
mod expressions;
mod idempotency;
mod integrations;
mod portal;
mod profile;
mod providers;
mod reach;
mod revocations;
mod validation;
mod webhook_checks;
