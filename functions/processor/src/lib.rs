//! `processor`.
