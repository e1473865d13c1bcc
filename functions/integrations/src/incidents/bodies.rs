//! What comes in and goes out of incidents.

use gatehouse::domain::incident::{
    Incident, IncidentEdit, IncidentStatus, IncidentType, MAX_NOTES, MAX_TEXT, MAX_TITLE, Severity,
};
use gatehouse::domain::{FieldError, IncidentId, IntegrationId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::check_text;

/// An incident that a person tells of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"title": "Payments are refused", "type": "availability", "severity": "high"}))]
pub(crate) struct NewIncident {
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) title: String,
    #[serde(rename = "type")]
    pub(crate) incident_type: IncidentType,
    pub(crate) severity: Severity,
    /// The integration that it is about, if it is about one.
    pub(crate) integration_id: Option<IntegrationId>,
    /// What is to be said of it in the timeline.
    #[schema(min_length = 1, max_length = 2000)]
    pub(crate) text: Option<String>,
}

impl NewIncident {
    /// What is wrong with it, but for the integration, which only the table knows.
    pub(crate) fn wrong_fields(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        check_text("/title", &self.title, MAX_TITLE, &mut errors);
        check_said(self.text.as_deref(), &mut errors);
        errors
    }
}

fn check_said(text: Option<&str>, errors: &mut Vec<FieldError>) {
    if let Some(text) = text {
        check_text("/text", text, MAX_TEXT, errors);
    }
}

/// A change of an incident: what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct IncidentUpdate {
    #[schema(min_length = 1, max_length = 200)]
    title: Option<String>,
    severity: Option<Severity>,
    /// Why, for the timeline.
    #[schema(min_length = 1, max_length = 2000)]
    pub(crate) text: Option<String>,
}

impl IncidentUpdate {
    pub(crate) fn wrong_fields(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if let Some(title) = &self.title {
            check_text("/title", title, MAX_TITLE, &mut errors);
        }
        check_said(self.text.as_deref(), &mut errors);
        if self.title.is_none() && self.severity.is_none() {
            errors.push(FieldError::new("", "expected `title`, `severity` or both"));
        }
        errors
    }

    pub(crate) fn edit(&self) -> IncidentEdit {
        IncidentEdit {
            title: self.title.clone(),
            severity: self.severity,
        }
    }
}

/// What is said of a step of an incident.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remark {
    /// For the timeline.
    #[schema(min_length = 1, max_length = 2000)]
    pub(crate) text: Option<String>,
}

impl Remark {
    pub(crate) fn wrong_fields(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        check_said(self.text.as_deref(), &mut errors);
        errors
    }
}

/// Something that a person says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEntry {
    #[schema(min_length = 1, max_length = 2000)]
    pub(crate) text: String,
}

impl NewEntry {
    pub(crate) fn wrong_fields(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        check_text("/text", &self.text, MAX_TEXT, &mut errors);
        errors
    }
}

/// What was learned from an incident.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNotes {
    #[schema(min_length = 1, max_length = 20000)]
    pub(crate) text: String,
}

impl NewNotes {
    pub(crate) fn wrong_fields(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        check_text("/text", &self.text, MAX_NOTES, &mut errors);
        errors
    }
}

/// An incident, with what can be done about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IncidentDetail {
    #[serde(flatten)]
    pub(crate) incident: Incident,
    /// The playbooks that are for an incident like this one, by id or name.
    pub(crate) suggested_playbooks: Vec<String>,
}

/// Which incidents are listed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct IncidentListQuery {
    pub(crate) status: Option<IncidentStatus>,
    pub(crate) integration: Option<IntegrationId>,
    pub(crate) min_severity: Option<Severity>,
    pub(crate) limit: Option<u16>,
    pub(crate) cursor: Option<String>,
}

/// Where in the list a page begins: those that are looked after come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    Live(Option<IncidentId>),
    Past(Option<IncidentId>),
}
