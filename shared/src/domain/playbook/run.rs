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

use super::{Approval, Approver, OnFailure, PlaybookSpec, PlaybookStep, StepAction, StepMemo};
use crate::domain::incident::Mark;
use crate::domain::{
    Actor, EndpointId, IncidentId, IntegrationId, OrganizationId, PlaybookRunId, Timestamp,
};

/// For how long nobody else takes a step that was begun, or a run that somebody goes on with.
pub const LEASE: Duration = Duration::from_secs(60);
/// How often a step that reaches further is begun, at most.
pub const MAX_TRIES: u8 = 5;
/// The most characters of what is said of a step.
const MAX_SAID: usize = 500;

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

impl PlaybookRun {
    /// A run that begins at `now`.
    #[must_use]
    pub fn new(new: NewRun<'_>, now: Timestamp) -> Self {
        let steps = new.spec.steps.iter().map(|step| RunStep {
            step: PlaybookStep {
                network: step.network.or_else(|| {
                    let blocks = step.action == StepAction::BlockSourceNetwork;
                    new.parameters.network.filter(|_| blocks)
                }),
                ..step.clone()
            },
            state: StepState::Pending,
            waits_until: None,
            decided: None,
            tries: 0,
            leased_until: None,
            ended_at: None,
            said: None,
            memo: None,
        });
        Self {
            id: new.id,
            organization_id: new.organization,
            playbook: new.playbook.to_owned(),
            name: new.spec.name.clone(),
            integration_id: new.integration,
            incident_id: new.incident,
            steps: steps.collect(),
            parameters: new.parameters,
            started_by: new.by,
            started_at: now,
            approver: new.spec.approver,
            approval_minutes: new.spec.approval_minutes,
            status: RunStatus::Running,
            updated_at: now,
            ended_at: None,
            due_at: Some(now.plus(LEASE)),
        }
    }

    /// The step whose turn it is.
    #[must_use]
    pub fn current(&self) -> Option<(usize, &RunStep)> {
        let mut steps = self.steps.iter().enumerate();
        steps.find(|(_, step)| !step.state.has_ended())
    }

