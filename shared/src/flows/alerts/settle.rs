use std::sync::Arc;

use super::{Alerts, TRIES};
use crate::domain::alert::{Alert, AlertBook, AlertKind, AlertRuleChanges, AlertSetup, AlertState};
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

    /// Notes that incidents have taken these alerts, or never will.
    ///
    /// # Errors
    ///
    /// If the table does not answer. Then they are handed over again, which changes nothing.
    pub async fn taken(
        &self,
        (organization, integration): (OrganizationId, IntegrationId),
        alerts: &[AlertId],
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let mut book = self.store.alert_book(organization, integration).await?;
            let before = book.item.owed.len();
            book.item.owed.retain(|owed| !alerts.contains(owed));
            if book.item.owed.len() == before {
                return Ok(());
            }
            let writes = AlertWrites {
                book: Some(book),
                ..AlertWrites::default()
            };
            let now = self.sources.now();
            let committed = (self.store).commit_alerts(organization, integration, &writes, now);
            if committed.await? {
                return Ok(());
            }
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

    /// Changes how an organization wants its alerts, and answers what `change` says of it, and how it is now.
    /// `change` is made anew if somebody else has changed something meanwhile.
    ///
    /// # Errors
    ///
    /// Those of `change`, and then nothing is changed; or the table does not answer.
    pub async fn change_setup<T>(
        &self,
        organization: OrganizationId,
        change: impl Fn(&mut AlertSetup) -> Result<T, Error>,
    ) -> Result<(T, AlertSetup), Error> {
        for _ in 0..TRIES {
            let found = self.store.alert_setup(organization).await?;
            let mut setup = found.item;
            let said = change(&mut setup)?;
            let replaced = (self.store).replace_alert_setup(organization, &setup, found.version);
            match replaced.await {
                Ok(_) => {
                    let known = Arc::new(setup.clone());
                    self.setups.insert(organization, known, self.sources.now());
                    return Ok((said, setup));
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended().into())
    }

    /// Has the rules of an integration otherwise than its organization: those of `changes`, and no others.
    ///
    /// # Errors
    ///
    /// [`Error::PreconditionFailed`] if somebody has changed them since they were read as `expected`.
    pub async fn change_rules(
        &self,
        (organization, integration): (OrganizationId, IntegrationId),
        changes: &AlertRuleChanges,
        expected: u64,
    ) -> Result<AlertBook, Error> {
        for _ in 0..TRIES {
            let now = self.sources.now();
            let mut book = self.store.alert_book(organization, integration).await?;
            if book.item.changes_version != expected {
                return Err(Error::PreconditionFailed);
            }
            book.item.changes.clone_from(changes);
            book.item.changes_version += 1;
            let changed = book.item.clone();
            let writes = AlertWrites {
                book: Some(book),
                ..AlertWrites::default()
            };
            let committed = (self.store).commit_alerts(organization, integration, &writes, now);
            if committed.await? {
                return Ok(changed);
            }
        }
        Err(contended().into())
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
