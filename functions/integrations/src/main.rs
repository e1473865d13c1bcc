//! `integrations`.
fn main() {}
