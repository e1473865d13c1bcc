//! Consents that were asked for, the links to them, and the logout tokens that were seen.
//!
//! A provider's answer names no organization, only a `state`; so what is kept under that belongs to
//! none, as an endpoint's path does, and says whose it is. Nobody finds it who does not have the
//! 256 bits that its key is the digest of.

use serde::{Deserialize, Serialize};

use crate::domain::{ConsentTicket, IntegrationId, OrganizationId, PendingConsent, Timestamp};

use super::items::{Stored, Versioned};
use super::keys::ItemKey;
use super::{Digest, Store, StoreError};

/// That a logout token was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenLogout {
    seen_at: Timestamp,
}

impl Store {
    /// Keeps a consent that is asked for until `expires_at`, under the digest of its state.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`], if there is one with that state.
    pub async fn create_consent(
        &self,
        state: Digest,
        consent: &PendingConsent,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let stored = Stored::first(consent.clone()).until(expires_at);
        self.create(ItemKey::PendingConsent(state), &stored).await
    }

    /// Takes a consent away: of all who ask for it, one gets it.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn take_consent(
        &self,
        state: Digest,
        now: Timestamp,
    ) -> Result<Option<PendingConsent>, StoreError> {
        self.take(ItemKey::PendingConsent(state), now).await
    }

    /// A consent that still waits for its answer.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn consent(
        &self,
        state: Digest,
        now: Timestamp,
    ) -> Result<Option<Versioned<PendingConsent>>, StoreError> {
        let stored = self.get(ItemKey::PendingConsent(state)).await?;
        let stored = stored.filter(|stored: &Stored<PendingConsent>| stored.is_alive(now));
        Ok(stored.map(Stored::into_versioned))
    }

    /// Replaces the consent that was read in version `expected`; says whether it was still there.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn update_consent(
        &self,
        state: Digest,
        consent: PendingConsent,
        expected: u64,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let stored = Stored::first(consent).until(expires_at);
        let key = ItemKey::PendingConsent(state);
        Ok(self.swap(key, stored, expected).await?.is_ok())
    }

    /// Keeps a link until `expires_at`, under the digest of its ticket.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`], if there is one with that ticket.
    pub async fn create_consent_ticket(
        &self,
        ticket: Digest,
        link: &ConsentTicket,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let stored = Stored::first(link.clone()).until(expires_at);
        self.create(ItemKey::ConsentTicket(ticket), &stored).await
    }

    /// Takes a link away: of all who follow it, one gets it.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn take_consent_ticket(
        &self,
        ticket: Digest,
        now: Timestamp,
    ) -> Result<Option<ConsentTicket>, StoreError> {
        self.take(ItemKey::ConsentTicket(ticket), now).await
    }

    /// Whether a logout token was seen. Its digest is that of its issuer and its `jti`.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn has_seen_logout(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        token: Digest,
    ) -> Result<bool, StoreError> {
        let key = ItemKey::SeenLogout(organization, integration, token);
        Ok(self.get::<SeenLogout>(key).await?.is_some())
    }

    /// Remembers a logout token until `expires_at`, when it is of no use any more.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn remember_logout(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        token: Digest,
        seen_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = ItemKey::SeenLogout(organization, integration, token);
        let stored = Stored::first(SeenLogout { seen_at }).until(expires_at);
        match self.create(key, &stored).await {
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes an item and answers what it was, if it was still good.
    async fn take<T: serde::de::DeserializeOwned>(
        &self,
        key: ItemKey,
        now: Timestamp,
    ) -> Result<Option<T>, StoreError> {
        let taken = self.delete_returning::<T>(key).await?;
        Ok(taken
            .filter(|stored| stored.is_alive(now))
            .map(Stored::into_versioned)
            .map(|Versioned { item, .. }| item))
    }
}
