//! Replaces credentials.
//!
//! A rotation is an item of the table; its state is the step to make next. [`RotationDesk`] starts
//! rotations and takes in what people hand in; [`Rotator`] makes the steps. What is secret is in the
//! vault and nowhere else.
//!
//! Guarantees: the integration names a version that was tested, or the one that it had; one
//! conditional write changes that. No key is made worthless that the integration uses. A key is asked
//! for only after that is written, so one that may exist is known, whatever dies when. One function
//! works on a rotation at a time, under a lease.
//!
//! Does not guarantee: that what a person does at the provider meanwhile is noticed; nor that one who
//! puts credentials back by hand, in the instant in which they are made worthless, is stopped.

mod begin;
mod calls;
mod create;
mod desk;
mod emergencies;
mod error;
mod failure;
mod held;
mod key_pair;
mod pair;
mod recover;
mod revoke;
mod rotator;
mod switch;
mod visit;

use std::time::Duration;

pub use desk::{RotationDesk, StartRotation};
pub use emergencies::{EMERGENCY_TIME, Emergencies, EmergencyReport};
pub use error::RotationError;
pub use rotator::Rotator;
pub use visit::Visited;

/// How long one call of a provider may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
