//! Incidents: what went wrong, who looks after it, and what was done about it. Pure.

mod grouping;
mod status;
mod timeline;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alert::AlertKind;
use super::{Actor, AlertId, IncidentId, IntegrationId, OrganizationId, Timestamp};

pub use grouping::{MAX_ALERTS, REOPEN_WITHIN, RaisedAlert, Taken};
pub use status::{IncidentChange, IncidentStatus};
pub use timeline::{MAX_ENTRIES, NewTimelineEntry, TimelineEntry, TimelineEvent};

/// The most characters of a title.
pub const MAX_TITLE: usize = 200;
/// The most characters of what is said in the timeline.
pub const MAX_TEXT: usize = 2_000;
/// The most characters of the notes that are written afterwards.
pub const MAX_NOTES: usize = 20_000;

/// Something that went wrong and that somebody has to look after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// What people call it.
    pub title: String,
    /// What kind of thing went wrong.
    #[serde(rename = "type")]
    pub incident_type: IncidentType,
    /// How bad it is: as bad as the worst of its alerts, unless a person has said otherwise since.
    pub severity: Severity,
    /// Where it stands.
    pub status: IncidentStatus,
    /// The integration that it is about; absent, if it is about none or about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// The alerts that belong to it, the first one first. At most [`MAX_ALERTS`].
    #[serde(default)]
    pub alerts: Vec<IncidentAlert>,
    /// Who opened it: a person, or the function that raised its first alert.
    pub opened_by: Actor,
    /// When.
    pub opened_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who said last that he looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Mark>,
    /// Who said last that it does no more harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mitigated: Option<Mark>,
    /// Who said last that it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Mark>,
    /// Who closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Mark>,
    /// How often it was opened again.
    #[serde(default)]
    pub reopenings: u16,
    /// What was learned from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<PostIncidentNotes>,
    /// How many entries its timeline has.
    #[serde(default)]
    pub entries: u16,
}

/// An alert that belongs to an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentAlert {
    /// The alert.
    pub id: AlertId,
    /// What it is an alert of.
    pub kind: AlertKind,
    /// When it joined.
    pub at: Timestamp,
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mark {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// What is written down after an incident: what happened, why, and what is done so that it does not again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostIncidentNotes {
    /// The text, of at most [`MAX_NOTES`] characters.
    pub text: String,
    /// Who wrote it last.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// How bad something is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be looked at some day.
    Low,
    /// To be looked at today.
    Medium,
    /// To be looked at now.
    High,
    /// Everybody looks at it now.
    Critical,
}

impl Severity {
    /// Every severity, the lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];
}

/// What kind of thing went wrong.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum IncidentType {
    /// A provider does not answer, or not in time.
    Availability,
    /// A credential or a certificate has ended, is about to, leaked, or was not replaced.
    Credential,
    /// Webhooks do not come, are refused, or are not delivered.
    Webhook,
    /// Records differ, or are not brought over.
    Data,
    /// Somebody did, or tried, what he should not.
    Security,
    /// A limit is reached, or nearly.
    Quota,
    /// Anything else.
    Other,
}

impl IncidentType {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::Availability,
        Self::Credential,
        Self::Webhook,
        Self::Data,
        Self::Security,
        Self::Quota,
        Self::Other,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Credential => "credential",
            Self::Webhook => "webhook",
            Self::Data => "data",
            Self::Security => "security",
            Self::Quota => "quota",
            Self::Other => "other",
        }
    }
}

/// What a person changes of an incident besides its status. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentEdit {
    /// Another title.
    pub title: Option<String>,
    /// Another severity.
    pub severity: Option<Severity>,
}

/// Why an incident is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IncidentRefusal {
    /// It does not stand where that could be done.
    #[error("an incident that is {} cannot be {}", .from.name(), .change.done())]
    Illegal {
        /// Where it stands.
        from: IncidentStatus,
        /// What was asked for.
        change: IncidentChange,
    },
    /// It is closed without what was learned from it.
    #[error("write the incident's notes before it is closed")]
    NoNotes,
    /// Nothing of it is changed any more.
    #[error("the incident is closed: nothing of it is changed any more")]
    Closed,
    /// The timeline is as long as it may be.
    #[error("the timeline has {} entries, and may have no more", MAX_ENTRIES)]
    Full,
}

/// An incident after a change, with what goes into its timeline.
pub type Changed = (Incident, TimelineEntry);

impl Incident {
    /// Makes the change of status that a person asks for. What is said of it goes into the timeline.
    ///
    /// # Errors
    ///
    /// If the table of [`IncidentStatus::after`] has no such step; if it would be closed without notes; or
    /// if it would be reopened and its timeline is full. A step towards the end always has room.
    pub fn change(
        &self,
        change: IncidentChange,
        said: NewTimelineEntry,
    ) -> Result<Changed, IncidentRefusal> {
        let from = self.status;
        let status = from.after(change);
        let status = status.ok_or(IncidentRefusal::Illegal { from, change })?;
        if change == IncidentChange::Close && self.notes.is_none() {
            return Err(IncidentRefusal::NoNotes);
        }
        if change == IncidentChange::Reopen && self.is_full() {
            return Err(IncidentRefusal::Full);
        }
        let mark = Some(Mark {
            by: said.actor.clone(),
            at: said.at,
        });
        let mut changed = Self {
            status,
            ..self.clone()
        };
        match change {
            IncidentChange::Acknowledge => changed.acknowledged = mark,
            IncidentChange::Mitigate => changed.mitigated = mark,
            IncidentChange::Resolve => changed.resolved = mark,
            IncidentChange::Close => changed.closed = mark,
            IncidentChange::Reopen => changed.reopenings = self.reopenings.saturating_add(1),
        }
        Ok(changed.with(change.event(), said))
    }

    /// Makes what a person changes besides the status.
    ///
    /// # Errors
    ///
    /// If it is closed, or its timeline full.
    pub fn edit(
        &self,
        edit: IncidentEdit,
        said: NewTimelineEntry,
    ) -> Result<Changed, IncidentRefusal> {
        self.check_open_and_room()?;
        let changed = Self {
            title: edit.title.unwrap_or_else(|| self.title.clone()),
            severity: edit.severity.unwrap_or(self.severity),
            ..self.clone()
        };
        Ok(changed.with(TimelineEvent::Edited, said))
    }

    /// Adds something that a person says, or that a run of a playbook has done.
    ///
    /// # Errors
    ///
    /// If it is closed, or its timeline full.
    pub fn note(
        &self,
        event: TimelineEvent,
        said: NewTimelineEntry,
    ) -> Result<Changed, IncidentRefusal> {
        self.check_open_and_room()?;
        Ok(self.clone().with(event, said))
    }

    /// Puts down what was learned, in place of what was there before.
    ///
    /// # Errors
    ///
    /// If it is closed, or its timeline full.
    pub fn write_notes(
        &self,
        text: String,
        said: NewTimelineEntry,
    ) -> Result<Changed, IncidentRefusal> {
        self.check_open_and_room()?;
        let changed = Self {
            notes: Some(PostIncidentNotes {
                text,
                by: said.actor.clone(),
                at: said.at,
            }),
            ..self.clone()
        };
        Ok(changed.with(TimelineEvent::NotesWritten, said))
    }

    fn check_open_and_room(&self) -> Result<(), IncidentRefusal> {
        if self.status == IncidentStatus::Closed {
            Err(IncidentRefusal::Closed)
        } else if self.is_full() {
            Err(IncidentRefusal::Full)
        } else {
            Ok(())
        }
    }
}
