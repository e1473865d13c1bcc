//! When signing secrets are replaced, and what becomes of the old ones.
//!
//! Those of a destination are made here. A schedule may make a new one, which signs beside the old one
//! from then on; but the overlap at whose end the old one goes begins only when a person has been shown
//! the new one, since a receiver that does not know it can verify by the old one only. Those of an
//! endpoint come from its provider: of these, the schedule reminds.

mod changes;
mod policy;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ulid::Ulid;

use super::{
    Destination, DestinationId, Endpoint, EndpointId, IntegrationId, OrganizationId, SecretId,
    StoredSecret, Timestamp,
};

pub use changes::{SecretsError, add_untold, forget_over, replace_secret, reveal};
pub use policy::{SecretPlan, SecretRotationPolicy};

/// More at a time are not needed to replace one.
pub const MAX_SECRETS: usize = 10;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A person is reminded so often.
const REMINDS_EVERY: Duration = DAY;
/// A secret of an endpoint is kept so long after it was accepted last, to explain why a request that
/// is signed with it is refused.
const EXPLAINED_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whose signing secrets they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretOwner {
    /// A destination's: made here.
    Destination(DestinationId),
    /// An endpoint's: its provider's.
    Endpoint(EndpointId),
}

impl SecretOwner {
    /// What it is called in the audit trail.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Destination(_) => "destination",
            Self::Endpoint(_) => "endpoint",
        }
    }

    /// The id without its prefix.
    #[must_use]
    pub fn ulid(self) -> Ulid {
        match self {
            Self::Destination(id) => id.ulid(),
            Self::Endpoint(id) => id.ulid(),
        }
    }
}

impl fmt::Display for SecretOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destination(id) => id.fmt(f),
            Self::Endpoint(id) => id.fmt(f),
        }
    }
}

/// A text is the id of neither a destination nor an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a destination or of an endpoint")]
pub struct SecretOwnerError;

impl FromStr for SecretOwner {
    type Err = SecretOwnerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let destination = text.parse().map(Self::Destination);
        destination
            .or_else(|_| text.parse().map(Self::Endpoint))
            .map_err(|_| SecretOwnerError)
    }
}

/// What is to be done about signing secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretStep {
    /// Nothing yet.
    Wait,
    /// A new one is to be made.
    Make,
    /// A person has to do something: see [`SecretNeed`].
    Remind(SecretNeed),
}

/// What a person has to do about signing secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretNeed {
    /// Be shown the new secret, and give it to the receiver: the old one stays until then.
    Reveal,
    /// Get a new one from the provider, and add it.
    NewSecret,
    /// Wait: there are as many as there may be, until an overlap is over.
    TooMany,
}

impl SecretNeed {
    /// Its name in the audit trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reveal => "reveal",
            Self::NewSecret => "new_secret",
            Self::TooMany => "too_many",
        }
    }
}

/// The signing secrets of one destination or endpoint, to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct SecretsOf<'a> {
    plan: &'a SecretPlan,
    /// Newest first.
    secrets: &'a [StoredSecret],
    /// Whether they are made here.
    are_ours: bool,
}

