use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlertKind, AlertSeverity};
use crate::domain::{AlertId, IntegrationId, OrganizationId, Timestamp};

/// The most moments that are remembered; the first and the newest are.
const MAX_MOMENTS: usize = 50;

/// A rule that fired for an integration. There is one open alert at most for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// Who owns it.
    pub organization_id: OrganizationId,
    /// The integration that it is about.
    pub integration_id: IntegrationId,
    /// What the integration was called when it fired.
    pub integration_name: String,
    /// What was watched.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// How it stands.
    pub state: AlertState,
    /// The number at which it fired.
    pub value: f64,
    /// The threshold that it was over (of days that are left: under).
    pub threshold: f64,
    /// When it fired.
    pub started_at: Timestamp,
    /// When somebody took notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// Who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// Who ended it; nobody, if it did by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    /// Until when nobody is told of it, because of a silence that lasted when it fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// What happened to it, in order.
    pub timeline: Vec<AlertMoment>,
}

/// How an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is bad, and nobody has taken notice.
    Firing,
    /// It is bad, and somebody has.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// Something that happened to an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertMoment {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: AlertEvent,
    /// Who did it; nobody, if it happened by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The number that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What a person has said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What happens to alerts, and what people are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertEvent {
    /// It fired.
    Firing,
    /// Somebody took notice.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl AlertEvent {
    /// The type of the event that destinations get.
    #[must_use]
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Firing => "alert.firing",
            Self::Acknowledged => "alert.acknowledged",
            Self::Resolved => "alert.resolved",
        }
    }
}

impl Alert {
    /// Whether it has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state != AlertState::Resolved
    }

    /// The alert once somebody has taken notice of it.
    ///
    /// # Errors
    ///
    /// How it stands, if that cannot be done: it is over, or somebody else was first.
    pub fn acknowledged(
        self,
        by: String,
        note: Option<String>,
        now: Timestamp,
    ) -> Result<Self, AlertState> {
        if self.state != AlertState::Firing {
            return Err(self.state);
        }
        let moment = AlertMoment {
            at: now,
            event: AlertEvent::Acknowledged,
            by: Some(by.clone()),
            value: None,
            note,
        };
        Ok(Self {
            state: AlertState::Acknowledged,
            acknowledged_at: Some(now),
            acknowledged_by: Some(by),
            ..self.with(moment)
        })
    }

    /// The alert once it is over: by itself, or because a person says so.
    ///
    /// # Errors
    ///
    /// If it is over already.
    pub fn resolved(
        self,
        by: Option<String>,
        (value, note): (Option<f64>, Option<String>),
        now: Timestamp,
    ) -> Result<Self, AlertState> {
        if self.state == AlertState::Resolved {
            return Err(self.state);
        }
        let moment = AlertMoment {
            at: now,
            event: AlertEvent::Resolved,
            by: by.clone(),
            value,
            note,
        };
        Ok(Self {
            state: AlertState::Resolved,
            resolved_at: Some(now),
            resolved_by: by,
            ..self.with(moment)
        })
    }

    /// What is wrong, in one sentence: names and numbers of ours only, and the integration's name.
    #[must_use]
    pub fn summary(&self) -> String {
        let (value, threshold) = (self.value, self.threshold);
        let name = &self.integration_name;
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        match self.kind {
            AlertKind::IntegrationFailure => format!("{name} does not work"),
            AlertKind::ErrorRate => format!(
                "{} of the calls of {name} fail (threshold {})",
                percent(value),
                percent(threshold)
            ),
            AlertKind::Slow => format!(
                "one in twenty calls of {name} takes longer than {value:.0} ms (threshold {threshold:.0} ms)"
            ),
            AlertKind::QuotaNearlyExhausted => format!(
                "{} of a quota of {name} is used up (threshold {})",
                percent(value),
                percent(threshold)
            ),
            AlertKind::CredentialExpiring => expiring("credential", name, value),
            AlertKind::CertificateExpiring => expiring("provider's certificate", name, value),
            AlertKind::RotationFailed => {
                format!("the last rotation of the credential of {name} failed")
            }
            AlertKind::WebhookFailures => {
                format!(
                    "webhooks of {name} are not delivered, or do not come any more ({value:.0} in 15 minutes)"
                )
            }
            AlertKind::DeadLetters => {
                format!("{value:.0} events of {name} were given up and wait for a person")
            }
            AlertKind::ConflictsWaiting => {
                format!("{value:.0} conflicts of records of {name} wait for a person")
            }
            AlertKind::UnusualVolume => format!(
                "{name} is called unusually often or seldom: {value:.1} deviations from what is usual at this hour"
            ),
        }
    }

    fn with(mut self, moment: AlertMoment) -> Self {
        if self.timeline.len() >= MAX_MOMENTS && self.timeline.len() > 1 {
            self.timeline.remove(1);
        }
        self.timeline.push(moment);
        self
    }
}

fn expiring(what: &str, name: &str, days: f64) -> String {
    if days <= 0.0 {
        return format!("the {what} of {name} has expired");
    }
    format!("the {what} of {name} expires in {days:.0} days")
}
