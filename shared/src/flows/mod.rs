//! Use cases that functions share.

pub mod connect;
mod idempotency;
mod issuer_documents;

pub use idempotency::{Idempotency, Unfinished, idempotent};
pub use issuer_documents::IssuerDocuments;
