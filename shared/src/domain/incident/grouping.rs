use std::time::Duration;

use super::{
    Changed, Incident, IncidentAlert, IncidentStatus, IncidentType, NewTimelineEntry, Severity,
    TimelineEvent,
};
use crate::domain::alert::{Alert, AlertKind, AlertSeverity};
use crate::domain::{Actor, AlertId, IncidentId, IntegrationId, OrganizationId, Timestamp};

/// The most alerts of one incident. The one after opens another incident.
pub const MAX_ALERTS: usize = 200;
/// For so long after it was resolved, an incident is opened again by an alert of its kind; a later one
/// opens another incident.
pub const REOPEN_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What an incident has to know of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaisedAlert {
    /// The alert.
    pub id: AlertId,
    /// What it is an alert of.
    pub kind: AlertKind,
    /// What kind of incident it makes.
    pub incident_type: IncidentType,
    /// The integration that it is about, if it is about one.
    pub integration: Option<IntegrationId>,
    /// How bad it is.
    pub severity: Severity,
    /// What it says, in a line; the title of the incident that it opens.
    pub title: String,
}

impl From<&Alert> for RaisedAlert {
    fn from(alert: &Alert) -> Self {
        let severity = match (alert.severity, alert.kind) {
            (AlertSeverity::Info, _) => Severity::Low,
            (AlertSeverity::Warning, _) => Severity::Medium,
            (AlertSeverity::Critical, AlertKind::IntegrationFailure) => Severity::Critical,
            (AlertSeverity::Critical, _) => Severity::High,
        };
        Self {
            id: alert.id,
            kind: alert.kind,
            incident_type: IncidentType::of(alert.kind),
            integration: Some(alert.integration_id),
            severity,
            title: alert.summary(),
        }
    }
}

impl IncidentType {
    /// What kind of incident an alert makes.
    #[must_use]
    pub fn of(kind: AlertKind) -> Self {
        match kind {
            AlertKind::IntegrationFailure | AlertKind::ErrorRate | AlertKind::Slow => {
                Self::Availability
            }
            AlertKind::QuotaNearlyExhausted => Self::Quota,
            AlertKind::CredentialExpiring
            | AlertKind::CertificateExpiring
            | AlertKind::RotationFailed => Self::Credential,
            AlertKind::WebhookFailures | AlertKind::DeadLetters => Self::Webhook,
            AlertKind::ConflictsWaiting => Self::Data,
            AlertKind::UnusualVolume => Self::Security,
        }
    }
}

/// What an incident makes of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The alert belongs to it already.
    Known,
    /// It belongs to it now.
    Joined(Box<Changed>),
    /// It belongs to it now, and is why the incident is open again.
    Reopened(Box<Changed>),
    /// The incident takes no more alerts: another one has to be opened.
    Declined,
}

impl Incident {
    /// The incident that an alert opens, and the first entry of its timeline.
    #[must_use]
    pub fn opened_by(
        alert: &RaisedAlert,
        id: IncidentId,
        organization: OrganizationId,
        (by, now): (Actor, Timestamp),
    ) -> Changed {
        let said = NewTimelineEntry::new(by.clone(), now).about(alert.id);
        let incident = Self {
            alerts: vec![IncidentAlert {
                id: alert.id,
                kind: alert.kind,
                at: now,
            }],
            integration_id: alert.integration,
            ..Self::blank(id, organization, (by, now))
        };
        let incident = Self {
            title: alert.title.chars().take(super::MAX_TITLE).collect(),
            incident_type: alert.incident_type,
            severity: alert.severity,
            ..incident
        };
        incident.with(TimelineEvent::Opened, said)
    }

    /// An incident of nothing yet.
    #[must_use]
    pub fn blank(
        id: IncidentId,
        organization_id: OrganizationId,
        (opened_by, now): (Actor, Timestamp),
    ) -> Self {
        Self {
            id,
            organization_id,
            title: String::new(),
            incident_type: IncidentType::Other,
            severity: Severity::Medium,
            status: IncidentStatus::Open,
            integration_id: None,
            alerts: Vec::new(),
            opened_by,
            opened_at: now,
            updated_at: now,
            acknowledged: None,
            mitigated: None,
            resolved: None,
            closed: None,
            reopenings: 0,
            notes: None,
            entries: 0,
        }
    }

    /// The first entry of an incident that a person opens.
    #[must_use]
    pub fn begun(self, said: NewTimelineEntry) -> Changed {
        self.with(TimelineEvent::Opened, said)
    }

    /// What becomes of an alert of its integration and type at `now`. An incident that is looked after, or
    /// was resolved not long ago, takes it, and becomes as severe as the alert if that is worse.
    #[must_use]
    pub fn take(&self, alert: &RaisedAlert, by: Actor, now: Timestamp) -> Taken {
        if self.alerts.iter().any(|known| known.id == alert.id) {
            return Taken::Known;
        }
        let (status, event) = match self.status {
            IncidentStatus::Closed => return Taken::Declined,
            IncidentStatus::Resolved if self.was_over_long_ago(now) => return Taken::Declined,
            IncidentStatus::Resolved => (IncidentStatus::Open, TimelineEvent::Reopened),
            live @ (IncidentStatus::Open
            | IncidentStatus::Acknowledged
            | IncidentStatus::Mitigated) => (live, TimelineEvent::AlertJoined),
        };
        if self.alerts.len() >= MAX_ALERTS || self.is_full() {
            return Taken::Declined;
        }
        let mut changed = Self {
            status,
            severity: self.severity.max(alert.severity),
            ..self.clone()
        };
        changed.alerts.push(IncidentAlert {
            id: alert.id,
            kind: alert.kind,
            at: now,
        });
        let said = NewTimelineEntry::new(by, now)
            .about(alert.id)
            .saying(Some(alert.title.chars().take(super::MAX_TITLE).collect()));
        if event == TimelineEvent::Reopened {
            changed.reopenings = changed.reopenings.saturating_add(1);
            Taken::Reopened(Box::new(changed.with(event, said)))
        } else {
            Taken::Joined(Box::new(changed.with(event, said)))
        }
    }

    /// Whether it was resolved too long ago for an alert to open it again. One whose instant is not known
    /// was.
    fn was_over_long_ago(&self, now: Timestamp) -> bool {
        let resolved = self.resolved.as_ref();
        resolved.is_none_or(|mark| now.since(mark.at) >= REOPEN_WITHIN)
    }
}
