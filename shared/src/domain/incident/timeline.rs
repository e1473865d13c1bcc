use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Incident;
use crate::domain::{Actor, Timestamp};

/// The most entries of a timeline that people and alerts can add. The few steps that lead from there to
/// the end of the incident have room beyond it.
pub const MAX_ENTRIES: u16 = 1_000;

/// One line of an incident's timeline. It is never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// Its place, counted from 1 without a gap.
    pub number: u16,
    /// When.
    pub at: Timestamp,
    /// Who, or what.
    pub actor: Actor,
    /// What happened.
    pub event: TimelineEvent,
    /// What it is about, if it is about something with an id: an alert, a run of a playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What happened to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimelineEvent {
    /// It was opened.
    Opened,
    /// An alert joined it.
    AlertJoined,
    /// Somebody looks after it.
    Acknowledged,
    /// It does no more harm.
    Mitigated,
    /// It is over.
    Resolved,
    /// It is over, and what was learned is written down.
    Closed,
    /// It was not over after all: a person says so, or an alert.
    Reopened,
    /// Its title or its severity was changed.
    Edited,
    /// Somebody said something.
    Noted,
    /// What was learned was written down.
    NotesWritten,
    /// A run of a playbook began.
    RunStarted,
    /// A step of it was done, refused, undone, or could not be.
    RunStep,
    /// It ended.
    RunEnded,
}

/// Who says what, before it has its place in a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTimelineEntry {
    /// When.
    pub at: Timestamp,
    /// Who, or what.
    pub actor: Actor,
    /// What it is about, if it is about something with an id.
    pub subject: Option<String>,
    /// What is said.
    pub text: Option<String>,
}

impl NewTimelineEntry {
    /// Says nothing but who and when.
    #[must_use]
    pub fn new(actor: Actor, at: Timestamp) -> Self {
        Self {
            at,
            actor,
            subject: None,
            text: None,
        }
    }

    /// The same, with a text.
    #[must_use]
    pub fn saying(self, text: Option<String>) -> Self {
        Self { text, ..self }
    }

    /// The same, about what has this id.
    #[must_use]
    pub fn about(self, id: impl ToString) -> Self {
        Self {
            subject: Some(id.to_string()),
            ..self
        }
    }
}

impl Incident {
    /// Whether nothing is added any more but what leads to the end.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.entries >= MAX_ENTRIES
    }

    /// The incident with one more entry, and the entry. Time does not go back within a timeline, whatever
    /// clocks say.
    pub(super) fn with(
        mut self,
        event: TimelineEvent,
        said: NewTimelineEntry,
    ) -> (Self, TimelineEntry) {
        let at = said.at.max(self.updated_at);
        self.entries = self.entries.saturating_add(1);
        self.updated_at = at;
        let entry = TimelineEntry {
            number: self.entries,
            at,
            actor: said.actor,
            event,
            subject: said.subject,
            text: said.text,
        };
        (self, entry)
    }
}
