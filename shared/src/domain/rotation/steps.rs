//! How a rotation goes on. Each method is one change of what is stored; a crash leaves the one
//! before it.

use std::time::Duration;

use super::{
    Candidate, Creation, Leftover, LeftoverKind, Rotation, RotationFailure, RotationState,
    RotationStrategy, StepTaken, Trouble,
};
use crate::domain::Timestamp;

/// How many steps are remembered.
const MAX_STEPS: usize = 40;
/// So often a step is tried.
const TRIES: u16 = 8;
/// So often it is tried to make keys worthless.
const REVOKE_TRIES: u16 = 24;
/// So often a new key is asked for, in one rotation.
const MAX_CREATIONS: u16 = 3;
/// For so long the provider is asked whether it accepts a key pair that a person publishes.
const PUBLISHING: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A change that does not fit the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rotation is in step `{}`, which this does not end", .0.as_str())]
pub struct OutOfStep(pub RotationState);

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The step is tried again, when [`Rotation::next_at`] says.
    Again,
    /// It is not.
    GiveUp,
}

impl Rotation {
    /// The provider is about to be asked for a key with that label, which is to be kept as
    /// `version`.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`], if none is to be made, or one was asked for already.
    pub fn begin_creation(
        &mut self,
        version: String,
        label: String,
        now: Timestamp,
    ) -> Result<(), OutOfStep> {
        self.demand(RotationState::Create)?;
        if self.creation.is_some() {
            return Err(OutOfStep(self.state));
        }
        self.candidate = Some(Candidate {
            version,
            key_id: None,
            fields: Vec::new(),
            expires_at: None,
            fields_expire_at: Default::default(),
        });
        self.creation = Some(Creation {
            label,
            asked_at: now,
        });
        self.creations = self.creations.saturating_add(1);
        self.updated_at = now;
        Ok(())
    }

    /// No key was made, that is known.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`], if none was asked for.
    pub fn end_creation(&mut self, now: Timestamp) -> Result<(), OutOfStep> {
        self.demand(RotationState::Create)?;
        self.creation = None;
        self.candidate = None;
        self.updated_at = now;
        Ok(())
    }

    /// A key may have been made, and nothing is known of it but its label. Whether another one may
    /// be asked for.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`], if none was asked for.
    pub fn lose_creation(&mut self, now: Timestamp) -> Result<(), OutOfStep> {
        self.demand(RotationState::Create)?;
        let Some(creation) = self.creation.take() else {
            return Err(OutOfStep(self.state));
        };
        self.candidate = None;
        self.leftovers.push(Leftover {
            kind: LeftoverKind::PossibleKey,
            key_id: None,
            label: Some(creation.label),
            since: creation.asked_at,
            cleaned_up_at: None,
        });
        self.end(
            RotationState::OrphanPossible,
            RotationFailure::CreationUnknown,
            now,
        );
        Ok(())
    }

    /// Whether another key may be asked for.
    #[must_use]
    pub fn may_create(&self) -> bool {
        self.creations < MAX_CREATIONS
    }

    /// The candidate is in the vault: made here, by the provider, or handed in.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`], if none is wanted.
    pub fn staged(
        &mut self,
        candidate: Candidate,
        has_set: bool,
        now: Timestamp,
    ) -> Result<(), OutOfStep> {
        if !matches!(self.state, RotationState::Create | RotationState::Due) {
            return Err(OutOfStep(self.state));
        }
        self.candidate = Some(candidate);
        self.creation = None;
        let next = if has_set {
            RotationState::Set
        } else {
            RotationState::Test
        };
        self.go(next, now);
        Ok(())
    }

    /// The provider knows the candidate.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`].
    pub fn set(&mut self, now: Timestamp) -> Result<(), OutOfStep> {
        self.demand(RotationState::Set)?;
        self.go(RotationState::Test, now);
        Ok(())
    }

    /// The candidate is good; `verified`, if the call that was made says so.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`].
    pub fn tested(&mut self, verified: bool, now: Timestamp) -> Result<(), OutOfStep> {
        self.demand(RotationState::Test)?;
        self.verified = Some(verified);
        self.go(RotationState::Finish, now);
        Ok(())
    }

    /// The integration names the candidate's version.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`].
    pub fn switched(&mut self, now: Timestamp) -> Result<(), OutOfStep> {
        self.demand(RotationState::Finish)?;
        self.go(RotationState::Grace, now);
        self.grace_until = Some(if self.emergency {
            now
        } else {
            now.plus(Duration::from_secs(self.grace_seconds.into()))
        });
        Ok(())
    }

    /// The integration names the candidate that was to be made worthless: it stays, and it is the
    /// old credentials that are.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`].
    pub fn found_in_use(&mut self, now: Timestamp) -> Result<(), OutOfStep> {
        self.demand(RotationState::Discard)?;
        self.go(RotationState::Finish, now);
        self.trouble = None;
        self.switched(now)
    }

    /// The old credentials have no grace left.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`], also if it is too early.
    pub fn graced(&mut self, now: Timestamp) -> Result<(), OutOfStep> {
        self.demand(RotationState::Grace)?;
        if self.grace_until.is_some_and(|until| now < until) {
            return Err(OutOfStep(self.state));
        }
        self.go(RotationState::Revoke, now);
        Ok(())
    }

