//! Runs of playbooks, one step at a time.
//!
//! What it guarantees: a step that changes our table does so in the transaction that says that it was done,
//! so it is done once, whoever dies or runs beside it. A step that reaches further is begun under a
//! lease that is written before, is tried again if who began it is not heard of, and does no harm twice.
//! What cannot be recorded in the audit trail is not done. What it does not: a provider that is asked twice
//! may be told twice.

mod built_in;
mod grant;
mod outlook;
mod people;
mod rotate;
mod step;
mod tick;

use std::fmt;

use crate::audit::Trail;
use crate::domain::incident::{Incident, NewTimelineEntry, TimelineEvent};
use crate::domain::playbook::{
    NewRun, PlaybookRun, PlaybookSpec, RunNext, RunRefusal, StepAction, StepEnd, TriggerStart,
};
use crate::domain::{Actor, Error, IncidentId, OrganizationId, PlaybookId, PlaybookRunId, Sources};
use crate::flows::rotation::RotationDesk;
use crate::store::{Digest, IncidentWrite, RunCommitted, RunWrite, Store, Versioned, contended};

pub use built_in::built_in;
pub use grant::GrantRevoker;
pub use outlook::{StepOutlook, Would};
pub use tick::RunsReport;

/// How often what somebody asks for is tried anew because others were faster, and how many moves one call
/// makes of a run: more than one has.
const TRIES: usize = 48;

/// Runs playbooks. Cheap to clone.
#[derive(Clone)]
pub struct Playbooks {
    store: Store,
    trail: Trail,
    sources: Sources,
    grants: Option<GrantRevoker>,
    rotations: Option<RotationDesk>,
}

impl fmt::Debug for Playbooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playbooks").finish_non_exhaustive()
    }
}

/// A playbook that is known by a text: its id, or the name of one that is built in.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownPlaybook {
    /// The text.
    pub key: String,
    /// What it says.
    pub spec: PlaybookSpec,
}

impl Playbooks {
    /// Runs what is kept in `store`, and records in `trail`. It leaves steps that end grants, or replace
    /// credentials, to one that may do that, by way of the index of what is due.
    #[must_use]
    pub fn new(store: Store, trail: Trail, sources: Sources) -> Self {
        Self {
            store,
            trail,
            sources,
            grants: None,
            rotations: None,
        }
    }

    /// The same, which has credentials replaced by way of `rotations`.
    #[must_use]
    pub fn with_rotations(self, rotations: RotationDesk) -> Self {
        Self {
            rotations: Some(rotations),
            ..self
        }
    }

    /// The same, which ends grants, too.
    #[must_use]
    pub fn with_grants(self, grants: GrantRevoker) -> Self {
        Self {
            grants: Some(grants),
            ..self
        }
    }

    /// The playbook with this id or name.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; or the table does not answer.
    pub async fn find(
        &self,
        organization: OrganizationId,
        key: &str,
    ) -> Result<KnownPlaybook, Error> {
        let spec = match key.parse::<PlaybookId>() {
            Ok(id) => {
                let found = self.store.playbook(organization, id).await?;
                found.map(|found| found.item.spec)
            }
            Err(_) => built_in().get(key).cloned(),
        };
        Ok(KnownPlaybook {
            key: key.to_owned(),
            spec: spec.ok_or(Error::NotFound("playbook"))?,
        })
    }

