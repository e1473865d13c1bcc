//! Makes signing secrets, and replaces them when it is their turn.
//!
//! Guarantees: a secret is made, and old ones are taken away, by one conditional write of the item that
//! has them, which moves its entry in the index, too; so whatever dies when, there is either what was or
//! what comes next. The newest secret is never taken away, and no old one ends by the schedule before a
//! person was shown the newest.
//!
//! Does not guarantee: that the receiver has the new secret when the overlap is over. Whoever is shown it
//! has to see to that.

mod maker;
mod rotator;

pub use maker::SecretMaker;
pub use rotator::{SecretRotationError, SecretRotator, SecretsVisited};
