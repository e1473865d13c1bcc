//! Incidents, and their timelines. An incident changes together with the entry that says so, with its
//! place among those that are looked after, and with the group that finds it for the next alert.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::Serialize;

use crate::domain::incident::{Incident, IncidentStatus, IncidentType, Severity, TimelineEntry};
use crate::domain::{IncidentId, IntegrationId, OrganizationId, Timestamp};

use super::items::{Stored, Versioned};
use super::keys::{Collection, IncidentKey, ItemKey};
use super::table::{ABSENT, Transacted};
use super::{Digest, Page, Store, StoreError};

/// How long is kept what is over: incidents, and runs of playbooks.
pub(super) const OVER_KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// How long an entry of a timeline is kept, and what finds the incident of a group: for as long as an
/// incident that takes a year to be over.
const ENTRY_KEPT: Duration = Duration::from_secs(800 * 24 * 60 * 60);

/// A change of an incident, with the entry of its timeline that says so.
#[derive(Clone, Debug)]
pub struct IncidentWrite {
    /// The incident as it is to be.
    pub incident: Incident,
    /// The version that was read; 0 for a new one.
    pub expected: u64,
    /// Whether it was looked after in that version.
    pub was_live: bool,
    /// What is said of it.
    pub entry: TimelineEntry,
    /// The version of the group that was read, if the group is to lead to this incident.
    pub group: Option<u64>,
}

impl IncidentWrite {
    /// A change of what was read.
    #[must_use]
    pub fn change(
        before: &Versioned<Incident>,
        (incident, entry): (Incident, TimelineEntry),
    ) -> Self {
        Self {
            incident,
            expected: before.version,
            was_live: before.item.status.is_live(),
            entry,
            group: None,
        }
    }
}

/// Which incidents to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct IncidentQuery {
    /// Only those that stand like this.
    pub status: Option<IncidentStatus>,
    /// Only those about this integration.
    pub integration: Option<IntegrationId>,
    /// Only those at least this severe.
    pub min_severity: Option<Severity>,
    /// At most this many.
    pub limit: u16,
    /// Go on after this one.
    pub after: Option<IncidentId>,
}

impl IncidentQuery {
    fn accepts(&self, incident: &Incident) -> bool {
        self.status.is_none_or(|wanted| incident.status == wanted)
            && self
                .integration
                .is_none_or(|wanted| incident.integration_id == Some(wanted))
            && self
                .min_severity
                .is_none_or(|least| incident.severity >= least)
    }
}

