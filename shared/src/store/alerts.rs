//! Alerts, where the rules of an integration stand, and what is usual of its calls.
//!
//! What a rule turns is one transaction: where it stands, the alert, its place among the open ones, and
//! that people are to be told. So there is no alert of which nobody is told, and nobody is told of one
//! that there is not.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;

use crate::domain::alert::{Alert, AlertBook, AlertKind, AlertSeverity, AlertState, VolumeSlot};
use crate::domain::{AlertId, IntegrationId, OrganizationId, Timestamp};

use super::items::{Stored, Versioned};
use super::keys::{AlertKey, Collection, ItemKey};
use super::notices::OwedNotice;
use super::table::Transacted;
use super::{Page, Store, StoreError};

/// How long an alert is kept once it is over.
const ALERT_KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// How long is kept what an hour of the week was like: longer than the weeks that are looked at.
const SLOT_KEPT: Duration = Duration::from_secs(10 * 7 * 24 * 60 * 60);

/// What is written of alerts of one integration, all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertWrites {
    /// Where the rules stand, in place of what was read.
    pub book: Option<Versioned<AlertBook>>,
    /// What an hour of the week was like.
    pub slot: Option<(u8, VolumeSlot)>,
    /// Alerts, each in place of what was read; 0 for a new one.
    pub alerts: Vec<Versioned<Alert>>,
    /// What people are to be told.
    pub notices: Vec<OwedNotice>,
}

/// Which alerts to list.
#[derive(Clone, Debug)]
pub struct AlertQuery {
    /// Only those that are not over.
    pub open: bool,
    /// Only those that stand like this.
    pub state: Option<AlertState>,
    /// Only those of this integration.
    pub integration: Option<IntegrationId>,
    /// Only those of this kind.
    pub kind: Option<AlertKind>,
    /// Only those as bad as this, or worse.
    pub min_severity: Option<AlertSeverity>,
    /// At most this many.
    pub limit: u16,
    /// Go on after this alert: the `next` of the page before.
    pub after: Option<AlertId>,
    /// The current instant: what has expired is not listed.
    pub now: Timestamp,
}

impl AlertQuery {
    fn accepts(&self, stored: &Stored<Alert>) -> bool {
        let alert = &stored.data;
        stored.is_alive(self.now)
            && self.state.is_none_or(|wanted| alert.state == wanted)
            && self.kind.is_none_or(|wanted| alert.kind == wanted)
            && self
                .min_severity
                .is_none_or(|least| alert.severity >= least)
            && self
                .integration
                .is_none_or(|wanted| alert.integration_id == wanted)
    }
}

impl Store {
    /// Where the rules of an integration stand: at their beginning in version 0, if nothing was ever wrong.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn alert_book(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Versioned<AlertBook>, StoreError> {
        let key = ItemKey::OfAlerts(AlertKey::Book(organization, integration));
        let stored = self.get::<AlertBook>(key).await?;
        Ok(stored.map(Stored::into_versioned).unwrap_or_default())
    }

    /// Deletes where the rules of an integration stand, once it is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it is in another version.
    pub async fn delete_alert_book(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        expected: u64,
    ) -> Result<(), StoreError> {
        let key = ItemKey::OfAlerts(AlertKey::Book(organization, integration));
        match self.delete(key, Some(expected)).await {
            Err(StoreError::NotFound(_)) => Ok(()),
            deleted => deleted,
        }
    }

    /// What an hour of the week was like, as far as that is known.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn volume_slot(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        slot: u8,
    ) -> Result<VolumeSlot, StoreError> {
        let key = ItemKey::OfAlerts(AlertKey::Volume(organization, integration, slot));
        let stored = self.get::<VolumeSlot>(key).await?;
        Ok(stored.map(|stored| stored.data).unwrap_or_default())
    }

    /// Reads an alert.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn alert(
        &self,
        organization: OrganizationId,
        alert: AlertId,
        now: Timestamp,
    ) -> Result<Option<Versioned<Alert>>, StoreError> {
        let key = ItemKey::OfAlerts(AlertKey::Alert(organization, alert));
        let stored = self.get::<Alert>(key).await?;
        let alive = stored.filter(|stored| stored.is_alive(now));
        Ok(alive.map(Stored::into_versioned))
    }

    /// At most `query.limit` alerts, newest first. Those that are not over are found without looking at the
    /// others. Work is bounded: a page can be short, even empty, and still have a next one.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or an item is corrupt.
    pub async fn alerts(
        &self,
        organization: OrganizationId,
        query: &AlertQuery,
    ) -> Result<Page<Versioned<Alert>, AlertId>, StoreError> {
        let bounds = (query.limit, query.after);
        let accepts = |stored: &Stored<Alert>| query.accepts(stored);
        if query.open {
            let key_of = |alert| ItemKey::OfAlerts(AlertKey::Open(organization, alert));
            let open = Collection::OpenAlerts(organization);
            return self.list_where(open, key_of, bounds, accepts).await;
        }
        let key_of = |alert| ItemKey::OfAlerts(AlertKey::Alert(organization, alert));
        let all = Collection::Alerts(organization);
        self.list_where(all, key_of, bounds, accepts).await
    }

    /// Writes all of it, or nothing. Whether it is written: if not, something is in another version than
    /// was read. Read again, and decide again.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], if an alert is new and its integration is no more. If the table does not
    /// answer; then all of it may be written.
    pub async fn commit_alerts(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        writes: &AlertWrites,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut operations = Vec::new();
        let is_new = writes.alerts.iter().any(|alert| alert.version == 0);
        if is_new {
            // Nobody would ever end an alert of one that was deleted meanwhile.
            let key = ItemKey::Integration(organization, integration);
            operations.push(self.exists_operation(key)?);
        }
        if let Some(book) = &writes.book {
            let key = ItemKey::OfAlerts(AlertKey::Book(organization, integration));
            operations.push(self.alert_swap(key, book, None)?);
        }
        for alert in &writes.alerts {
            let id = alert.item.id;
            let end = (!alert.item.is_open()).then(|| now.plus(ALERT_KEPT));
            let key = ItemKey::OfAlerts(AlertKey::Alert(organization, id));
            operations.push(self.alert_swap(key, alert, end)?);
            let open = ItemKey::OfAlerts(AlertKey::Open(organization, id));
            operations.push(if alert.item.is_open() {
                self.put_operation(open, &Stored::first(alert.item.clone()), None)?
            } else {
                self.delete_operation(open)?
            });
        }
        for notice in &writes.notices {
            operations.push(self.owe_operation(notice)?);
        }
        if let Some((slot, volume)) = &writes.slot {
            let key = ItemKey::OfAlerts(AlertKey::Volume(organization, integration, *slot));
            let stored = Stored::first(volume.clone()).until(now.plus(SLOT_KEPT));
            operations.push(self.put_operation(key, &stored, None)?);
        }
        if operations.is_empty() {
            return Ok(true);
        }
        Ok(match self.transact(operations).await? {
            Transacted::Done => true,
            Transacted::Unmet(0) if is_new => return Err(StoreError::NotFound("integration")),
            Transacted::Unmet(_) | Transacted::Busy => false,
        })
    }

    /// A put in place of what was read in this version.
    fn alert_swap<T: serde::Serialize + Clone>(
        &self,
        key: ItemKey,
        read: &Versioned<T>,
        expires_at: Option<Timestamp>,
    ) -> Result<TransactWriteItem, StoreError> {
        let stored = Stored {
            version: read.version.saturating_add(1),
            expires_at: expires_at.map(Timestamp::as_second),
            data: read.item.clone(),
        };
        self.swap_operation(key, &stored, None)
    }
}
