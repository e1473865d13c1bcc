//! `webhooks`.
