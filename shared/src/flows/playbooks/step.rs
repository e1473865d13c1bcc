//! Taking one step.

use super::{Playbooks, actor_of, line_of_step, rotate, words};
use crate::domain::alert::{NoticeBody, PlaybookNotice};
use crate::domain::playbook::{MAX_TRIES, Plan, PlaybookRun, PlaybookStep, StepAction, StepEnd};
use crate::domain::{
    Actor, AuditOutcome, AuditSubject, Error, Integration, NewAuditEntry, NoticeId, Timestamp,
};
use crate::lambda::telemetry::chain;
use crate::store::{OwedNotice, RunCommitted, StepEffect, Versioned};

/// What a step comes to, as the present state stands.
pub(super) struct Decided {
    pub(super) end: StepEnd,
    pub(super) effect: Option<StepEffect>,
}

impl Decided {
    fn of<T>(plan: Plan<T>, effect: impl FnOnce(T) -> StepEffect) -> Self {
        match plan {
            Plan::Change { item, memo, says } => Self {
                end: StepEnd::Done(says, Some(memo)),
                effect: Some(effect(item)),
            },
            Plan::Keep { item, says } => Self {
                end: StepEnd::Unchanged(says),
                effect: Some(effect(item)),
            },
            Plan::Nothing(says) => Self::without_effect(StepEnd::Unchanged(says)),
            Plan::Cannot(says) => Self::without_effect(StepEnd::Failed(says)),
        }
    }

    fn without_effect(end: StepEnd) -> Self {
        Self { end, effect: None }
    }

    fn failed(says: &str) -> Self {
        Self::without_effect(StepEnd::Failed(says.to_owned()))
    }
}

impl Playbooks {
    /// Takes a step. If somebody was faster, nothing is done here: the run is read again.
    pub(super) async fn take(
        &self,
        found: &Versioned<PlaybookRun>,
        index: usize,
        now: Timestamp,
    ) -> Result<(), Error> {
        let action = found.item.steps.get(index).map(|step| step.step.action);
        match action {
            Some(action) if action.is_local() => self.take_here(found, index, now).await,
            Some(_) => self.take_beyond(found, index, now).await,
            None => Ok(()),
        }
    }

    /// A step that changes an item of our table: that, and that it was done, are one transaction.
    async fn take_here(
        &self,
        found: &Versioned<PlaybookRun>,
        index: usize,
        now: Timestamp,
    ) -> Result<(), Error> {
        let run = &found.item;
        let decided = self.decide_here(run, index, now).await?;
        let by = actor_of(run, index);
        if decided.effect.is_some() {
            self.record(run, (by.clone(), "playbook.step"), Some(index))
                .await?;
        }
        let said = line_of_step(run, index, &words(&decided.end));
        let ended = run.ended(index, decided.end.clone(), now);
        let committed = self
            .commit(found, ended, decided.effect, (by.clone(), said))
            .await?;
        if let RunCommitted::Done(_) = committed {
            self.record_end(run, (by, "playbook.step"), index, &decided.end)
                .await;
        }
        Ok(())
    }

