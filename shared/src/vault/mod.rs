//! What is secret: credentials in Secrets Manager, everything else sealed in the table.
//!
//! Each organization has a data key of its own, wrapped by KMS and kept in the table. Under it are
//! sealed the signing secrets of endpoints and destinations (they change in one write with their
//! item, and there are many), the bodies of events, and answers that may show a secret. Deleting
//! the wrapped key makes all of that unreadable.
//!
//! Nothing here returns a secret to a caller of the API, and no error holds one.

mod cache;
mod cached_credentials;
pub(crate) mod compression;
mod context;
mod credentials;
mod data_keys;
mod error;
mod key_ring;
mod seal;
mod synced;
#[cfg(test)]
mod tests;

pub use cached_credentials::CachedCredentials;
pub use context::SealContext;
pub use credentials::{CredentialSet, Credentials, VersionStanding};
pub use data_keys::DataKeys;
pub use error::VaultError;
