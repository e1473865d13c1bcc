//! How integrations are doing: rolls up what happened, and probes them.

mod checks;
mod probes;
mod roll_up;
mod silence;

pub use checks::{By, Checks};
pub use roll_up::{Measured, RolledUp, measured, roll_up};