    /// All playbooks of an organization: its own, newest first, then those that are built in.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn all(&self, organization: OrganizationId) -> Result<Vec<KnownPlaybook>, Error> {
        let own = self.store.playbooks(organization).await?;
        let own = own.into_iter().map(|found| KnownPlaybook {
            key: found.item.id.to_string(),
            spec: found.item.spec,
        });
        let built_in = built_in().iter().map(|(name, spec)| KnownPlaybook {
            key: (*name).to_owned(),
            spec: spec.clone(),
        });
        Ok(own.chain(built_in).collect())
    }

    /// Starts what is to be started by itself for an incident, once each. Call it with whatever an alert has
    /// made: it may be called again.
    ///
    /// # Errors
    ///
    /// If the table does not answer: those that were started go on.
    pub async fn start_for(&self, incident: &Incident) -> Result<usize, Error> {
        let (organization, Some(integration)) = (incident.organization_id, incident.integration_id)
        else {
            return Ok(0);
        };
        let mut started = 0;
        for known in self.matching(incident, TriggerStart::Automatic).await? {
            let run = PlaybookRun::new(
                NewRun {
                    id: run_of(incident, &known.key),
                    organization,
                    playbook: &known.key,
                    spec: &known.spec,
                    integration,
                    incident: Some(incident.id),
                    parameters: crate::domain::playbook::RunParameters::default(),
                    by: Actor::system(self.trail.function()),
                },
                self.sources.now(),
            );
            if self
                .store
                .playbook_run(organization, run.id)
                .await?
                .is_none()
            {
                self.begin(run).await?;
                started += 1;
            }
        }
        Ok(started)
    }

    /// The playbooks whose triggers an incident meets, of those that do this.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn matching(
        &self,
        incident: &Incident,
        start: TriggerStart,
    ) -> Result<Vec<KnownPlaybook>, Error> {
        let all = self.all(incident.organization_id).await?;
        let matching = all.into_iter().filter(|known| {
            let trigger = known.spec.trigger.as_ref();
            trigger.is_some_and(|trigger| trigger.start == start && trigger.matches(incident))
        });
        Ok(matching.collect())
    }

    /// Starts a run, and takes its steps up to the first that waits.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the trail cannot be written. The run may have begun by then, and is
    /// gone on with.
    pub async fn begin(&self, run: PlaybookRun) -> Result<Versioned<PlaybookRun>, Error> {
        let (organization, id) = (run.organization_id, run.id);
        let said = Line {
            event: TimelineEvent::RunStarted,
            by: run.started_by.clone(),
            text: run.name.clone(),
        };
        for _ in 0..TRIES {
            self.record(&run, (run.started_by.clone(), "playbook.start"), None)
                .await?;
            let write = RunWrite {
                expected: 0,
                was_due_at: None,
                effect: None,
                incident: self.line(&run, said.clone()).await?,
                run: run.clone(),
            };
            let committed = self.store.commit_run(organization, &write).await?;
            let is_there = committed != RunCommitted::Moved
                || self.store.playbook_run(organization, id).await?.is_some();
            if is_there {
                return self.go_on(organization, id).await;
            }
        }
        Err(contended().into())
    }

    /// Takes the steps of a run up to the first that waits.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; or the table does not answer, or the trail cannot be written: the run is gone on
    /// with later.
    pub async fn go_on(
        &self,
        organization: OrganizationId,
        id: PlaybookRunId,
    ) -> Result<Versioned<PlaybookRun>, Error> {
        for _ in 0..TRIES {
            let found = self.run(organization, id).await?;
            let now = self.sources.now();
            match found.item.next(now) {
                RunNext::Ended | RunNext::Wait(_) => return Ok(found),
                RunNext::Ask(index) => {
                    let said = "waits for a person's approval";
                    let by = found.item.started_by.clone();
                    self.move_to(&found, found.item.asked(index, now), (by, index, said))
                        .await?;
                }
                RunNext::Expire(index) => {
                    let by = Actor::system(self.trail.function());
                    self.record(&found.item, (by.clone(), "playbook.expire"), Some(index))
                        .await?;
                    let said = "nobody approved it in time";
                    self.move_to(&found, found.item.expired(index, now), (by, index, said))
                        .await?;
                }
                RunNext::Take(index) if self.is_for_others(&found.item, index) => {
                    if found.item.due_at.is_some_and(|due| due <= now) {
                        return Ok(found);
                    }
                    let write = RunWrite::change(&found, found.item.handed_over(now));
                    self.store.commit_run(organization, &write).await?;
                }
                RunNext::Take(index) => self.take(&found, index, now).await?,
            }
        }
        Err(contended().into())
    }

    /// Whether a step takes what this one does not have.
    fn is_for_others(&self, run: &PlaybookRun, index: usize) -> bool {
        match run.steps.get(index).map(|step| step.step.action) {
            Some(StepAction::RevokeGrant) => self.grants.is_none(),
            Some(StepAction::RotateCredential) => self.rotations.is_none(),
            _ => false,
        }
    }

    pub(super) async fn run(
        &self,
        organization: OrganizationId,
        id: PlaybookRunId,
    ) -> Result<Versioned<PlaybookRun>, Error> {
        let found = self.store.playbook_run(organization, id).await?;
        found.ok_or(Error::NotFound("run"))
    }

    /// Writes a change of a run that changes nothing else. If somebody was faster, it is read again.
    async fn move_to(
        &self,
        before: &Versioned<PlaybookRun>,
        run: PlaybookRun,
        (by, index, said): (Actor, usize, &str),
    ) -> Result<RunCommitted, Error> {
        let text = line_of_step(&run, index, said);
        self.commit(before, run, None, (by, text)).await
    }

    /// Writes a change of a run, with what its step changes, and a line in the incident's timeline.
    async fn commit(
        &self,
        before: &Versioned<PlaybookRun>,
        run: PlaybookRun,
        effect: Option<crate::store::StepEffect>,
        (by, text): (Actor, String),
    ) -> Result<RunCommitted, Error> {
        let event = if run.status.has_ended() && !before.item.status.has_ended() {
            TimelineEvent::RunEnded
        } else {
            TimelineEvent::RunStep
        };
        let line = Line { event, by, text };
        let write = RunWrite {
            effect,
            incident: self.line(&run, line).await?,
            ..RunWrite::change(before, run)
        };
        let organization = before.item.organization_id;
        Ok(self.store.commit_run(organization, &write).await?)
    }

    /// The line that a run adds to its incident's timeline; none, if that takes no more lines.
    async fn line(&self, run: &PlaybookRun, line: Line) -> Result<Option<IncidentWrite>, Error> {
        let Some(id) = run.incident_id else {
            return Ok(None);
        };
        let found = self.store.incident(run.organization_id, id).await?;
        let Some(found) = found else {
            return Ok(None);
        };
        let said = NewTimelineEntry::new(line.by, run.updated_at)
            .about(run.id)
            .saying(Some(line.text));
        let changed = found.item.note(line.event, said);
        Ok(changed
            .ok()
            .map(|changed| IncidentWrite::change(&found, changed)))
    }
}

