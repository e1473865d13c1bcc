use serde::{Deserialize, Serialize};

use super::{Alert, AlertEvent, AlertKind, AlertSeverity};
use crate::domain::{AlertId, ChannelId, IncidentId, IntegrationId, PlaybookRunId, Timestamp};

/// What people are to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeBody {
    /// Something happened to an alert.
    Alert(Box<AlertNotice>),
    /// A playbook has somebody told of what it does.
    Playbook(Box<PlaybookNotice>),
    /// Nothing: somebody wants to see whether a channel works.
    Test {
        /// Which.
        channel: ChannelId,
        /// When it was asked for.
        at: Timestamp,
    },
}

/// What a run of a playbook says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaybookNotice {
    /// The run.
    pub run_id: PlaybookRunId,
    /// What the playbook is called.
    pub playbook: String,
    /// What it acts on.
    pub integration_id: IntegrationId,
    /// What that is called.
    pub integration_name: String,
    /// The incident that it is run for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<IncidentId>,
    /// When.
    pub at: Timestamp,
    /// What the playbook wants said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl PlaybookNotice {
    /// The type of the event that destinations get.
    pub const EVENT_TYPE: &'static str = "playbook.notice";

    /// What it says, in one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let (playbook, name) = (&self.playbook, &self.integration_name);
        match &self.text {
            Some(text) => format!("{playbook}, {name}: {text}"),
            None => format!("{playbook} is run on {name}"),
        }
    }
}

/// Something that happened to an alert, as it was then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertNotice {
    /// What happened.
    pub event: AlertEvent,
    /// When.
    pub at: Timestamp,
    /// To which alert.
    pub alert_id: AlertId,
    /// The integration that it is about.
    pub integration_id: IntegrationId,
    /// What was watched.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// The number at which it fired.
    pub value: f64,
    /// The threshold.
    pub threshold: f64,
    /// When it fired.
    pub started_at: Timestamp,
    /// What is wrong, in one sentence.
    pub summary: String,
    /// Who did it; nobody, if it happened by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl AlertNotice {
    /// What is to be said of the last moment of an alert.
    #[must_use]
    pub fn of(alert: &Alert) -> Option<Self> {
        let last = alert.timeline.last()?;
        Some(Self {
            event: last.event,
            at: last.at,
            alert_id: alert.id,
            integration_id: alert.integration_id,
            kind: alert.kind,
            severity: alert.severity,
            value: alert.value,
            threshold: alert.threshold,
            started_at: alert.started_at,
            summary: alert.summary(),
            by: last.by.clone(),
        })
    }
}
