//! The vault's suite: what is said of KMS and Secrets Manager here holds on every emulator and on
//! AWS.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests: what is not as expected fails the test, and secrets are made up"
)]

mod credentials;
mod data_keys;
mod errors;
mod synced;
