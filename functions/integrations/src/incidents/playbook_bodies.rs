//! What goes out of playbooks. What comes in is a [`PlaybookSpec`].

use gatehouse::domain::Timestamp;
use gatehouse::domain::playbook::{Approver, Playbook, PlaybookSpec, PlaybookStep, Trigger};
use serde::Serialize;
use utoipa::ToSchema;

/// A playbook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaybookView {
    /// Its id; of one that is built in, its name.
    pub(crate) id: String,
    /// Whether it is one of those that every organization has, and nobody changes.
    pub(crate) built_in: bool,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trigger: Option<Trigger>,
    pub(crate) approver: Approver,
    pub(crate) approval_minutes: u16,
    pub(crate) steps: Vec<PlaybookStep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_at: Option<Timestamp>,
}

impl PlaybookView {
    fn of(id: String, built_in: bool, spec: PlaybookSpec) -> Self {
        Self {
            id,
            built_in,
            name: spec.name,
            description: spec.description,
            trigger: spec.trigger,
            approver: spec.approver,
            approval_minutes: spec.approval_minutes,
            steps: spec.steps,
            created_at: None,
            updated_at: None,
        }
    }

    pub(crate) fn built_in(name: &str, spec: PlaybookSpec) -> Self {
        Self::of(name.to_owned(), true, spec)
    }
}

impl From<Playbook> for PlaybookView {
    fn from(playbook: Playbook) -> Self {
        Self {
            created_at: Some(playbook.created_at),
            updated_at: Some(playbook.updated_at),
            ..Self::of(playbook.id.to_string(), false, playbook.spec)
        }
    }
}
