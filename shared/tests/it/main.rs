//! The modules that talk to AWS, run against services on this machine.

mod egress;
mod store;
mod support;
