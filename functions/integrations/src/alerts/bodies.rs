use gatehouse::domain::alert::{
    AlertChannel, AlertKind, AlertMatcher, AlertRule, AlertRuleChange, AlertRuleChanges,
    AlertSetup, AlertSeverity, AlertState, ChannelState, ChannelTarget, Recurrence, Silence,
    SilenceEffect, effective_rule,
};
use gatehouse::domain::{
    ChannelId, Error, FieldError, IntegrationId, NoticeId, SilenceId, Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{check_text, refuse};

const MAX_NAME: usize = 100;
const MAX_REASON: usize = 1_000;

/// Which alerts are listed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AlertListQuery {
    pub(crate) state: Option<WantedState>,
    pub(crate) integration: Option<IntegrationId>,
    pub(crate) kind: Option<AlertKind>,
    pub(crate) min_severity: Option<AlertSeverity>,
    pub(crate) limit: Option<u16>,
    pub(crate) cursor: Option<String>,
}

/// How the alerts stand that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WantedState {
    /// They are not over.
    Open,
    Firing,
    Acknowledged,
    Resolved,
}

impl WantedState {
    /// The state, if it is one.
    pub(crate) fn state(self) -> Option<AlertState> {
        match self {
            Self::Open => None,
            Self::Firing => Some(AlertState::Firing),
            Self::Acknowledged => Some(AlertState::Acknowledged),
            Self::Resolved => Some(AlertState::Resolved),
        }
    }

    /// Whether only such can stand like this that are not over.
    pub(crate) fn is_open(self) -> bool {
        self != Self::Resolved
    }
}

/// What a person says of an alert.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AlertNote {
    /// Shown in the alert's timeline.
    #[schema(min_length = 1, max_length = 1000)]
    pub(crate) note: Option<String>,
}

impl AlertNote {
    pub(crate) fn checked(self) -> Result<Option<String>, Error> {
        let mut errors = Vec::new();
        if let Some(note) = &self.note {
            check_text("/note", note, MAX_REASON, &mut errors);
        }
        refuse(errors)?;
        Ok(self.note)
    }
}

/// What an organization wants otherwise than the defaults; what is absent is as the defaults are.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "groupSeconds": 60,
    "rules": {"error_rate": {"threshold": 0.2}, "conflicts_waiting": {"enabled": false}}
}))]
pub(crate) struct RulesChange {
    /// By the kind of rule.
    #[serde(default)]
    #[schema(value_type = BTreeMap<AlertKind, AlertRuleChange>)]
    pub(crate) rules: AlertRuleChanges,
    /// What happens within so many seconds is told as one; 0 tells each by itself, at once.
    #[schema(maximum = 900)]
    pub(crate) group_seconds: Option<u32>,
}

/// What an integration wants otherwise than its organization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct IntegrationRulesChange {
    /// By the kind of rule.
    #[serde(default)]
    #[schema(value_type = BTreeMap<AlertKind, AlertRuleChange>)]
    pub(crate) rules: AlertRuleChanges,
}

impl RulesChange {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut errors = wrong_rules(&AlertRuleChanges::new(), &self.rules);
        let most = AlertSetup::MAX_GROUP_SECONDS;
        if self.group_seconds.is_some_and(|seconds| seconds > most) {
            let message = format!("expected 0 to {most} seconds");
            errors.push(FieldError::new("/groupSeconds", message));
        }
        refuse(errors)
    }
}

/// What is wrong with changes to the defaults as an organization has them.
pub(crate) fn wrong_rules(
    organization: &AlertRuleChanges,
    changes: &AlertRuleChanges,
) -> Vec<FieldError> {
    let errors = changes.iter().flat_map(|(kind, change)| {
        let before = effective_rule(*kind, organization, &AlertRuleChanges::new());
        let pointer = format!("/rules/{kind}");
        before.with(change).wrong_fields(*kind, &pointer)
    });
    errors.collect()
}

/// All rules, as they hold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RulesView {
    pub(crate) items: Vec<RuleView>,
    /// What happens within so many seconds is told as one.
    pub(crate) group_seconds: u32,
}

