use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TimelineEvent;

/// Where an incident stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStatus {
    /// Nobody has said that he looks after it.
    Open,
    /// Somebody looks after it.
    Acknowledged,
    /// It does no more harm, though its cause is still there.
    Mitigated,
    /// It is over. A new alert of the same kind opens it again, for a while.
    Resolved,
    /// It is over, and what was learned from it is written down. Nothing of it changes any more.
    Closed,
}

/// A step of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncidentChange {
    /// Somebody says that he looks after it.
    Acknowledge,
    /// It does no more harm.
    Mitigate,
    /// It is over.
    Resolve,
    /// What was learned is written down.
    Close,
    /// It was not over after all.
    Reopen,
}

impl IncidentStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::Acknowledged,
        Self::Mitigated,
        Self::Resolved,
        Self::Closed,
    ];

    /// Where it stands after a step; nowhere, if there is no such step from here. The one table of what
    /// is legal.
    #[must_use]
    pub fn after(self, change: IncidentChange) -> Option<Self> {
        use IncidentChange as Change;
        match (self, change) {
            (Self::Open, Change::Acknowledge) => Some(Self::Acknowledged),
            (Self::Open | Self::Acknowledged, Change::Mitigate) => Some(Self::Mitigated),
            (Self::Open | Self::Acknowledged | Self::Mitigated, Change::Resolve) => {
                Some(Self::Resolved)
            }
            (Self::Resolved, Change::Close) => Some(Self::Closed),
            (Self::Mitigated | Self::Resolved, Change::Reopen) => Some(Self::Open),
            _ => None,
        }
    }

    /// Whether somebody has to do something: it is listed before the others.
    #[must_use]
    pub fn is_live(self) -> bool {
        match self {
            Self::Open | Self::Acknowledged | Self::Mitigated => true,
            Self::Resolved | Self::Closed => false,
        }
    }

    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }
}

impl IncidentChange {
    /// Every step.
    pub const ALL: [Self; 5] = [
        Self::Acknowledge,
        Self::Mitigate,
        Self::Resolve,
        Self::Close,
        Self::Reopen,
    ];

    /// What an incident is after it, in words.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledged",
            Self::Mitigate => "mitigated",
            Self::Resolve => "resolved",
            Self::Close => "closed",
            Self::Reopen => "reopened",
        }
    }

    /// What the timeline says of it.
    #[must_use]
    pub fn event(self) -> TimelineEvent {
        match self {
            Self::Acknowledge => TimelineEvent::Acknowledged,
            Self::Mitigate => TimelineEvent::Mitigated,
            Self::Resolve => TimelineEvent::Resolved,
            Self::Close => TimelineEvent::Closed,
            Self::Reopen => TimelineEvent::Reopened,
        }
    }
}
