//! What people do with runs.

use super::{Playbooks, TRIES, line_of_step};
use crate::domain::playbook::{PlaybookRun, RunRefusal, StepMemo, Undoing};
use crate::domain::{
    Actor, AuthConfig, Error, GrantType, Integration, IntegrationStatus, OrganizationId,
    PlaybookRunId, Timestamp,
};
use crate::store::{RunCommitted, StepEffect, Versioned, contended};

/// What undoing a step comes to.
struct Undone {
    effect: Option<StepEffect>,
    was_undone: bool,
    said: String,
}

impl Undone {
    fn of<T>(undoing: Undoing<T>, effect: impl FnOnce(T) -> StepEffect) -> Self {
        match undoing {
            Undoing::Change { item, says } => Self {
                effect: Some(effect(item)),
                was_undone: true,
                said: says,
            },
            Undoing::Moved(says) => Self::moved(&says),
        }
    }

    fn moved(says: &str) -> Self {
        Self {
            effect: None,
            was_undone: false,
            said: format!("not undone: {says}"),
        }
    }
}

impl Playbooks {
    /// A person says yes, or no, to the step with this index; with a yes the run goes on.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if the step does not wait (any more), or for somebody
    /// else; or the table does not answer.
    pub async fn decide(
        &self,
        organization: OrganizationId,
        (id, index): (PlaybookRunId, usize),
        approved: bool,
        by: &Actor,
    ) -> Result<Versioned<PlaybookRun>, Error> {
        let said = if approved { "approved" } else { "rejected" };
        let decide = |run: &PlaybookRun, now| run.decided(index, approved, by.clone(), now);
        self.change(
            organization,
            id,
            decide,
            (by, |run| line_of_step(run, index, said)),
        )
        .await?;
        self.go_on(organization, id).await
    }

    /// Ends a run. What it has done stays: see [`Playbooks::undo`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if it has ended, or a step is on its way; or the table does
    /// not answer.
    pub async fn cancel(
        &self,
        organization: OrganizationId,
        id: PlaybookRunId,
        by: &Actor,
    ) -> Result<Versioned<PlaybookRun>, Error> {
        let cancel = |run: &PlaybookRun, now| run.cancelled(now);
        self.change(
            organization,
            id,
            cancel,
            (by, |run| format!("{} was cancelled", run.name)),
        )
        .await?;
        self.run(organization, id).await
    }

    async fn change(
        &self,
        organization: OrganizationId,
        id: PlaybookRunId,
        change: impl Fn(&PlaybookRun, Timestamp) -> Result<PlaybookRun, RunRefusal> + Send,
        (by, said): (&Actor, impl Fn(&PlaybookRun) -> String + Send),
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let found = self.run(organization, id).await?;
            let changed = change(&found.item, self.sources.now())?;
            let line = (by.clone(), said(&changed));
            let committed = self.commit(&found, changed.clone(), None, line).await?;
            if committed != RunCommitted::Moved {
                return Ok(());
            }
            // Ours already, if the answer to this was lost.
            if self.run(organization, id).await?.item == changed {
                return Ok(());
            }
        }
        Err(contended().into())
    }

    /// Undoes what a run that has ended has done, the last step first: each in one transaction. What does
    /// not stand any more as the step left it is left alone, and said to be.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if it has not ended, or has done nothing that can be
    /// undone; or the table does not answer, or the trail cannot be written. Some steps may be undone by
    /// then, and asking again goes on.
    pub async fn undo(
        &self,
        organization: OrganizationId,
        id: PlaybookRunId,
        by: &Actor,
    ) -> Result<Versioned<PlaybookRun>, Error> {
        let mut has_undone = false;
        for _ in 0..TRIES {
            let found = self.run(organization, id).await?;
            let (index, memo) = match found.item.to_undo() {
                Ok(next) => next,
                Err(RunRefusal::NothingToUndo) if has_undone => return Ok(found),
                Err(refusal) => return Err(refusal.into()),
            };
            let now = self.sources.now();
            let undone = self.decide_undo(&found.item, (index, memo), now).await?;
            if undone.effect.is_some() {
                let word = (by.clone(), "playbook.undo_step");
                self.record(&found.item, word, Some(index)).await?;
            }
            let run = found
                .item
                .undone(index, undone.was_undone, &undone.said, now);
            let line = (by.clone(), line_of_step(&run, index, &undone.said));
            let committed = self.commit(&found, run, undone.effect, line).await?;
            has_undone |= committed != RunCommitted::Moved;
        }
        Err(contended().into())
    }

    async fn decide_undo(
        &self,
        run: &PlaybookRun,
        (index, memo): (usize, &StepMemo),
        now: Timestamp,
    ) -> Result<Undone, Error> {
        let (organization, integration) = (run.organization_id, run.integration_id);
        let found = self.store.integration(organization, integration).await?;
        let Some(found) = found else {
            return Ok(Undone::moved("the integration is no more"));
        };
        Ok(match memo {
            StepMemo::Breaker { set, before } => {
                let state = self.store.gateway_state(organization, integration).await?;
                let undoing = Undoing::close_breaker(&state.item, (*set, *before), now);
                Undone::of(undoing, |item| {
                    StepEffect::Gateway(integration, item, state.version)
                })
            }
            StepMemo::Status { before, version } => {
                let before = match self.wants_consent(&found.item).await? {
                    true => IntegrationStatus::Pending,
                    false => *before,
                };
                let is_untouched = found.version == run.version_left(index, *version);
                let undoing = Undoing::resume(&found.item, before, is_untouched, now);
                Undone::of(undoing, |item| {
                    StepEffect::Integration(Box::new(item), found.version)
                })
            }
            StepMemo::Network {
                endpoint,
                network,
                version,
            } => {
                let found = self.store.endpoint(organization, integration, *endpoint);
                let Some(found) = found.await? else {
                    return Ok(Undone::moved("the endpoint is no more"));
                };
                let is_untouched = found.version == run.version_left(index, *version);
                let undoing = Undoing::unblock(&found.item, *network, is_untouched, now);
                Undone::of(undoing, |item| {
                    StepEffect::Endpoint(Box::new(item), found.version)
                })
            }
        })
    }

    /// Whether an integration has no tokens, and nobody but a person can get it some.
    async fn wants_consent(&self, integration: &Integration) -> Result<bool, Error> {
        let config = AuthConfig::read(integration.auth_method, integration.auth_config.as_ref());
        let Ok(AuthConfig::Oauth2(config)) = config else {
            return Ok(false);
        };
        let (organization, id) = (integration.organization_id, integration.id);
        let grant = self.store.grant(organization, id).await?;
        Ok(match grant {
            Some(grant) => grant.item.grant.end.is_some(),
            None => config.grant_type == GrantType::AuthorizationCode,
        })
    }
}
