//! Replacing credentials: what a rotation is, how it goes on, and when one is due. Pure.
//!
//! No secret is in any of these types: what is secret is in the vault, under the versions that they
//! name.

mod emergency;
mod failure;
mod fill;
mod member;
mod pace;
mod plan;
mod policy;
mod steps;
mod types;
mod weekday;

pub use emergency::{EmergencyProgress, EmergencyRotation, EmergencyScope, EmergencyState};
pub use failure::{RotationFailure, Trouble};
pub use fill::{UnknownName, fill, fill_path, fill_value};
pub use member::{EmergencyMember, MemberOutcome};
pub use plan::RotationPlan;
pub use policy::{RotationPolicy, RotationWindow};
pub use steps::{OutOfStep, Pace};
pub use types::{
    Candidate, Creation, Leftover, LeftoverKind, Rotation, RotationLease, RotationState,
    RotationStrategy, RotationTrigger, StepTaken,
};
pub use weekday::Weekday;

#[cfg(test)]
mod tests;
