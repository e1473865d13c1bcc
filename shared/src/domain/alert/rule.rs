use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlertKind, AlertSeverity};
use crate::domain::FieldError;
use crate::domain::object::only_objects;

only_objects!(AlertRuleChange);

/// The most observations that a rule waits for.
const MAX_AFTER: u16 = 1_440;
/// The most calls that a rule waits for.
const MAX_REQUESTS: u64 = 1_000_000_000;

/// On which side of its bound a number is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// From the threshold up; it is good again under the resolve threshold.
    BadAbove,
    /// From the threshold down; it is good again over the resolve threshold.
    BadBelow,
}

/// Where a number lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Bad,
    /// Between the bounds: nothing changes.
    Between,
    Good,
}

/// When an alert fires and resolves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertRule {
    /// Whether it is looked at.
    pub enabled: bool,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// The number from which it is bad: up, or, of days that are left, down.
    pub threshold: f64,
    /// The number under which (of days that are left: over which) it is good again.
    pub resolve_threshold: f64,
    /// After so many observations in a row over the threshold it fires.
    pub fire_after: u16,
    /// After so many observations in a row under the resolve threshold it resolves.
    pub resolve_after: u16,
    /// With fewer calls in the window nothing is said of them. Only for rules that look at calls.
    pub min_requests: u64,
}

/// What an organization, or an integration, wants otherwise. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct AlertRuleChange {
    /// Whether it is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<AlertSeverity>,
    /// The number from which it is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The number at which it is good again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_threshold: Option<f64>,
    /// After so many observations in a row it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub fire_after: Option<u16>,
    /// After so many observations in a row it resolves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub resolve_after: Option<u16>,
    /// With fewer calls in the window nothing is said of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1_000_000_000)]
    pub min_requests: Option<u64>,
}

/// Changes by the kind of rule.
pub type AlertRuleChanges = BTreeMap<AlertKind, AlertRuleChange>;

/// The rule of a kind that holds for an integration: the default, as its organization and then the
/// integration itself have it otherwise.
#[must_use]
pub fn effective_rule(
    kind: AlertKind,
    organization: &AlertRuleChanges,
    integration: &AlertRuleChanges,
) -> AlertRule {
    let changes = [organization.get(&kind), integration.get(&kind)];
    let mut rule = kind.defaults();
    for change in changes.into_iter().flatten() {
        rule = rule.with(change);
    }
    // Changes that are right each by itself may cross. Then there is no band.
    if rule.is_crossed(kind.bounds()) {
        rule.resolve_threshold = rule.threshold;
    }
    rule
}

impl AlertRule {
    /// The rule as it is with a change.
    #[must_use]
    pub fn with(self, change: &AlertRuleChange) -> Self {
        Self {
            enabled: change.enabled.unwrap_or(self.enabled),
            severity: change.severity.unwrap_or(self.severity),
            threshold: change.threshold.unwrap_or(self.threshold),
            resolve_threshold: change.resolve_threshold.unwrap_or(self.resolve_threshold),
            fire_after: change.fire_after.unwrap_or(self.fire_after),
            resolve_after: change.resolve_after.unwrap_or(self.resolve_after),
            min_requests: change.min_requests.unwrap_or(self.min_requests),
        }
    }

    /// What is wrong with it, as a rule of `kind` whose fields stand at `pointer`.
    #[must_use]
    pub fn wrong_fields(&self, kind: AlertKind, pointer: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let largest = kind.largest_threshold();
        for (name, value) in [
            ("threshold", self.threshold),
            ("resolveThreshold", self.resolve_threshold),
        ] {
            if !(value > 0.0 && value <= largest) {
                let message = format!("expected more than 0 and at most {largest}");
                errors.push(FieldError::new(format!("{pointer}/{name}"), message));
            }
        }
        if errors.is_empty() && self.is_crossed(kind.bounds()) {
            let message = match kind.bounds() {
                Bounds::BadAbove => "expected no more than `threshold`",
                Bounds::BadBelow => "expected no less than `threshold`",
            };
            errors.push(FieldError::new(
                format!("{pointer}/resolveThreshold"),
                message,
            ));
        }
        for (name, value) in [
            ("fireAfter", self.fire_after),
            ("resolveAfter", self.resolve_after),
        ] {
            if !(1..=MAX_AFTER).contains(&value) {
                let message = format!("expected 1 to {MAX_AFTER} observations");
                errors.push(FieldError::new(format!("{pointer}/{name}"), message));
            }
        }
        if self.min_requests > MAX_REQUESTS {
            let message = format!("expected 0 to {MAX_REQUESTS} calls");
            errors.push(FieldError::new(format!("{pointer}/minRequests"), message));
        }
        errors
    }

    /// Where a number lies.
    pub(super) fn place(&self, bounds: Bounds, value: f64) -> Place {
        let (is_bad, is_good) = match bounds {
            Bounds::BadAbove => (value >= self.threshold, value < self.resolve_threshold),
            Bounds::BadBelow => (value <= self.threshold, value > self.resolve_threshold),
        };
        match (is_bad, is_good) {
            (true, _) => Place::Bad,
            (false, true) => Place::Good,
            (false, false) => Place::Between,
        }
    }

    fn is_crossed(&self, bounds: Bounds) -> bool {
        match bounds {
            Bounds::BadAbove => self.resolve_threshold > self.threshold,
            Bounds::BadBelow => self.resolve_threshold < self.threshold,
        }
    }
}
