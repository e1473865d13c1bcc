//! `webhooks`.
fn main() {}
