//! Playbooks, and their runs. A run changes together with what its step changes, with the incident that it
//! is run for, and with the index by which it is found when it has to be looked at.

use std::collections::HashSet;

use crate::domain::playbook::{Playbook, PlaybookRun};
use crate::domain::{
    Endpoint, GatewayState, IncidentId, Integration, IntegrationId, OrganizationId, PlaybookId,
    PlaybookRunId, Timestamp,
};

use super::error::contended;
use super::guards::AtMost;
use super::incidents::{IncidentWrite, OVER_KEPT};
use super::items::{Stored, Versioned};
use super::keys::{Collection, IncidentKey, ItemKey, RunDue};
use super::notices::OwedNotice;
use super::table::{ABSENT, Transacted};
use super::{Page, Store, StoreError};

/// The most playbooks of an organization.
pub const MAX_PLAYBOOKS: u32 = 100;

/// What a step changes in the table, over the version that was read.
#[derive(Clone, Debug)]
pub enum StepEffect {
    /// The circuit breaker.
    Gateway(IntegrationId, GatewayState, u64),
    /// The integration.
    Integration(Box<Integration>, u64),
    /// An endpoint.
    Endpoint(Box<Endpoint>, u64),
    /// What people are to be told.
    Notice(Box<OwedNotice>),
}

/// A change of a run: with what its step changes, and what is said of it in the incident's timeline.
#[derive(Clone, Debug)]
pub struct RunWrite {
    /// The run as it is to be.
    pub run: PlaybookRun,
    /// The version that was read; 0 for a new one.
    pub expected: u64,
    /// When the run was due in that version.
    pub was_due_at: Option<Timestamp>,
    /// What the step changes.
    pub effect: Option<StepEffect>,
    /// What is said of it.
    pub incident: Option<IncidentWrite>,
}

impl RunWrite {
    /// A change of a run that was read.
    #[must_use]
    pub fn change(before: &Versioned<PlaybookRun>, run: PlaybookRun) -> Self {
        Self {
            run,
            expected: before.version,
            was_due_at: before.item.due_at,
            effect: None,
            incident: None,
        }
    }
}

/// What came of writing a change of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunCommitted {
    /// All is written; the run is in this version.
    Done(u64),
    /// Nothing is: the run, or what its step changes, or the incident, is not in the version that was read;
    /// or somebody is writing one of them. Read again, and decide again. A write whose answer was lost is
    /// found to have moved as well.
    Moved,
}

/// A run that has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DueRun {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub run: PlaybookRunId,
    /// Since when.
    pub at: Timestamp,
}

impl Store {
    /// Adds a playbook, if its organization has fewer than [`MAX_PLAYBOOKS`].
    ///
    /// # Errors
    ///
    /// [`StoreError::LimitReached`]; [`StoreError::Conflict`] if there is one with its id.
    pub async fn create_playbook(&self, playbook: &Playbook) -> Result<(), StoreError> {
        let organization = playbook.organization_id;
        let limit = AtMost {
            what: "playbooks",
            max: MAX_PLAYBOOKS,
            collection: Collection::Playbooks(organization),
            guard: ItemKey::OfIncidents(IncidentKey::PlaybooksGuard(organization)),
        };
        let key = playbook_key(organization, playbook.id);
        let put = self.put_operation(key, &Stored::first(playbook.clone()), Some(ABSENT))?;
        match self.add_within(limit, &[put], playbook.created_at).await? {
            Transacted::Done => Ok(()),
            Transacted::Busy => Err(contended()),
            Transacted::Unmet(_) => {
                // Ours already, if the answer to an earlier try was lost.
                let found = self.playbook(organization, playbook.id).await?;
                let is_ours = found.is_some_and(|found| found.item == *playbook);
                is_ours.then_some(()).ok_or(StoreError::Conflict)
            }
        }
    }

