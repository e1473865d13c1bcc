//! `integrations`.
