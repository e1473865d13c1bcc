use serde::{Deserialize, Serialize};

use super::{Alert, AlertEvent, AlertKind, AlertSeverity};
use crate::domain::{AlertId, ChannelId, IntegrationId, Timestamp};

/// What people are to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeBody {
    /// Something happened to an alert.
    Alert(Box<AlertNotice>),
    /// Nothing: somebody wants to see whether a channel works.
    Test {
        /// Which.
        channel: ChannelId,
        /// When it was asked for.
        at: Timestamp,
    },
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
