//! A run of a playbook, as a state machine: what comes next is decided from what is stored alone.
//!
//! Each change of a run is written under the version that was read, and what a step changes in our table is
//! written in the same transaction: so of two runners one takes a step, and one that dies leaves it
//! done and known to be done, or neither. A step that reaches further is first begun, under a lease, and is
//! such that it may be done again.

use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Approver, PlaybookSpec, PlaybookStep, StepMemo};
use crate::domain::incident::Mark;
use crate::domain::{
    Actor, EndpointId, IncidentId, IntegrationId, OrganizationId, PlaybookRunId, Timestamp,
};

/// For how long nobody else takes a step that was begun, or a run that somebody goes on with.
pub const LEASE: Duration = Duration::from_secs(60);
/// How often a step that reaches further is begun, at most.
pub const MAX_TRIES: u8 = 5;

/// A run of a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaybookRun {
    /// Its id.
    pub id: PlaybookRunId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The playbook: the id of one of the organization's own, or the name of one that is built in.
    pub playbook: String,
    /// What it was called then. A later change of the playbook does not change its runs.
    pub name: String,
    /// What it acts on.
    pub integration_id: IntegrationId,
    /// The incident that it is run for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<IncidentId>,
    /// What was said when it was started.
    #[serde(default)]
    pub parameters: RunParameters,
    /// Who started it: a person, or the function that raised the incident's alert.
    pub started_by: Actor,
    /// When.
    pub started_at: Timestamp,
    /// Who may approve its steps.
    pub approver: Approver,
    /// For how long a step waits for its approval, in minutes.
    pub approval_minutes: u16,
    /// Where it stands.
    pub status: RunStatus,
    /// Its steps, in their order.
    pub steps: Vec<RunStep>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When somebody has to look at it, should it not have moved by then; never, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// What a playbook leaves to whoever starts a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunParameters {
    /// Of `block_source_network`: at which endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<EndpointId>,
    /// Of `block_source_network`: which network, where the playbook does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub network: Option<IpNet>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It has steps left.
    Running,
    /// A step waits for a person.
    Waiting,
    /// All steps were taken.
    Succeeded,
    /// A step failed, and the run ended with it; or went on, and some steps were taken.
    Failed,
    /// A person said no.
    Rejected,
    /// No person said anything in time.
    Expired,
    /// Somebody ended it.
    Cancelled,
}

impl RunStatus {
    /// Whether nothing comes any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Running | Self::Waiting)
    }
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStep {
    /// What it does.
    pub step: PlaybookStep,
    /// Where it stands.
    pub state: StepState,
    /// Until when it waits for an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
    /// Who said yes, or no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Mark>,
    /// How often it was begun, if it reaches further than our table.
    #[serde(default)]
    pub tries: u8,
    /// Until when nobody else takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leased_until: Option<Timestamp>,
    /// When it was done, or ended otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What came of it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// What it found and left, if it can be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<StepMemo>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its turn has not come, or has just come.
    Pending,
    /// It waits for a person.
    Waiting,
    /// A person said yes.
    Approved,
    /// It was begun.
    Started,
    /// It was done.
    Done,
    /// There was nothing to be done.
    Unchanged,
    /// It could not be done.
    Failed,
    /// A person said no.
    Rejected,
    /// No person said anything in time.
    Expired,
    /// The run ended before.
    Skipped,
    /// It was done, and undone.
    Undone,
    /// It was done, and cannot be undone: what it did does not stand any more.
    NotUndone,
}

impl StepState {
    /// Whether the next step's turn has come.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(
            self,
            Self::Pending | Self::Waiting | Self::Approved | Self::Started
        )
    }
}

/// What comes next in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunNext {
    /// Nothing: it has ended.
    Ended,
    /// A person has to say yes to the step with this index: that it waits is to be written.
    Ask(usize),
    /// Nothing before this instant, but for a person's word or the end of somebody's lease.
    Wait(Timestamp),
    /// Nobody said anything to the step with this index: that is to be written.
    Expire(usize),
    /// The step with this index is to be taken.
    Take(usize),
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepEnd {
    /// It was done; what has to be known to undo it.
    Done(String, Option<StepMemo>),
    /// There was nothing to be done.
    Unchanged(String),
    /// It could not be done.
    Failed(String),
}

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// Its id.
    pub id: PlaybookRunId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The playbook's id or name.
    pub playbook: &'a str,
    /// What the playbook says.
    pub spec: &'a PlaybookSpec,
    /// What it acts on.
    pub integration: IntegrationId,
    /// What it is run for.
    pub incident: Option<IncidentId>,
    /// What whoever starts it says.
    pub parameters: RunParameters,
    /// Who starts it.
    pub by: Actor,
}

/// Why a run is not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunRefusal {
    /// It has ended.
    #[error("the run has ended")]
    Ended,
    /// The step does not wait for anybody.
    #[error("the step does not wait for an approval")]
    NotWaiting,
    /// It waited for too long.
    #[error("the step waited too long for its approval; start the playbook again")]
    TooLate,
    /// Who has started it may not approve it.
    #[error("the playbook wants the approval of another person than who has started the run")]
    Yourself,
    /// Something is on its way.
    #[error("a step is being taken; try again in a minute")]
    Busy,
    /// It has not ended: cancel it first.
    #[error("the run has not ended; cancel it first")]
    NotEnded,
    /// No step that was done can be undone.
    #[error("the run has done nothing that can be undone")]
    NothingToUndo,
}
