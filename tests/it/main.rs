//! The system as a whole: its deployment, and the rules of its code.

mod local;
mod template;
mod tidy;
