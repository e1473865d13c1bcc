//! Incidents: opened by alerts and by people, looked after by people.
//!
//! Whatever changes an incident is written with the entry of its timeline that says so, under the version
//! that was read; who is slower reads again and decides again.

use std::fmt;

use crate::audit::Trail;
use crate::domain::incident::{
    Changed, Incident, IncidentChange, IncidentEdit, IncidentRefusal, NewTimelineEntry,
    RaisedAlert, Taken, TimelineEvent,
};
use crate::domain::{
    Actor, AuditOutcome, AuditSubject, Error, IncidentId, NewAuditEntry, OrganizationId, Sources,
    Timestamp,
};
use crate::store::{IncidentWrite, Store, Versioned, contended};

/// How often a change is tried anew because others were faster.
const TRIES: usize = 24;

/// The incidents of all organizations. Cheap to clone.
#[derive(Clone)]
pub struct Incidents {
    store: Store,
    trail: Trail,
    sources: Sources,
}

impl fmt::Debug for Incidents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incidents").finish_non_exhaustive()
    }
}

/// What came of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertTaken {
    /// The incident that it belongs to.
    pub incident: Versioned<Incident>,
    /// Whether the alert opened it.
    pub opened: bool,
}

impl Incidents {
    /// Incidents in `store`; what alerts make of them is recorded in `trail`.
    #[must_use]
    pub fn new(store: Store, trail: Trail, sources: Sources) -> Self {
        Self {
            store,
            trail,
            sources,
        }
    }

    /// Adds an alert to the incident of its integration and type, or opens one. An alert that belongs to one
    /// already changes nothing, so the same one may be handed over again.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the trail cannot be written.
    pub async fn alert(
        &self,
        organization: OrganizationId,
        alert: &RaisedAlert,
    ) -> Result<AlertTaken, Error> {
        let by = Actor::system(self.trail.function());
        for _ in 0..TRIES {
            let now = self.sources.now();
            let (integration, kind) = (alert.integration, alert.incident_type);
            let group = self.store.incident_group(organization, integration, kind);
            let group = group.await?;
            let current = match group.item {
                Some(id) => self.store.incident(organization, id).await?,
                None => None,
            };
            let taken = current.as_ref().map_or(Taken::Declined, |found| {
                found.item.take(alert, by.clone(), now)
            });
            let (write, word) = match (taken, current) {
                (Taken::Known, Some(incident)) => {
                    let opened = false;
                    return Ok(AlertTaken { incident, opened });
                }
                (Taken::Joined(changed), Some(found)) => {
                    (IncidentWrite::change(&found, *changed), "incident.join")
                }
                (Taken::Reopened(changed), Some(found)) => {
                    (IncidentWrite::change(&found, *changed), "incident.reopen")
                }
                _ => {
                    let id = IncidentId::generate(now, self.sources.randomness.as_ref());
                    let opened = Incident::opened_by(alert, id, organization, (by.clone(), now));
                    let write = new_incident(opened, Some(group.version));
                    (write, "incident.open")
                }
            };
            let id = write.incident.id;
            self.record(organization, by.clone(), (word, id), alert)
                .await?;
            if self.commit(organization, &write).await? {
                tracing::info!(incident.id = %id, alert.id = %alert.id, "{id}: {word}");
                return Ok(AlertTaken {
                    opened: write.expected == 0,
                    incident: Versioned::new(write.incident, write.expected.saturating_add(1)),
                });
            }
        }
        Err(contended().into())
    }

    async fn record(
        &self,
        organization: OrganizationId,
        by: Actor,
        (word, id): (&'static str, IncidentId),
        alert: &RaisedAlert,
    ) -> Result<(), Error> {
        let entry = NewAuditEntry {
            detail: Some(format!("{} {}", alert.id, alert.kind)),
            ..NewAuditEntry::new(by, word, AuditOutcome::Started)
        };
        let entry = entry.of(AuditSubject::new("incident", id));
        self.trail.record(organization, entry).await?;
        Ok(())
    }

    /// Opens an incident that a person tells of. The alerts of its integration and type join it, unless
    /// another one that takes them is looked after.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn open(
        &self,
        incident: Incident,
        said: NewTimelineEntry,
    ) -> Result<Versioned<Incident>, Error> {
        let organization = incident.organization_id;
        for _ in 0..TRIES {
            let group = self.group_for(&incident).await?;
            let write = new_incident(incident.clone().begun(said.clone()), group);
            if self.commit(organization, &write).await? {
                return Ok(Versioned::new(write.incident, 1));
            }
        }
        Err(contended().into())
    }

