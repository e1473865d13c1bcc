use std::fmt;
use std::str::FromStr;

use super::Collection;
use super::due::DueError;
use crate::domain::{Digest, IncidentId, OrganizationId, PlaybookId, PlaybookRunId, Timestamp};

/// The keys of incidents, playbooks, and what was done by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IncidentKey {
    Incident(OrganizationId, IncidentId),
    /// Says that an incident is looked after: so that these are found without the others.
    Live(OrganizationId, IncidentId),
    /// The digest of an integration and a type of incident: which one takes their alerts.
    Group(OrganizationId, Digest),
    /// By its place in the timeline.
    Entry(OrganizationId, IncidentId, u16),
    Playbook(OrganizationId, PlaybookId),
    /// Changes with every playbook that is added.
    PlaybooksGuard(OrganizationId),
    Run(OrganizationId, PlaybookRunId),
    /// Belongs to no organization: it is found by its instant.
    RunDue(RunDue),
}

impl IncidentKey {
    /// What the item's `item_type` attribute says.
    pub(super) fn item_type(self) -> &'static str {
        match self {
            Self::Incident(..) => "incident",
            Self::Live(..) => "live_incident",
            Self::Group(..) => "incident_group",
            Self::Entry(..) => "incident_entry",
            Self::Playbook(..) => "playbook",
            Self::PlaybooksGuard(..) => "playbooks_guard",
            Self::Run(..) => "playbook_run",
            Self::RunDue(..) => "playbook_run_due",
        }
    }

    /// The partition key and the sort key.
    pub(super) fn render(self) -> (String, String) {
        let in_collection = |collection: Collection, id: &dyn fmt::Display| {
            let (pk, prefix) = collection.render();
            (pk, format!("{prefix}{id}"))
        };
        match self {
            Self::Incident(organization, id) => {
                in_collection(Collection::Incidents(organization), &id)
            }
            Self::Live(organization, id) => {
                in_collection(Collection::LiveIncidents(organization), &id)
            }
            Self::Group(organization, digest) => (
                format!("ORG#{organization}#INCIDENT_GROUP#{digest}"),
                "GROUP".to_owned(),
            ),
            Self::Entry(organization, incident, number) => {
                let entries = Collection::IncidentEntries(organization, incident);
                in_collection(entries, &format_args!("{number:05}"))
            }
            Self::Playbook(organization, id) => {
                in_collection(Collection::Playbooks(organization), &id)
            }
            Self::PlaybooksGuard(organization) => {
                (format!("ORG#{organization}"), "GUARD#PLAYBOOKS".to_owned())
            }
            Self::Run(organization, id) => {
                in_collection(Collection::PlaybookRuns(organization), &id)
            }
            Self::RunDue(due) => in_collection(Collection::RunsDue, &due),
        }
    }
}

/// When a run of a playbook has to be looked at. Text order is time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RunDue {
    pub(crate) at: Timestamp,
    pub(crate) organization: OrganizationId,
    pub(crate) run: PlaybookRunId,
}

impl fmt::Display for RunDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.at, self.organization, self.run)
    }
}

impl FromStr for RunDue {
    type Err = DueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('#');
        let (Some(at), Some(organization), Some(run), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DueError);
        };
        Ok(Self {
            at: at.parse().map_err(|_| DueError)?,
            organization: organization.parse().map_err(|_| DueError)?,
            run: run.parse().map_err(|_| DueError)?,
        })
    }
}
