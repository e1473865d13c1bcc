//! What the functions of Gatehouse share.
//!
//! Every module may use those above it in ARCHITECTURE.md's table and none below;
//! `domain` uses nothing of ours.

pub mod access;
pub mod auth;
pub mod catalog;
pub mod config;
pub mod domain;
pub mod egress;
pub mod flows;
pub mod http;
pub mod jwt;
pub mod lambda;
pub mod oauth;
pub mod queue;
pub mod signature;
pub mod store;
pub mod vault;