impl Store {
    /// An incident.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn incident(
        &self,
        organization: OrganizationId,
        id: IncidentId,
    ) -> Result<Option<Versioned<Incident>>, StoreError> {
        let stored = self.get(incident_key(organization, id)).await?;
        Ok(stored.map(Stored::into_versioned))
    }

    /// The incident that takes the alerts of an integration (or of none) and a type, with the version of
    /// what says so; version 0, if there is none.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn incident_group(
        &self,
        organization: OrganizationId,
        integration: Option<IntegrationId>,
        incident_type: IncidentType,
    ) -> Result<Versioned<Option<IncidentId>>, StoreError> {
        let stored = self.get(group_key(organization, integration, incident_type));
        let stored: Option<Stored<IncidentId>> = stored.await?;
        Ok(stored.map_or_else(Versioned::default, |stored| {
            Versioned::new(Some(stored.data), stored.version)
        }))
    }

    /// Writes a change of an incident: all of it or nothing. Whether it is there; if not, somebody else was
    /// faster, or an earlier try was, whose answer was lost: read again, and decide again.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn commit_incident(
        &self,
        organization: OrganizationId,
        write: &IncidentWrite,
    ) -> Result<bool, StoreError> {
        let operations = self.incident_operations(organization, write)?;
        Ok(self.transact(operations).await? == Transacted::Done)
    }

    /// The operations of a change of an incident.
    pub(super) fn incident_operations(
        &self,
        organization: OrganizationId,
        write: &IncidentWrite,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let incident = &write.incident;
        let entry = IncidentKey::Entry(organization, incident.id, write.entry.number);
        let entry = ItemKey::OfIncidents(entry);
        let key = incident_key(organization, incident.id);
        let at = write.entry.at;
        let over = (!incident.status.is_live()).then(|| at.plus(OVER_KEPT));
        let stored = Stored::first(write.entry.clone()).until(at.plus(ENTRY_KEPT));
        let mut operations = vec![
            self.put_until(key, (incident, over), write.expected)?,
            self.put_operation(entry, &stored, Some(ABSENT))?,
        ];
        let live = ItemKey::OfIncidents(IncidentKey::Live(organization, incident.id));
        match (write.was_live, incident.status.is_live()) {
            (false, true) => {
                let stored = Stored::first(incident.id);
                operations.push(self.put_operation(live, &stored, None)?);
            }
            (true, false) => operations.push(self.delete_operation(live)?),
            (true, true) | (false, false) => {}
        }
        if let Some(expected) = write.group {
            let key = group_key(
                organization,
                incident.integration_id,
                incident.incident_type,
            );
            let until = Some(at.plus(ENTRY_KEPT));
            operations.push(self.put_until(key, (&incident.id, until), expected)?);
        }
        Ok(operations)
    }

    /// A put in a transaction, as the version after `expected` (0: of a new item).
    pub(super) fn put_next<T: Serialize + Clone>(
        &self,
        key: ItemKey,
        item: &T,
        expected: u64,
    ) -> Result<TransactWriteItem, StoreError> {
        self.put_until(key, (item, None), expected)
    }

    /// As [`Store::put_next`], of what is kept until then.
    pub(super) fn put_until<T: Serialize + Clone>(
        &self,
        key: ItemKey,
        (item, end): (&T, Option<Timestamp>),
        expected: u64,
    ) -> Result<TransactWriteItem, StoreError> {
        let stored = Stored {
            version: expected.saturating_add(1),
            expires_at: end.map(Timestamp::as_second),
            ..Stored::first(item.clone())
        };
        self.put_over(key, &stored, expected)
    }

    /// Incidents that are looked after, newest first. Work is bounded: a page can be short, even empty, and
    /// still have a next one.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn live_incidents(
        &self,
        organization: OrganizationId,
        query: &IncidentQuery,
    ) -> Result<Page<Versioned<Incident>, IncidentId>, StoreError> {
        let key_of = |id| ItemKey::OfIncidents(IncidentKey::Live(organization, id));
        let collection = Collection::LiveIncidents(organization);
        let page = self
            .list::<IncidentId, _>(collection, key_of, query.limit, query.after)
            .await?;
        let ids = page.items.iter().map(|found| found.item);
        let found = ids.map(|id| self.incident(organization, id));
        let found = futures::future::try_join_all(found).await?;
        let items = found.into_iter().flatten();
        // What was resolved since the list was read is among the others.
        let items = items.filter(|found| found.item.status.is_live() && query.accepts(&found.item));
        Ok(Page {
            items: items.collect(),
            next: page.next,
        })
    }

    /// Incidents that are over, newest first. Work is bounded, as above.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn past_incidents(
        &self,
        organization: OrganizationId,
        query: &IncidentQuery,
    ) -> Result<Page<Versioned<Incident>, IncidentId>, StoreError> {
        let collection = Collection::Incidents(organization);
        let key_of = |id| incident_key(organization, id);
        let accepts = |stored: &Stored<Incident>| {
            !stored.data.status.is_live() && query.accepts(&stored.data)
        };
        self.list_where(collection, key_of, (query.limit, query.after), accepts)
            .await
    }

    /// At most `limit` entries of a timeline before the one with the number `before`, newest first.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn timeline(
        &self,
        organization: OrganizationId,
        incident: IncidentId,
        limit: u16,
        before: Option<u16>,
    ) -> Result<Page<TimelineEntry, u16>, StoreError> {
        let collection = Collection::IncidentEntries(organization, incident);
        let key_of =
            |place| ItemKey::OfIncidents(IncidentKey::Entry(organization, incident, place));
        let page = self.list(collection, key_of, limit, before).await?;
        Ok(Page {
            items: page.items.into_iter().map(|found| found.item).collect(),
            next: page.next,
        })
    }
}

fn incident_key(organization: OrganizationId, id: IncidentId) -> ItemKey {
    ItemKey::OfIncidents(IncidentKey::Incident(organization, id))
}

/// Which incident takes the alerts of an integration and a type.
pub(super) fn group_key(
    organization: OrganizationId,
    integration: Option<IntegrationId>,
    incident_type: IncidentType,
) -> ItemKey {
    let integration = integration.map(|id| id.to_string()).unwrap_or_default();
    let parts = [integration.as_bytes(), incident_type.name().as_bytes()];
    let digest = Digest::of_parts(&parts);
    ItemKey::OfIncidents(IncidentKey::Group(organization, digest))
}
