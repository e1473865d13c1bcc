//! The modules that talk to AWS, run against services on this machine.

mod account;
mod queue;
mod store;
mod support;
mod vault;
