//! The modules that talk to AWS, run against services on this machine.

mod store;
mod support;
