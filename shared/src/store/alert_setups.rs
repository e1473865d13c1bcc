//! How organizations want their alerts, and how their channels fare.

use std::time::Duration;

use crate::domain::alert::{AlertSetup, ChannelState};
use crate::domain::{ChannelId, OrganizationId, Timestamp};

use super::items::{Stored, Versioned};
use super::keys::{AlertKey, ItemKey};
use super::{Store, StoreError};

/// How long is kept how a channel fared that nothing was sent to since.
const STATE_KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl Store {
    /// How an organization wants its alerts: the default in version 0, before anybody has said anything.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn alert_setup(
        &self,
        organization: OrganizationId,
    ) -> Result<Versioned<AlertSetup>, StoreError> {
        let key = ItemKey::OfAlerts(AlertKey::Setup(organization));
        let stored = self.get::<AlertSetup>(key).await?;
        Ok(stored.map(Stored::into_versioned).unwrap_or_default())
    }

    /// Replaces what was read in version `expected` (0: nothing was there).
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if it is in another version: read again, and decide again.
    pub async fn replace_alert_setup(
        &self,
        organization: OrganizationId,
        setup: &AlertSetup,
        expected: u64,
    ) -> Result<u64, StoreError> {
        let key = ItemKey::OfAlerts(AlertKey::Setup(organization));
        let swapped = self
            .swap(key, Stored::first(setup.clone()), expected)
            .await?;
        swapped.map_err(|_| StoreError::Conflict)
    }

    /// How a channel fares; as if nothing was ever sent, if nothing is known.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn channel_state(
        &self,
        organization: OrganizationId,
        channel: ChannelId,
    ) -> Result<ChannelState, StoreError> {
        let key = ItemKey::OfAlerts(AlertKey::Channel(organization, channel));
        let stored = self.get::<ChannelState>(key).await?;
        Ok(stored.map(|stored| stored.data).unwrap_or_default())
    }

    /// Writes how a channel fares. Of two writers the last one counts: the next notice writes anew.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn put_channel_state(
        &self,
        organization: OrganizationId,
        channel: ChannelId,
        state: &ChannelState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = ItemKey::OfAlerts(AlertKey::Channel(organization, channel));
        let stored = Stored::first(state.clone()).until(now.plus(STATE_KEPT));
        let request = self.client().put_item();
        self.put_if(request, key, &stored).await?;
        Ok(())
    }
}
