//! What goes out of playbooks. What comes in is a [`PlaybookSpec`].

use gatehouse::domain::Timestamp;
use gatehouse::domain::playbook::{Playbook, PlaybookSpec};
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
    #[serde(flatten)]
    pub(crate) spec: PlaybookSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_at: Option<Timestamp>,
}

impl PlaybookView {
    pub(crate) fn built_in(name: &str, spec: PlaybookSpec) -> Self {
        Self {
            id: name.to_owned(),
            built_in: true,
            spec,
            created_at: None,
            updated_at: None,
        }
    }
}

impl From<Playbook> for PlaybookView {
    fn from(playbook: Playbook) -> Self {
        Self {
            id: playbook.id.to_string(),
            built_in: false,
            spec: playbook.spec,
            created_at: Some(playbook.created_at),
            updated_at: Some(playbook.updated_at),
        }
    }
}