impl SecretsOf<'_> {
    /// When they are replaced; never by themselves, if none.
    #[must_use]
    pub fn policy(&self) -> Option<SecretRotationPolicy> {
        self.plan.policy
    }

    /// When to look at them; never, if nothing is to come.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let ends = self.secrets.iter().skip(1);
        let ends = ends.filter_map(|secret| secret.expires_at);
        let ends = ends.map(|end| end.plus(self.kept_for()));
        ends.chain(self.turn()).min()
    }

    /// When it is the newest one's turn, by the policy; or when to remind of it again.
    fn turn(&self) -> Option<Timestamp> {
        let due = self.wanted_at()?;
        let again = self.plan.reminded_at.map(|at| at.plus(REMINDS_EVERY));
        Some(again.map_or(due, |again| due.max(again)))
    }

    /// When something is to be done about the newest one, by the policy; none without one.
    #[must_use]
    pub fn wanted_at(&self) -> Option<Timestamp> {
        let policy = self.plan.policy.filter(|policy| !policy.paused)?;
        let newest = self.secrets.first()?;
        if self.is_untold() {
            return Some(newest.created_at);
        }
        let in_use_from = self.plan.shown_at.unwrap_or(newest.created_at);
        Some(in_use_from.plus(policy.period()))
    }

    /// Whether the newest one was made here, and nobody has been shown it.
    fn is_untold(&self) -> bool {
        self.are_ours && self.secrets.first().is_some_and(|newest| newest.unseen)
    }

    /// What a person has to do at `now`, if anything.
    #[must_use]
    pub fn need(&self, now: Timestamp) -> Option<SecretNeed> {
        if self.is_untold() {
            return Some(SecretNeed::Reveal);
        }
        let is_wanted = self.wanted_at().is_some_and(|at| at <= now);
        (is_wanted && !self.are_ours).then_some(SecretNeed::NewSecret)
    }

    /// What is to be done at `now`.
    #[must_use]
    pub fn step(&self, now: Timestamp) -> SecretStep {
        if self.turn().is_none_or(|at| at > now) {
            return SecretStep::Wait;
        }
        let kept = self.secrets.len().saturating_sub(self.over(now).len());
        match self.need(now) {
            Some(need) => SecretStep::Remind(need),
            None if kept >= MAX_SECRETS => SecretStep::Remind(SecretNeed::TooMany),
            None => SecretStep::Make,
        }
    }

    /// Those whose overlap is over: they are not used any more. Never the newest one, and so never
    /// all.
    #[must_use]
    pub fn over(&self, now: Timestamp) -> Vec<SecretId> {
        let is_over = |end: Timestamp| end.plus(self.kept_for()) <= now;
        let old = self.secrets.iter().skip(1);
        let over = old.filter(|secret| secret.expires_at.is_some_and(is_over));
        over.map(|secret| secret.id).collect()
    }

    fn kept_for(&self) -> Duration {
        match self.are_ours {
            true => Duration::ZERO,
            false => EXPLAINED_FOR,
        }
    }
}

/// What has signing secrets that are looked after.
pub trait HasSecrets {
    /// Whose they are.
    fn owner(&self) -> (OrganizationId, IntegrationId, SecretOwner);
    /// The secrets, newest first, with what is planned of them.
    fn secrets_of(&self) -> SecretsOf<'_>;
    /// Both, to be changed.
    fn secrets_mut(&mut self) -> (&mut SecretPlan, &mut Vec<StoredSecret>);
}

impl HasSecrets for Destination {
    fn owner(&self) -> (OrganizationId, IntegrationId, SecretOwner) {
        let owner = SecretOwner::Destination(self.id);
        (self.organization_id, self.integration_id, owner)
    }

    fn secrets_of(&self) -> SecretsOf<'_> {
        SecretsOf {
            plan: &self.secret_plan,
            secrets: &self.secrets,
            are_ours: true,
        }
    }

    fn secrets_mut(&mut self) -> (&mut SecretPlan, &mut Vec<StoredSecret>) {
        (&mut self.secret_plan, &mut self.secrets)
    }
}

impl HasSecrets for Endpoint {
    fn owner(&self) -> (OrganizationId, IntegrationId, SecretOwner) {
        let owner = SecretOwner::Endpoint(self.id);
        (self.organization_id, self.integration_id, owner)
    }

    fn secrets_of(&self) -> SecretsOf<'_> {
        SecretsOf {
            plan: &self.secret_plan,
            secrets: &self.secrets,
            are_ours: false,
        }
    }

    fn secrets_mut(&mut self) -> (&mut SecretPlan, &mut Vec<StoredSecret>) {
        (&mut self.secret_plan, &mut self.secrets)
    }
}

#[cfg(test)]
mod tests;
