//! Playbooks: what is done when something has gone wrong, as data. Pure.
//!
//! A playbook is a list of steps; a run of it takes one at a time. What a step would change is decided
//! from the present state alone ([`Plan`]), so that a dry run says exactly what a run would do.

mod check;
mod moves;
mod plan;
mod run;

#[cfg(test)]
mod tests;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alert::AlertKind;
use super::incident::{Incident, IncidentType, Severity};
use super::object::only_objects;
use super::{Action, IntegrationId, OrganizationId, PlaybookId, Timestamp};

pub use check::{MAX_APPROVAL_MINUTES, MAX_BREAKER_MINUTES, MAX_STEPS, check_network};
pub use plan::{MAX_BLOCKED_NETWORKS, Plan, StepMemo, Undoing};
pub use run::{
    LEASE, MAX_TRIES, NewRun, PlaybookRun, RunNext, RunParameters, RunRefusal, RunStatus, RunStep,
    StepEnd, StepState,
};

only_objects!(Trigger, PlaybookStep);

/// What a playbook says: the form of the files of `shared/playbooks` and of the API's bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "Tell the team", "steps": [{"action": "notify", "text": "The provider is down."}]
}))]
pub struct PlaybookSpec {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 2000)]
    pub description: String,
    /// Which incidents it is for; without it, it is started by people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// Who may approve a step.
    #[serde(default)]
    pub approver: Approver,
    /// For how long a step waits for its approval. Then the run ends.
    #[serde(default = "default_approval_minutes")]
    #[schema(minimum = 1, maximum = 1440)]
    pub approval_minutes: u16,
    /// What is done, one after the other.
    #[schema(min_items = 1, max_items = 10)]
    pub steps: Vec<PlaybookStep>,
}

fn default_approval_minutes() -> u16 {
    60
}

/// An organization's own playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Playbook {
    /// Its id.
    pub id: PlaybookId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// What it says.
    pub spec: PlaybookSpec,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Which incidents a playbook is for. What is absent or empty, any incident has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct Trigger {
    /// The alert is of one of these kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 11)]
    pub alert_kinds: Vec<AlertKind>,
    /// The incident is of one of these types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 7)]
    pub incident_types: Vec<IncidentType>,
    /// The incident is at least as severe as this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<Severity>,
    /// The incident is about one of these integrations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 25)]
    pub integrations: Vec<IntegrationId>,
    /// Whether it is started then, or only proposed.
    #[serde(default)]
    pub start: TriggerStart,
}

/// What a trigger does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerStart {
    /// Proposes the playbook to whoever looks at the incident.
    #[default]
    Suggest,
    /// Starts it, once for each incident.
    Automatic,
}

/// Who may approve a step, of those who may do what the step does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// Any person: also who has started the run.
    #[default]
    Anyone,
    /// Any person but who has started the run.
    Other,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct PlaybookStep {
    /// What is done.
    pub action: StepAction,
    /// Of `open_breaker`: for how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1440)]
    pub minutes: Option<u16>,
    /// Of `block_source_network`: which network; whoever starts a run says it, if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub network: Option<IpNet>,
    /// Of `rotate_credential`: whether the old credentials get no grace. They do, if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<bool>,
    /// Of `notify`: what is said besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 300)]
    pub text: Option<String>,
    /// Whether a person has to say yes first.
    #[serde(default)]
    pub approval: Approval,
    /// What becomes of the run if it fails.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What a step does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    /// Makes no calls to the provider for a while: opens the integration's circuit breaker.
    OpenBreaker,
    /// Switches the integration off: no calls, no webhooks.
    SuspendIntegration,
    /// Takes no requests from a network at an endpoint.
    BlockSourceNetwork,
    /// Forgets the integration's OAuth tokens, and has the provider revoke them.
    RevokeGrant,
    /// Has the integration's credentials replaced: starts a rotation.
    RotateCredential,
    /// Has all channels of the organization's alerts told.
    Notify,
}

impl StepAction {
    /// Every action.
    pub const ALL: [Self; 6] = [
        Self::OpenBreaker,
        Self::SuspendIntegration,
        Self::BlockSourceNetwork,
        Self::RevokeGrant,
        Self::RotateCredential,
        Self::Notify,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenBreaker => "open_breaker",
            Self::SuspendIntegration => "suspend_integration",
            Self::BlockSourceNetwork => "block_source_network",
            Self::RevokeGrant => "revoke_grant",
            Self::RotateCredential => "rotate_credential",
            Self::Notify => "notify",
        }
    }

    /// What whoever starts a run in which it is automatic, or approves it, has to be allowed to do to the
    /// integration.
    #[must_use]
    pub fn right(self) -> Action {
        match self {
            Self::OpenBreaker | Self::Notify => Action::RunPlaybooks,
            Self::SuspendIntegration => Action::UpdateIntegration,
            Self::BlockSourceNetwork => Action::ManageEndpoints,
            Self::RevokeGrant => Action::RevokeGrant,
            Self::RotateCredential => Action::RotateCredentials,
        }
    }

    /// Whether all that it does is a change of one item of our table: then it is done, and is known to be
    /// done, in one transaction. What is not is begun first, and may be tried again.
    #[must_use]
    pub fn is_local(self) -> bool {
        match self {
            Self::OpenBreaker
            | Self::SuspendIntegration
            | Self::BlockSourceNetwork
            | Self::Notify => true,
            Self::RevokeGrant | Self::RotateCredential => false,
        }
    }

    /// Whether there is a way back.
    #[must_use]
    pub fn can_be_undone(self) -> bool {
        match self {
            Self::OpenBreaker | Self::SuspendIntegration | Self::BlockSourceNetwork => true,
            Self::RevokeGrant | Self::RotateCredential | Self::Notify => false,
        }
    }
}

/// Whether a step waits for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// It waits until one says yes.
    #[default]
    Required,
    /// It does not.
    Automatic,
}

/// What becomes of a run when a step fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It ends.
    #[default]
    Stop,
    /// The next step is taken.
    Continue,
}

impl Trigger {
    /// Whether it is for this incident. One that a person has opened may have no alerts, and is not asked
    /// for any.
    #[must_use]
    pub fn matches(&self, incident: &Incident) -> bool {
        let mut alerts = incident.alerts.iter();
        let integration = incident.integration_id;
        let of_alerts = self.alert_kinds.is_empty()
            || incident.alerts.is_empty()
            || alerts.any(|alert| self.alert_kinds.contains(&alert.kind));
        let of_type =
            self.incident_types.is_empty() || self.incident_types.contains(&incident.incident_type);
        let of_integration = self.integrations.is_empty()
            || integration.is_some_and(|id| self.integrations.contains(&id));
        let is_severe = self
            .min_severity
            .is_none_or(|least| incident.severity >= least);
        of_alerts && of_type && of_integration && is_severe
    }
}
