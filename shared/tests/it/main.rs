//! What needs more than a module: the services on this machine, and files of vectors.

mod egress;
mod signature;
mod store;
mod support;
