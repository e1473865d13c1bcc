//! What one try is about.

use super::Attempt;
use crate::domain::sync::conflict::Change;
use crate::domain::sync::{Fields, OutgoingCall, OutgoingError, PushError};
use crate::domain::{RequestId, Timestamp};

impl Attempt<'_> {
    pub(super) fn outgoing(&self) -> Result<OutgoingCall, OutgoingError> {
        let body = &self.standing.body;
        let content = match &self.change {
            Change::Create(content) => content,
            Change::Update(_) | Change::Delete => &body.content,
        };
        OutgoingCall::of(&self.change, (&body.id, content), self.settings.rules)
    }

    /// What the record held in a version.
    pub(super) fn content_of(&self, version: u64) -> Option<Fields> {
        if self.standing.head.version == version {
            return Some(self.standing.body.content.clone());
        }
        let mut history = self.standing.body.history.iter();
        let past = history.find(|past| past.version == version);
        past.map(|past| past.content.clone())
    }

    pub(super) fn error(&self, code: &str, at: Timestamp) -> PushError {
        PushError {
            code: code.to_owned(),
            status: None,
            request_id: None,
            version: self.standing.head.version,
            at,
            retrying: false,
        }
    }

    pub(super) fn error_of(&self, request: RequestId, code: &str, at: Timestamp) -> PushError {
        PushError {
            request_id: Some(request),
            ..self.error(code, at)
        }
    }
}
