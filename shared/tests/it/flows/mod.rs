//! What running functions share when they call a provider. Each clone of a store with a limiter, a
//! circuit or a cache of its own is "a function".
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: what is not as expected fails the test"
)]

mod circuit;
mod data_keys;
mod emergencies;
mod limiter;
mod limiter_costs;
mod provider;
mod published_keys;
mod response_cache;