    /// The old credentials are worthless; or, if not `by_us`, a person has to make them so.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`].
    pub fn revoked(&mut self, by_us: bool, now: Timestamp) -> Result<(), OutOfStep> {
        self.demand(RotationState::Revoke)?;
        if !by_us {
            self.leave(LeftoverKind::OldCredentials, self.from_key_id.clone(), now);
        }
        self.go(RotationState::Done, now);
        self.ended_at = Some(now);
        self.trouble = self.trouble.filter(|_| !by_us);
        Ok(())
    }

    /// The candidate is not taken into use: it is to be made worthless, if the provider has made
    /// it or knows of it, and otherwise that is all.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`], if it is in use already, or there is none.
    pub fn give_up(
        &mut self,
        reason: RotationFailure,
        status: Option<u16>,
        now: Timestamp,
    ) -> Result<(), OutOfStep> {
        use RotationState as S;
        if !matches!(
            self.state,
            S::Due | S::Create | S::Set | S::Test | S::Finish
        ) {
            return Err(OutOfStep(self.state));
        }
        let is_ours = self.strategy != RotationStrategy::OperatorSupplied;
        let step = self.state;
        if is_ours && step != S::Create && step != S::Due {
            self.go(S::Discard, now);
        } else {
            self.end(S::Failed, reason, now);
        }
        self.trouble = Some(Trouble {
            reason,
            step,
            at: now,
            status,
        });
        Ok(())
    }

    /// The candidate is worthless; or, if not `by_us`, a person has to make it so.
    ///
    /// # Errors
    ///
    /// [`OutOfStep`].
    pub fn discarded(&mut self, by_us: bool, now: Timestamp) -> Result<(), OutOfStep> {
        self.demand(RotationState::Discard)?;
        if by_us {
            self.go(RotationState::Failed, now);
        } else {
            let key = self.candidate.as_ref().and_then(|one| one.key_id.clone());
            match key {
                // It may be published, under an id that is not known.
                None if self.strategy == RotationStrategy::Asymmetric => {
                    self.leave(LeftoverKind::PossibleKey, None, now);
                    let label = self.id.to_string();
                    if let Some(leftover) = self.leftovers.last_mut() {
                        leftover.label = Some(label);
                    }
                }
                key => self.leave(LeftoverKind::UnusedKey, key, now),
            }
            self.go(RotationState::OrphanPossible, now);
        }
        self.ended_at = Some(now);
        Ok(())
    }

    /// The present step has failed; whether it is tried again.
    pub fn step_failed(
        &mut self,
        reason: RotationFailure,
        status: Option<u16>,
        now: Timestamp,
    ) -> Pace {
        self.failures = self.failures.saturating_add(1);
        self.updated_at = now;
        self.trouble = Some(Trouble {
            reason,
            step: self.state,
            at: now,
            status,
        });
        let is_over = match self.state {
            RotationState::Revoke | RotationState::Discard => self.failures >= REVOKE_TRIES,
            RotationState::Test if self.waits_for_publication() => {
                now.since(self.started_at) >= PUBLISHING
            }
            _ => self.failures >= TRIES,
        };
        if is_over { Pace::GiveUp } else { Pace::Again }
    }

    /// It ends without what it was to do: the old credentials stay as they are.
    pub fn end(&mut self, state: RotationState, reason: RotationFailure, now: Timestamp) {
        self.trouble = Some(Trouble {
            reason,
            step: self.state,
            at: now,
            status: None,
        });
        self.go(state, now);
        self.creation = None;
        self.ended_at = Some(now);
    }

    /// Whether what is left to be done is not about the credentials in use. `is_in_use` says that
    /// those are the candidate.
    #[must_use]
    pub fn is_past_switch(&self, is_in_use: bool) -> bool {
        use RotationState as S;
        is_in_use || matches!(self.state, S::Grace | S::Revoke | S::Discard) || self.state.is_end()
    }

    /// The old credentials are to be worthless as soon as the new ones are in use.
    pub fn make_emergency(&mut self, now: Timestamp) {
        self.emergency = true;
        self.failures = 0;
        self.grace_until = self.grace_until.map(|until| until.min(now));
        self.updated_at = now;
    }

    /// A person has cleaned up what it has left.
    pub fn cleaned_up(&mut self, now: Timestamp) {
        for leftover in &mut self.leftovers {
            leftover.cleaned_up_at.get_or_insert(now);
        }
        self.updated_at = now;
    }

    fn demand(&self, state: RotationState) -> Result<(), OutOfStep> {
        if self.state == state {
            Ok(())
        } else {
            Err(OutOfStep(self.state))
        }
    }

    fn go(&mut self, to: RotationState, now: Timestamp) {
        if self.steps.len() < MAX_STEPS {
            self.steps.push(StepTaken {
                step: self.state,
                at: now,
            });
        }
        self.state = to;
        self.failures = 0;
        self.updated_at = now;
    }

    fn leave(&mut self, kind: LeftoverKind, key_id: Option<String>, now: Timestamp) {
        self.leftovers.push(Leftover {
            kind,
            key_id,
            label: None,
            since: now,
            cleaned_up_at: None,
        });
    }
}