    /// What a step that changes our table would change.
    pub(super) async fn decide_here(
        &self,
        run: &PlaybookRun,
        index: usize,
        now: Timestamp,
    ) -> Result<Decided, Error> {
        let (organization, integration) = (run.organization_id, run.integration_id);
        let found = self.store.integration(organization, integration).await?;
        let Some(found) = found else {
            return Ok(Decided::failed("the integration is no more"));
        };
        let Some(step) = run.steps.get(index).map(|step| &step.step) else {
            return Ok(Decided::failed("there is no such step"));
        };
        Ok(match step.action {
            StepAction::OpenBreaker => {
                let state = self.store.gateway_state(organization, integration).await?;
                let until = breaker_until(run, index, now);
                let plan = Plan::open_breaker(&state.item, until);
                Decided::of(plan, |item| {
                    StepEffect::Gateway(integration, item, state.version)
                })
            }
            StepAction::SuspendIntegration => {
                let plan = Plan::suspend(&found.item, found.version, now);
                Decided::of(plan, |item| {
                    StepEffect::Integration(Box::new(item), found.version)
                })
            }
            StepAction::BlockSourceNetwork => {
                let (Some(id), Some(network)) = (run.parameters.endpoint_id, step.network) else {
                    return Ok(Decided::failed("nobody has said which network, or where"));
                };
                let found = self.store.endpoint(organization, integration, id).await?;
                let Some(found) = found else {
                    return Ok(Decided::failed("the endpoint is no more"));
                };
                let plan = Plan::block(&found.item, found.version, network, now);
                Decided::of(plan, |item| {
                    StepEffect::Endpoint(Box::new(item), found.version)
                })
            }
            StepAction::Notify => self.decide_notice(run, (step, &found.item), now).await?,
            StepAction::RevokeGrant | StepAction::RotateCredential => {
                Decided::failed("it reaches further than one item of the table")
            }
        })
    }

    /// What people are told: it is owed to them from the step on, and the alerts' way of telling has it
    /// arrive.
    async fn decide_notice(
        &self,
        run: &PlaybookRun,
        (step, integration): (&PlaybookStep, &Integration),
        now: Timestamp,
    ) -> Result<Decided, Error> {
        let setup = self.store.alert_setup(run.organization_id).await?.item;
        let channels = setup.channels.iter().filter(|channel| channel.enabled);
        let channels = channels.count();
        if channels == 0 {
            let says = "there is no channel by which anybody could be told".to_owned();
            return Ok(Decided::without_effect(StepEnd::Unchanged(says)));
        }
        let notice = PlaybookNotice {
            run_id: run.id,
            playbook: run.name.clone(),
            integration_id: integration.id,
            integration_name: integration.name.clone(),
            incident_id: run.incident_id,
            at: now,
            text: step.text.clone(),
        };
        let owed = OwedNotice {
            id: NoticeId::generate(now, self.sources.randomness.as_ref()),
            organization: run.organization_id,
            due_at: setup.told_at(now),
            body: NoticeBody::Playbook(Box::new(notice)),
            channels: None,
            attempts: 0,
            owed_at: now,
            was_muted: false,
            group: None,
        };
        Ok(Decided {
            end: StepEnd::Done(format!("{channels} channels are told"), None),
            effect: Some(StepEffect::Notice(Box::new(owed))),
        })
    }

    /// A step that reaches further than one item: it is begun under a lease, done, and said to be done. One that nobody
    /// finishes is begun again when the lease is over, a few times.
    async fn take_beyond(
        &self,
        found: &Versioned<PlaybookRun>,
        index: usize,
        now: Timestamp,
    ) -> Result<(), Error> {
        let run = &found.item;
        let by = actor_of(run, index);
        let tries = run.steps.get(index).map_or(0, |step| step.tries);
        if tries >= MAX_TRIES {
            let end = StepEnd::Failed(format!("it was begun {tries} times, and never ended"));
            self.end_beyond(found, index, end, by).await?;
            return Ok(());
        }
        self.record(run, (by.clone(), "playbook.step"), Some(index))
            .await?;
        let started = run.started(index, now);
        let said = line_of_step(run, index, "begun");
        let committed = self
            .commit(found, started.clone(), None, (by.clone(), said))
            .await?;
        let RunCommitted::Done(version) = committed else {
            return Ok(());
        };
        let end = match Box::pin(self.do_beyond(run, index, tries > 0)).await {
            Ok(end) => end,
            // It is tried again once the lease is over.
            Err(error) if error.is_retryable() => {
                let id = run.id;
                tracing::warn!(run.id = %id, cause = chain(&error), "a step of {id} failed");
                return Ok(());
            }
            Err(error) => StepEnd::Failed(error.to_string()),
        };
        let begun = Versioned::new(started, version);
        if self
            .end_beyond(&begun, index, end.clone(), by.clone())
            .await?
        {
            self.record_end(run, (by, "playbook.step"), index, &end)
                .await;
        }
        Ok(())
    }