    /// A playbook.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn playbook(
        &self,
        organization: OrganizationId,
        id: PlaybookId,
    ) -> Result<Option<Versioned<Playbook>>, StoreError> {
        let stored = self.get(playbook_key(organization, id)).await?;
        Ok(stored.map(Stored::into_versioned))
    }

    /// All playbooks of an organization, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn playbooks(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<Versioned<Playbook>>, StoreError> {
        let key_of = |id| playbook_key(organization, id);
        let collection = Collection::Playbooks(organization);
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            // Two that add at the same time may leave one more than there may be.
            let page = self
                .list::<_, PlaybookId>(collection, key_of, 100, after)
                .await?;
            all.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Replaces the playbook that was read in version `expected`; returns the new version.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if it is in another version.
    pub async fn update_playbook(
        &self,
        playbook: &Playbook,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let key = playbook_key(playbook.organization_id, playbook.id);
        self.replace(key, playbook.clone(), expected).await
    }

    /// Deletes a playbook, in version `expected` if one is given. Its runs go on.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], or [`StoreError::Conflict`] if it is in another version.
    pub async fn delete_playbook(
        &self,
        organization: OrganizationId,
        id: PlaybookId,
        expected: Option<u64>,
    ) -> Result<(), StoreError> {
        self.delete(playbook_key(organization, id), expected).await
    }

    /// A run.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn playbook_run(
        &self,
        organization: OrganizationId,
        id: PlaybookRunId,
    ) -> Result<Option<Versioned<PlaybookRun>>, StoreError> {
        let stored = self.get(run_key(organization, id)).await?;
        Ok(stored.map(Stored::into_versioned))
    }

    /// Runs, newest first: all, or those for an incident. Work is bounded: a page can be short, even empty,
    /// and still have a next one.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn playbook_runs(
        &self,
        organization: OrganizationId,
        incident: Option<IncidentId>,
        limit: u16,
        after: Option<PlaybookRunId>,
    ) -> Result<Page<Versioned<PlaybookRun>, PlaybookRunId>, StoreError> {
        let collection = Collection::PlaybookRuns(organization);
        let key_of = |id| run_key(organization, id);
        let accepts = |stored: &Stored<PlaybookRun>| {
            incident.is_none_or(|wanted| stored.data.incident_id == Some(wanted))
        };
        self.list_where(collection, key_of, (limit, after), accepts)
            .await
    }

    /// Writes a change of a run: all of it or nothing.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn commit_run(
        &self,
        organization: OrganizationId,
        write: &RunWrite,
    ) -> Result<RunCommitted, StoreError> {
        let run = &write.run;
        let key = run_key(organization, run.id);
        let end = run.ended_at.map(|at| at.plus(OVER_KEPT));
        let mut operations = vec![self.put_until(key, (run, end), write.expected)?];
        let due = |at| {
            let run = run.id;
            let due = RunDue {
                at,
                organization,
                run,
            };
            ItemKey::OfIncidents(IncidentKey::RunDue(due))
        };
        if write.was_due_at != run.due_at {
            if let Some(was) = write.was_due_at {
                operations.push(self.delete_operation(due(was))?);
            }
            if let Some(at) = run.due_at {
                let stored = Stored::first(run.id);
                operations.push(self.put_operation(due(at), &stored, None)?);
            }
        }
        operations.extend(match &write.effect {
            None => None,
            Some(StepEffect::Gateway(integration, state, expected)) => {
                let key = ItemKey::Gateway(organization, *integration);
                Some(self.put_next(key, state, *expected)?)
            }
            Some(StepEffect::Integration(item, expected)) => {
                let key = ItemKey::Integration(organization, item.id);
                Some(self.put_next(key, &**item, *expected)?)
            }
            Some(StepEffect::Endpoint(item, expected)) => {
                let key = ItemKey::Endpoint(organization, item.integration_id, item.id);
                Some(self.put_next(key, &**item, *expected)?)
            }
            Some(StepEffect::Notice(notice)) => Some(self.owe_operation(notice)?),
        });
        if let Some(incident) = &write.incident {
            operations.extend(self.incident_operations(organization, incident)?);
        }
        Ok(match self.transact(operations).await? {
            Transacted::Done => RunCommitted::Done(write.expected.saturating_add(1)),
            Transacted::Unmet(_) | Transacted::Busy => RunCommitted::Moved,
        })
    }

    /// At most `limit` runs of any organization that have to be looked at by `now`, those that wait longest
    /// first, but for those in `but`.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn due_runs(
        &self,
        now: Timestamp,
        limit: u16,
        but: &HashSet<DueRun>,
    ) -> Result<Vec<DueRun>, StoreError> {
        let left_out = u16::try_from(but.len()).unwrap_or(u16::MAX);
        let found = self
            .query_up(Collection::RunsDue, limit.saturating_add(left_out))
            .await?;
        let mut due = Vec::new();
        for attributes in found {
            let one: RunDue = Collection::RunsDue.id_of(&attributes)?;
            let one = DueRun {
                organization: one.organization,
                run: one.run,
                at: one.at,
            };
            if one.at <= now && !but.contains(&one) {
                due.push(one);
            }
        }
        due.truncate(usize::from(limit));
        Ok(due)
    }

    /// Drops an entry of the index that leads to nothing.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn drop_due_run(&self, due: &DueRun) -> Result<(), StoreError> {
        let key = RunDue {
            at: due.at,
            organization: due.organization,
            run: due.run,
        };
        let key = ItemKey::OfIncidents(IncidentKey::RunDue(key));
        match self.delete(key, None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn playbook_key(organization: OrganizationId, id: PlaybookId) -> ItemKey {
    ItemKey::OfIncidents(IncidentKey::Playbook(organization, id))
}

fn run_key(organization: OrganizationId, id: PlaybookRunId) -> ItemKey {
    ItemKey::OfIncidents(IncidentKey::Run(organization, id))
}
