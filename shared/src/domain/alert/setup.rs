use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AlertChannel, AlertKind, AlertRuleChanges, AlertSeverity, Silence, SilenceEffect};
use crate::domain::{IntegrationId, Timestamp};

/// How an organization wants its alerts: one item. The default is what holds before anybody has said
/// anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertSetup {
    /// Rules that are otherwise than the defaults.
    #[serde(default, skip_serializing_if = "AlertRuleChanges::is_empty")]
    pub rules: AlertRuleChanges,
    /// Counts what people have changed of rules and grouping.
    #[serde(default)]
    pub rules_version: u64,
    /// What happens within so many seconds is told as one.
    pub group_seconds: u32,
    /// Times in which nobody is told, or nothing is looked at.
    #[serde(default)]
    pub silences: Vec<Silence>,
    /// Where people are told.
    #[serde(default)]
    pub channels: Vec<AlertChannel>,
}

impl Default for AlertSetup {
    fn default() -> Self {
        Self {
            rules: AlertRuleChanges::new(),
            rules_version: 0,
            group_seconds: Self::DEFAULT_GROUP_SECONDS,
            silences: Vec::new(),
            channels: Vec::new(),
        }
    }
}

impl AlertSetup {
    /// The most channels of an organization.
    pub const MAX_CHANNELS: usize = 20;
    /// The most silences of an organization that are not over.
    pub const MAX_SILENCES: usize = 50;
    /// The longest time in which notices are gathered, in seconds.
    pub const MAX_GROUP_SECONDS: u32 = 900;
    /// That time where nobody has said otherwise, in seconds.
    pub const DEFAULT_GROUP_SECONDS: u32 = 30;

    /// When what happens at `now` is told: at the end of the present window, so that all that happens in
    /// one window is told at once.
    #[must_use]
    pub fn told_at(&self, now: Timestamp) -> Timestamp {
        let window = i64::from(self.group_seconds) * 1_000;
        if window == 0 {
            return now;
        }
        let into = now.as_millisecond().rem_euclid(window);
        let left = u64::try_from(window - into).unwrap_or_default();
        now.plus(Duration::from_millis(left))
    }

    /// When the silence ends that lasts at `now` for such an alert; the last one, if there are several.
    #[must_use]
    pub fn silenced_until(
        &self,
        effect: SilenceEffect,
        (integration, kind, severity): (IntegrationId, AlertKind, AlertSeverity),
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut meant = self.silences.iter().filter(|silence| {
            silence.effect == effect && silence.matcher.matches(integration, kind, severity)
        });
        let ends = meant.by_ref().filter_map(|silence| silence.ends_at(now));
        ends.max()
    }
}
