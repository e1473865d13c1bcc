//! The system as a whole: its deployment, and the rules of its code.

mod template;
mod tidy;
