//! The replacing of credentials, and when they end.

mod ends;
