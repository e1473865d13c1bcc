//! The function over embedded AWS services: against an authorization server that does what a test
//! wants, and against a real one.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers in these files are tests to people, not to the lint"
)]

mod authorization;
mod authorize;
mod callback;
mod clock;
mod document;
mod grant;
mod logout;
mod mix_up;
mod pages;
mod provider;
mod server;
mod start;
mod world;