    /// Does what a step does that reaches further. `again`: an earlier try may have done it.
    async fn do_beyond(
        &self,
        run: &PlaybookRun,
        index: usize,
        again: bool,
    ) -> Result<StepEnd, Error> {
        let action = run.steps.get(index).map(|step| step.step.action);
        match (action, &self.grants, &self.rotations) {
            (Some(StepAction::RevokeGrant), Some(grants), _) => {
                let (organization, integration) = (run.organization_id, run.integration_id);
                grants.revoke(organization, integration, again).await
            }
            (Some(StepAction::RotateCredential), _, Some(desk)) => {
                rotate::start(desk, &self.store, (run, index), again).await
            }
            // `go_on` leaves these to others.
            _ => Ok(StepEnd::Failed("it cannot be done here".to_owned())),
        }
    }

    /// Writes that a step has ended, unless somebody else has moved the run.
    async fn end_beyond(
        &self,
        begun: &Versioned<PlaybookRun>,
        index: usize,
        end: StepEnd,
        by: Actor,
    ) -> Result<bool, Error> {
        let run = &begun.item;
        let said = line_of_step(run, index, &words(&end));
        let ended = run.ended(index, end, self.sources.now());
        for _ in 0..super::TRIES {
            let line = (by.clone(), said.clone());
            let committed = self.commit(begun, ended.clone(), None, line).await?;
            if committed != RunCommitted::Moved {
                return Ok(true);
            }
            // The incident may have moved, and the run not.
            let stands = self.run(run.organization_id, run.id).await?;
            if stands.version != begun.version {
                return Ok(stands.item == ended);
            }
        }
        Ok(false)
    }

    /// Records what is about to be done. What cannot be recorded is not done.
    pub(super) async fn record(
        &self,
        run: &PlaybookRun,
        (by, word): (Actor, &'static str),
        index: Option<usize>,
    ) -> Result<(), Error> {
        let entry = entry(run, (by, word), index, AuditOutcome::Started);
        self.trail.record(run.organization_id, entry).await?;
        Ok(())
    }

    /// Records how a step ended. It has, whether it can be recorded or not.
    pub(super) async fn record_end(
        &self,
        run: &PlaybookRun,
        (by, word): (Actor, &'static str),
        index: usize,
        end: &StepEnd,
    ) {
        let outcome = match end {
            StepEnd::Done(..) | StepEnd::Unchanged(_) => AuditOutcome::Succeeded,
            StepEnd::Failed(_) => AuditOutcome::Failed,
        };
        let entry = entry(run, (by, word), Some(index), outcome);
        if let Err(error) = self.trail.record(run.organization_id, entry).await {
            let id = run.id;
            tracing::error!(
                run.id = %id,
                cause = chain(&error),
                "how a step of {id} ended is not in the audit trail"
            );
        }
    }
}

fn entry(
    run: &PlaybookRun,
    (by, word): (Actor, &'static str),
    index: Option<usize>,
    outcome: AuditOutcome,
) -> NewAuditEntry {
    let action = index.and_then(|index| {
        let step = run.steps.get(index)?;
        Some(format!(
            ", step {} {}",
            index.saturating_add(1),
            step.step.action.name()
        ))
    });
    let (id, playbook) = (run.id, &run.playbook);
    NewAuditEntry {
        detail: Some(format!("{id} of {playbook}{}", action.unwrap_or_default())),
        ..NewAuditEntry::new(by, word, outcome)
    }
    .of(AuditSubject::new("integration", run.integration_id))
}

/// When a step that holds calls back lets them go.
fn breaker_until(run: &PlaybookRun, index: usize, now: Timestamp) -> Timestamp {
    let minutes = run.steps.get(index).and_then(|step| step.step.minutes);
    let minutes = u64::from(minutes.unwrap_or(1));
    now.plus(std::time::Duration::from_secs(minutes * 60))
}
