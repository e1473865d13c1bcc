use super::{Alerts, TRIES};
use crate::domain::alert::{Alert, AlertBook, AlertKind, AlertState};
use crate::domain::{AlertId, Error, IntegrationId, OrganizationId};
use crate::store::{AlertWrites, StoreError, Versioned, contended};

/// What a person does about an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Who.
    pub by: String,
    /// What is to be said of it.
    pub note: Option<String>,
}

impl Alerts {
    /// Notes that somebody has taken notice of an alert. It stays open until it is over.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`] if it is acknowledged already, or over.
    pub async fn acknowledge(
        &self,
        organization: OrganizationId,
        id: AlertId,
        settlement: &Settlement,
    ) -> Result<Alert, Error> {
        for _ in 0..TRIES {
            let now = self.sources.now();
            let found = self.find(organization, id).await?;
            let Settlement { by, note } = settlement.clone();
            let alert = found.item.acknowledged(by, note, now).map_err(standing)?;
            let writes = AlertWrites::default();
            if self.settle(writes, alert.clone(), found.version).await? {
                return Ok(alert);
            }
        }
        Err(contended().into())
    }

    /// Ends an alert. Its rule fires again once it was as long over its bound as the first time.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`] if it is over already.
    pub async fn resolve(
        &self,
        organization: OrganizationId,
        id: AlertId,
        settlement: &Settlement,
    ) -> Result<Alert, Error> {
        for _ in 0..TRIES {
            let now = self.sources.now();
            let found = self.find(organization, id).await?;
            let Settlement { by, note } = settlement.clone();
            let resolved = found.item.resolved(Some(by), (None, note), now);
            let alert = resolved.map_err(standing)?;
            let integration = alert.integration_id;
            let mut book = self.store.alert_book(organization, integration).await?;
            let state = book.item.state(alert.kind);
            let mut writes = AlertWrites::default();
            if state.alert == Some(id) {
                book.item.set(alert.kind, state.settled());
                writes.book = Some(book);
            }
            if self.settle(writes, alert.clone(), found.version).await? {
                return Ok(alert);
            }
        }
        Err(contended().into())
    }

    /// Ends all alerts of an integration that is being deleted, and forgets where its rules stand.
    ///
    /// # Errors
    ///
    /// If the table does not answer. Doing it again ends what is left.
    pub async fn integration_deleted(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<(), Error> {
        // One at a time, and some that are lost to others.
        for _ in 0..AlertKind::ALL.len() + TRIES {
            let book = self.store.alert_book(organization, integration).await?;
            let mut open = book.item.rules.values().filter_map(|state| state.alert);
            let Some(id) = open.next() else {
                if book.version == 0 {
                    return Ok(());
                }
                let deleted = (self.store)
                    .delete_alert_book(organization, integration, book.version)
                    .await;
                match deleted {
                    Err(StoreError::Conflict) => continue,
                    deleted => return Ok(deleted?),
                }
            };
            self.end(organization, integration, id, book).await?;
        }
        Err(contended().into())
    }

    /// Ends one alert of an integration that is being deleted.
    async fn end(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        id: AlertId,
        mut book: Versioned<AlertBook>,
    ) -> Result<(), Error> {
        let now = self.sources.now();
        book.item.rules.retain(|_, state| state.alert != Some(id));
        let mut writes = AlertWrites {
            book: Some(book),
            ..AlertWrites::default()
        };
        let found = self.store.alert(organization, id, now).await?;
        let note = Some("the integration was deleted".to_owned());
        let ended = found.and_then(|found| {
            let ended = found.item.resolved(None, (None, note), now).ok()?;
            Some(Versioned::new(ended, found.version))
        });
        if let Some(alert) = ended {
            self.record(&alert.item).await?;
            let setup = self.setup(organization).await?;
            writes.notices.extend(self.owed(&setup, &alert.item, now));
            writes.alerts.push(alert);
        }
        let committed = (self.store).commit_alerts(organization, integration, &writes, now);
        committed.await?;
        Ok(())
    }

    async fn find(
        &self,
        organization: OrganizationId,
        id: AlertId,
    ) -> Result<Versioned<Alert>, Error> {
        let now = self.sources.now();
        let found = self.store.alert(organization, id, now).await?;
        found.ok_or(Error::NotFound("alert"))
    }

    /// Writes what has become of an alert that was read in `version`, and what people are owed of it.
    async fn settle(
        &self,
        mut writes: AlertWrites,
        alert: Alert,
        version: u64,
    ) -> Result<bool, Error> {
        let (organization, integration) = (alert.organization_id, alert.integration_id);
        let now = self.sources.now();
        let setup = self.setup(organization).await?;
        writes.notices.extend(self.owed(&setup, &alert, now));
        writes.alerts.push(Versioned::new(alert, version));
        let committed = (self.store).commit_alerts(organization, integration, &writes, now);
        Ok(committed.await?)
    }
}

fn standing(state: AlertState) -> Error {
    let text = match state {
        AlertState::Firing => "the alert is firing",
        AlertState::Acknowledged => "somebody has acknowledged the alert already",
        AlertState::Resolved => "the alert is over",
    };
    Error::Conflict(text.to_owned())
}