/// What is added to a timeline.
#[derive(Clone, Debug)]
struct Line {
    event: TimelineEvent,
    by: Actor,
    text: String,
}

/// What the timeline says of a step.
fn line_of_step(run: &PlaybookRun, index: usize, said: &str) -> String {
    let action = run
        .steps
        .get(index)
        .map_or("", |step| step.step.action.name());
    format!(
        "{}, step {} ({action}): {said}",
        run.name,
        index.saturating_add(1)
    )
}

/// How a step's end reads.
fn words(end: &StepEnd) -> String {
    match end {
        StepEnd::Done(said, _) => format!("done: {said}"),
        StepEnd::Unchanged(said) => format!("nothing to do: {said}"),
        StepEnd::Failed(said) => format!("failed: {said}"),
    }
}

/// The id of the run that a playbook has for an incident, if it starts by itself: there is one.
fn run_of(incident: &Incident, playbook: &str) -> PlaybookRunId {
    let id: IncidentId = incident.id;
    let digest = Digest::of_parts(&[id.to_string().as_bytes(), playbook.as_bytes()]);
    let mut random = [0; 16];
    for (to, from) in random.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    let millisecond = u64::try_from(incident.opened_at.as_millisecond()).unwrap_or(0);
    ulid::Ulid::from_parts(millisecond, u128::from_le_bytes(random) >> 48).into()
}

impl From<RunRefusal> for Error {
    fn from(refusal: RunRefusal) -> Self {
        Self::Conflict(refusal.to_string())
    }
}

/// Who acts by a step: who said yes to it; without that, who started the run.
fn actor_of(run: &PlaybookRun, index: usize) -> Actor {
    let step = run.steps.get(index);
    let decided = step.and_then(|step| step.decided.as_ref());
    decided.map_or_else(|| run.started_by.clone(), |mark| mark.by.clone())
}
