//! How a run moves.

use std::time::Duration;

use super::{
    Approval, Approver, LEASE, NewRun, OnFailure, PlaybookRun, PlaybookStep, RunNext, RunRefusal,
    RunStatus, RunStep, StepAction, StepEnd, StepMemo, StepState,
};
use crate::domain::incident::Mark;
use crate::domain::{Actor, Timestamp};

/// The most characters of what is said of a step.
const MAX_SAID: usize = 500;

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

    /// The step whose turn it is, is for somebody else: he is to look at once.
    #[must_use]
    pub fn handed_over(&self, now: Timestamp) -> Self {
        Self {
            due_at: Some(now),
            updated_at: now.max(self.updated_at),
            ..self.clone()
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

    /// The version of what the step `index` has written, which was `version` by then, if nobody but this run
    /// has written it since: later steps that did the same write it, too, and undoing them once more.
    #[must_use]
    pub fn version_left(&self, index: usize, version: u64) -> u64 {
        let action = self.steps.get(index).map(|step| step.step.action);
        let later = self.steps.iter().skip(index.saturating_add(1));
        let same = later.filter(|step| Some(step.step.action) == action);
        let writes = same.map(|step| match step.state {
            StepState::Done | StepState::Unchanged | StepState::NotUndone => 1,
            StepState::Undone => 2,
            _ => 0,
        });
        version.saturating_add(writes.sum())
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