    /// The version of the group of an incident, if it is to lead to this incident from now on.
    async fn group_for(&self, incident: &Incident) -> Result<Option<u64>, Error> {
        let organization = incident.organization_id;
        let (integration, kind) = (incident.integration_id, incident.incident_type);
        let group = self.store.incident_group(organization, integration, kind);
        let group = group.await?;
        let other = match group.item {
            Some(id) if id == incident.id => return Ok(None),
            Some(id) => self.store.incident(organization, id).await?,
            None => None,
        };
        let takes_them = other.is_some_and(|other| other.item.status.is_live());
        Ok((!takes_them).then_some(group.version))
    }

    /// Makes a step of an incident that a person asks for.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if there is no such step from where it stands; or the
    /// table does not answer.
    pub async fn change(
        &self,
        organization: OrganizationId,
        id: IncidentId,
        change: IncidentChange,
        said: &Said,
    ) -> Result<Versioned<Incident>, Error> {
        let regroups = change == IncidentChange::Reopen;
        self.modify(organization, id, (None, regroups), |incident, now| {
            incident.change(change, said.at(now))
        })
        .await
    }

    /// Changes title and severity, in version `expected`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`], if it is in another version; [`Error::Conflict`],
    /// if it is closed; or the table does not answer.
    pub async fn edit(
        &self,
        organization: OrganizationId,
        (id, expected): (IncidentId, u64),
        edit: &IncidentEdit,
        said: &Said,
    ) -> Result<Versioned<Incident>, Error> {
        self.modify(
            organization,
            id,
            (Some(expected), false),
            |incident, now| incident.edit(edit.clone(), said.at(now)),
        )
        .await
    }

    /// Adds what a person says to the timeline.
    ///
    /// # Errors
    ///
    /// As [`Incidents::edit`], without a version.
    pub async fn note(
        &self,
        organization: OrganizationId,
        id: IncidentId,
        said: &Said,
    ) -> Result<Versioned<Incident>, Error> {
        self.modify(organization, id, (None, false), |incident, now| {
            incident.note(TimelineEvent::Noted, said.at(now))
        })
        .await
    }

    /// Puts down what was learned, in version `expected`.
    ///
    /// # Errors
    ///
    /// As [`Incidents::edit`].
    pub async fn write_notes(
        &self,
        organization: OrganizationId,
        (id, expected): (IncidentId, u64),
        text: &str,
        said: &Said,
    ) -> Result<Versioned<Incident>, Error> {
        self.modify(
            organization,
            id,
            (Some(expected), false),
            |incident, now| incident.write_notes(text.to_owned(), said.at(now)),
        )
        .await
    }

    async fn modify(
        &self,
        organization: OrganizationId,
        id: IncidentId,
        (expected, regroups): (Option<u64>, bool),
        change: impl Fn(&Incident, Timestamp) -> Result<Changed, IncidentRefusal> + Send,
    ) -> Result<Versioned<Incident>, Error> {
        for _ in 0..TRIES {
            let found = self.store.incident(organization, id).await?;
            let found = found.ok_or(Error::NotFound("incident"))?;
            if expected.is_some_and(|expected| expected != found.version) {
                return Err(Error::PreconditionFailed);
            }
            let changed = change(&found.item, self.sources.now())?;
            let mut write = IncidentWrite::change(&found, changed);
            if regroups {
                write.group = self.group_for(&found.item).await?;
            }
            if self.commit(organization, &write).await? {
                let version = found.version.saturating_add(1);
                return Ok(Versioned::new(write.incident, version));
            }
        }
        Err(contended().into())
    }

    /// Writes a change. Whether it is there: also if an earlier try wrote it, whose answer was lost.
    async fn commit(
        &self,
        organization: OrganizationId,
        write: &IncidentWrite,
    ) -> Result<bool, Error> {
        if self.store.commit_incident(organization, write).await? {
            return Ok(true);
        }
        let found = self.store.incident(organization, write.incident.id).await?;
        Ok(found.is_some_and(|found| {
            found.version == write.expected.saturating_add(1) && found.item == write.incident
        }))
    }
}

fn new_incident((incident, entry): Changed, group: Option<u64>) -> IncidentWrite {
    IncidentWrite {
        incident,
        expected: 0,
        was_live: false,
        entry,
        group,
    }
}

/// Who says what.
#[derive(Clone, Debug)]
pub struct Said {
    /// Who.
    pub by: Actor,
    /// What, if anything.
    pub text: Option<String>,
}

impl Said {
    fn at(&self, now: Timestamp) -> NewTimelineEntry {
        NewTimelineEntry::new(self.by.clone(), now).saying(self.text.clone())
    }
}

impl From<IncidentRefusal> for Error {
    fn from(refusal: IncidentRefusal) -> Self {
        Self::Conflict(refusal.to_string())
    }
}
