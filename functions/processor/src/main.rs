//! `processor`.
fn main() {}