    /// What comes next at `now`.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> RunNext {
        if self.status.has_ended() {
            return RunNext::Ended;
        }
        let Some((index, step)) = self.current() else {
            return RunNext::Ended;
        };
        match step.state {
            StepState::Pending if step.step.approval == Approval::Required => RunNext::Ask(index),
            StepState::Waiting => match step.waits_until {
                Some(until) if now < until => RunNext::Wait(until),
                _ => RunNext::Expire(index),
            },
            StepState::Started => match step.leased_until {
                Some(until) if now < until => RunNext::Wait(until),
                _ => RunNext::Take(index),
            },
            _ => RunNext::Take(index),
        }
    }

    /// The run with one step changed. What it adds up to follows.
    fn with_step(&self, index: usize, now: Timestamp, change: impl FnOnce(&mut RunStep)) -> Self {
        let mut run = self.clone();
        if let Some(step) = run.steps.get_mut(index) {
            change(step);
        }
        run.settle(now);
        run
    }

    /// Says where the run stands, by its steps.
    fn settle(&mut self, now: Timestamp) {
        self.updated_at = now.max(self.updated_at);
        let stop = self.steps.iter().find_map(|step| match step.state {
            StepState::Rejected => Some(RunStatus::Rejected),
            StepState::Expired => Some(RunStatus::Expired),
            StepState::Failed if step.step.on_failure == OnFailure::Stop => Some(RunStatus::Failed),
            _ => None,
        });
        let failed = |step: &RunStep| step.state == StepState::Failed;
        let status = match (stop, self.current()) {
            (Some(stop), _) => stop,
            (None, Some((_, step))) if step.state == StepState::Waiting => RunStatus::Waiting,
            (None, Some(_)) => RunStatus::Running,
            (None, None) if self.steps.iter().any(failed) => RunStatus::Failed,
            (None, None) => RunStatus::Succeeded,
        };
        self.end_or_go_on(status);
    }

    fn end_or_go_on(&mut self, status: RunStatus) {
        self.status = status;
        if status.has_ended() {
            let at = self.updated_at;
            for step in &mut self.steps {
                if step.state == StepState::Started {
                    step.state = StepState::Failed;
                    step.said = Some("it was begun, and nobody knows how that ended".to_owned());
                    step.ended_at = Some(at);
                } else if !step.state.has_ended() {
                    step.state = StepState::Skipped;
                    step.ended_at = Some(at);
                }
            }
            self.ended_at = Some(at);
            self.due_at = None;
            return;
        }
        let (_, step) = self.current().unzip();
        let waits_until = step.and_then(|step| match step.state {
            StepState::Waiting => step.waits_until,
            _ => step.leased_until,
        });
        self.due_at = Some(waits_until.unwrap_or_else(|| self.updated_at.plus(LEASE)));
    }

    /// The step waits for a person from now on.
    #[must_use]
    pub fn asked(&self, index: usize, now: Timestamp) -> Self {
        let wait = Duration::from_secs(u64::from(self.approval_minutes) * 60);
        self.with_step(index, now, |step| {
            step.state = StepState::Waiting;
            step.waits_until = Some(now.plus(wait));
        })
    }

    /// Nobody said anything in time.
    #[must_use]
    pub fn expired(&self, index: usize, now: Timestamp) -> Self {
        self.with_step(index, now, |step| {
            step.state = StepState::Expired;
            step.ended_at = Some(now);
            step.said = Some("nobody approved it in time".to_owned());
        })
    }

    /// A person says yes, or no, to the step with this index.
    ///
    /// # Errors
    ///
    /// If that step does not wait, or not any more; or if it is the wrong person.
    pub fn decided(
        &self,
        index: usize,
        approved: bool,
        by: Actor,
        now: Timestamp,
    ) -> Result<Self, RunRefusal> {
        if self.status.has_ended() {
            return Err(RunRefusal::Ended);
        }
        let waiting = self.current().filter(|(current, step)| {
            *current == index && matches!(step.state, StepState::Waiting | StepState::Pending)
        });
        let (_, step) = waiting.ok_or(RunRefusal::NotWaiting)?;
        if step.step.approval == Approval::Automatic {
            return Err(RunRefusal::NotWaiting);
        }
        if step.waits_until.is_some_and(|until| now >= until) {
            return Err(RunRefusal::TooLate);
        }
        if approved && self.approver == Approver::Other && by == self.started_by {
            return Err(RunRefusal::Yourself);
        }
        Ok(self.with_step(index, now, |step| {
            step.decided = Some(Mark { by, at: now });
            if approved {
                step.state = StepState::Approved;
            } else {
                step.state = StepState::Rejected;
                step.ended_at = Some(now);
            }
        }))
    }

    /// Somebody ends it.
    ///
    /// # Errors
    ///
    /// If it has ended, or a step is on its way.
    pub fn cancelled(&self, now: Timestamp) -> Result<Self, RunRefusal> {
        if self.status.has_ended() {
            return Err(RunRefusal::Ended);
        }
        self.check_nothing_is_on_its_way(now)?;
        let mut run = self.clone();
        run.updated_at = now.max(run.updated_at);
        run.end_or_go_on(RunStatus::Cancelled);
        Ok(run)
    }

    fn check_nothing_is_on_its_way(&self, now: Timestamp) -> Result<(), RunRefusal> {
        let leased = self.current().and_then(|(_, step)| step.leased_until);
        let is_leased = leased.is_some_and(|until| now < until);
        if is_leased {
            Err(RunRefusal::Busy)
        } else {
            Ok(())
        }
    }

    /// The step is begun, and nobody else takes it before its lease is over.
    #[must_use]
    pub fn started(&self, index: usize, now: Timestamp) -> Self {
        self.with_step(index, now, |step| {
            step.state = StepState::Started;
            step.tries = step.tries.saturating_add(1);
            step.leased_until = Some(now.plus(LEASE));
        })
    }

    /// The step has ended.
    #[must_use]
    pub fn ended(&self, index: usize, end: StepEnd, now: Timestamp) -> Self {
        self.with_step(index, now, |step| {
            let (state, said, memo) = match end {
                StepEnd::Done(said, memo) => (StepState::Done, said, memo),
                StepEnd::Unchanged(said) => (StepState::Unchanged, said, None),
                StepEnd::Failed(said) => (StepState::Failed, said, None),
            };
            step.state = state;
            step.said = Some(said.chars().take(MAX_SAID).collect());
            step.memo = memo;
            step.leased_until = None;
            step.ended_at = Some(now);
        })
    }

    /// The last step that was done and can be undone, with what has to be known for that.
    ///
    /// # Errors
    ///
    /// If the run has not ended, or there is no such step.
    pub fn to_undo(&self) -> Result<(usize, &StepMemo), RunRefusal> {
        if !self.status.has_ended() {
            return Err(RunRefusal::NotEnded);
        }
        let steps = self.steps.iter().enumerate().rev();
        let mut undoable = steps.filter(|(_, step)| step.state == StepState::Done);
        let found = undoable.find_map(|(index, step)| step.memo.as_ref().map(|memo| (index, memo)));
        found.ok_or(RunRefusal::NothingToUndo)
    }

    /// The step is undone; or is not, as what it did does not stand any more.
    #[must_use]
    pub fn undone(&self, index: usize, was_undone: bool, said: &str, now: Timestamp) -> Self {
        let mut run = self.clone();
        if let Some(step) = run.steps.get_mut(index) {
            step.state = if was_undone {
                StepState::Undone
            } else {
                StepState::NotUndone
            };
            step.said = Some(said.chars().take(MAX_SAID).collect());
        }
        run.updated_at = now.max(run.updated_at);
        run
    }
}
