use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlertKind, AlertSeverity};
use crate::domain::object::only_objects;
use crate::domain::{FieldError, IntegrationId, SilenceId, Timestamp};

only_objects!(AlertMatcher);

/// The longest time in one piece.
const MAX_LENGTH: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A time in which alerts are not told, or rules not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Its id.
    pub id: SilenceId,
    /// What is done in that time.
    pub effect: SilenceEffect,
    /// Of which alerts.
    #[serde(default)]
    pub matcher: AlertMatcher,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends: the first time, if it comes again.
    pub until: Timestamp,
    /// Whether it comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Recurrence>,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Counted from 1; each update adds 1.
    pub version: u64,
}

/// What is done while a silence lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SilenceEffect {
    /// Alerts fire and are listed, and nobody is told of them until it ends; nor then, if they are over.
    Mute,
    /// Rules are not looked at: what is worked on is expected to fail.
    Maintenance,
}

/// How often a silence comes again, from its beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recurrence {
    /// Every 24 hours.
    Daily,
    /// Every seven days.
    Weekly,
}

impl Recurrence {
    fn period(self) -> Duration {
        let days = match self {
            Self::Daily => 1,
            Self::Weekly => 7,
        };
        Duration::from_secs(days * 24 * 60 * 60)
    }
}

/// Which alerts are meant. What is empty or absent leaves none out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct AlertMatcher {
    /// Those of these integrations.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<IntegrationId>, max_items = 100)]
    pub integrations: BTreeSet<IntegrationId>,
    /// Those of these kinds.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<AlertKind>)]
    pub kinds: BTreeSet<AlertKind>,
    /// Those at least as bad as this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<AlertSeverity>,
}

impl AlertMatcher {
    /// The most integrations that can be named.
    pub const MAX_INTEGRATIONS: usize = 100;

    /// Whether an alert is meant.
    #[must_use]
    pub fn matches(
        &self,
        integration: IntegrationId,
        kind: AlertKind,
        severity: AlertSeverity,
    ) -> bool {
        let is_named = self.integrations.is_empty() || self.integrations.contains(&integration);
        let is_of_kind = self.kinds.is_empty() || self.kinds.contains(&kind);
        is_named && is_of_kind && self.min_severity.is_none_or(|least| severity >= least)
    }

    /// What is wrong with it.
    #[must_use]
    pub fn wrong_fields(&self, pointer: &str) -> Vec<FieldError> {
        let most = Self::MAX_INTEGRATIONS;
        if self.integrations.len() <= most {
            return Vec::new();
        }
        let message = format!("expected at most {most}");
        vec![FieldError::new(format!("{pointer}/integrations"), message)]
    }
}

impl Silence {
    /// When the present time of it ends, if it lasts at `now`.
    #[must_use]
    pub fn ends_at(&self, now: Timestamp) -> Option<Timestamp> {
        if now < self.from {
            return None;
        }
        let length = self.until.since(self.from);
        let Some(repeats) = self.repeats else {
            return (now < self.until).then_some(self.until);
        };
        let period = repeats.period().as_millis().max(1);
        let into = now.since(self.from).as_millis() % period;
        let left = length
            .as_millis()
            .checked_sub(into)
            .filter(|left| *left > 0)?;
        Some(now.plus(Duration::from_millis(
            u64::try_from(left).unwrap_or(u64::MAX),
        )))
    }

    /// Whether it will never last again.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.repeats.is_none() && self.until <= now
    }

    /// What is wrong with its times.
    #[must_use]
    pub fn wrong_fields(&self) -> Vec<FieldError> {
        let mut errors = self.matcher.wrong_fields("/matcher");
        let length = self.until.since(self.from);
        if self.until <= self.from {
            errors.push(FieldError::new(
                "/until",
                "expected an instant after `from`",
            ));
        } else if length > MAX_LENGTH {
            errors.push(FieldError::new(
                "/until",
                "expected at most 366 days after `from`",
            ));
        } else if self
            .repeats
            .is_some_and(|repeats| length >= repeats.period())
        {
            let message = "expected less time after `from` than it takes to come again";
            errors.push(FieldError::new("/until", message));
        }
        errors
    }
}
