use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AlertKind, AlertRuleChanges, RuleState};
use crate::domain::{AlertId, Timestamp};

/// Where all rules of one integration stand: one item, read and written as one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertBook {
    /// Where each rule stands, if it is not where it begins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<AlertKind, RuleState>,
    /// What the integration wants otherwise than its organization.
    #[serde(default, skip_serializing_if = "AlertRuleChanges::is_empty")]
    pub changes: AlertRuleChanges,
    /// Counts what people have changed of that.
    #[serde(default)]
    pub changes_version: u64,
    /// The hour whose calls were last learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_hour: Option<Timestamp>,
    /// The alerts that no incident has taken yet: written with the alert, and taken off after it is taken.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub owed: BTreeSet<AlertId>,
}

impl AlertBook {
    /// Where a rule stands.
    #[must_use]
    pub fn state(&self, kind: AlertKind) -> RuleState {
        self.rules.get(&kind).copied().unwrap_or_default()
    }

    /// Has a rule stand elsewhere.
    pub fn set(&mut self, kind: AlertKind, state: RuleState) {
        if state == RuleState::default() {
            self.rules.remove(&kind);
        } else {
            self.rules.insert(kind, state);
        }
    }
}
