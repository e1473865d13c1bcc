//! What needs more than a module: the services on this machine, and files of vectors.

mod account;
mod audit;
mod auth;
mod directory;
mod egress;
mod flows;
mod grants;
mod incidents;
mod jwt;
mod life;
mod oauth;
mod peers;
mod queue;
mod revocations;
mod signature;
mod store;
mod support;
mod vault;