/// A rule, as it holds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleView {
    pub(crate) kind: AlertKind,
    #[serde(flatten)]
    pub(crate) rule: AlertRule,
    /// What is wanted otherwise here; as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<AlertRuleChange>,
}

impl RulesView {
    /// The rules of an organization, or, with what it wants otherwise, of an integration.
    pub(crate) fn of(setup: &AlertSetup, integration: Option<&AlertRuleChanges>) -> Self {
        let none = AlertRuleChanges::new();
        let shown = integration.unwrap_or(&setup.rules);
        let items = AlertKind::ALL.map(|kind| RuleView {
            kind,
            rule: effective_rule(kind, &setup.rules, integration.unwrap_or(&none)),
            change: shown.get(&kind).cloned(),
        });
        Self {
            items: items.into(),
            group_seconds: setup.group_seconds,
        }
    }
}

/// A channel, as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "On call",
    "target": {"type": "slack", "integrationId": "int_01K72Z5QSW0123456789ABCDEF", "channel": "#ops"},
    "matcher": {"minSeverity": "warning"}
}))]
pub(crate) struct ChannelBody {
    #[schema(min_length = 1, max_length = 100)]
    pub(crate) name: String,
    pub(crate) target: ChannelTarget,
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub(crate) enabled: bool,
    /// Which alerts it is told of; all, if absent.
    #[serde(default)]
    pub(crate) matcher: AlertMatcher,
    /// Whether it is told that an alert is acknowledged or over.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub(crate) send_resolved: bool,
}

fn yes() -> bool {
    true
}

impl ChannelBody {
    /// What is wrong with it, but for what only the table knows.
    pub(crate) fn wrong_fields(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        check_text("/name", &self.name, MAX_NAME, &mut errors);
        errors.extend(self.target.wrong_fields("/target"));
        errors.extend(self.matcher.wrong_fields("/matcher"));
        errors
    }

    /// The channel, in its first version.
    pub(crate) fn made(self, id: ChannelId, now: Timestamp) -> AlertChannel {
        AlertChannel {
            id,
            name: self.name,
            target: self.target,
            enabled: self.enabled,
            matcher: self.matcher,
            send_resolved: self.send_resolved,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChannelView {
    #[serde(flatten)]
    pub(crate) channel: AlertChannel,
    /// How sending goes.
    pub(crate) state: ChannelState,
}

/// A test that was asked for: it is sent within a minute or so.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChannelTest {
    pub(crate) channel_id: ChannelId,
    pub(crate) notice_id: NoticeId,
}

/// A silence, as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "effect": "maintenance", "from": "2026-11-29T02:00:00Z", "until": "2026-11-29T04:00:00Z",
    "repeats": "weekly", "reason": "the provider's window"
}))]
pub(crate) struct SilenceBody {
    pub(crate) effect: SilenceEffect,
    /// Of which alerts; of all, if absent.
    #[serde(default)]
    pub(crate) matcher: AlertMatcher,
    /// When it begins; now, if absent.
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Timestamp,
    pub(crate) repeats: Option<Recurrence>,
    #[schema(min_length = 1, max_length = 1000)]
    pub(crate) reason: String,
}

impl SilenceBody {
    /// The silence, in its first version.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`].
    pub(crate) fn made(self, id: SilenceId, by: &str, now: Timestamp) -> Result<Silence, Error> {
        let silence = Silence {
            id,
            effect: self.effect,
            matcher: self.matcher,
            from: self.from.unwrap_or(now),
            until: self.until,
            repeats: self.repeats,
            reason: self.reason,
            created_by: by.to_owned(),
            created_at: now,
            version: 1,
        };
        let mut errors = silence.wrong_fields();
        check_text("/reason", &silence.reason, MAX_REASON, &mut errors);
        if silence.is_over(now) {
            errors.push(FieldError::new("/until", "is over already"));
        }
        refuse(errors)?;
        Ok(silence)
    }
}

/// A silence, and whether it lasts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SilenceView {
    #[serde(flatten)]
    silence: Silence,
    /// Whether it lasts now.
    active: bool,
}

impl SilenceView {
    pub(crate) fn new(silence: Silence, now: Timestamp) -> Self {
        Self {
            active: silence.ends_at(now).is_some(),
            silence,
        }
    }
}
