use super::SecretMaker;
use crate::audit::{AuditError, Trail};
use crate::domain::secret_rotation::{
    HasSecrets, SecretOwner, SecretStep, add_untold, forget_over,
};
use crate::domain::{Actor, AuditOutcome, AuditSubject, NewAuditEntry, Sources, Timestamp};
use crate::lambda::metrics::{Metric, Metrics};
use crate::store::{DueSecrets, Store, StoreError};
use crate::vault::VaultError;

/// What came of looking at signing secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretsVisited {
    /// A new one was made.
    Made,
    /// A person was reminded.
    Reminded,
    /// Old ones were taken away, and that is all.
    Forgot,
    /// Somebody else has changed them meanwhile: to be looked at again when that says.
    Moved,
    /// Their destination, or endpoint, is gone, or is due at another time.
    Dropped,
}

/// Why signing secrets were left as they are. They are looked at again.
#[derive(Debug, thiserror::Error)]
pub enum SecretRotationError {
    /// The table does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was to be done cannot be recorded.
    #[error("what was to be done cannot be recorded")]
    Audit(#[from] AuditError),
    /// The new secret cannot be sealed.
    #[error("the new secret cannot be sealed")]
    Vault(#[from] VaultError),
}

/// Replaces signing secrets when it is their turn.
#[derive(Clone, Debug)]
pub struct SecretRotator {
    store: Store,
    maker: SecretMaker,
    trail: Trail,
    metrics: Metrics,
    sources: Sources,
}

impl SecretRotator {
    /// One that works on what is in `store`.
    #[must_use]
    pub fn new(
        store: Store,
        maker: SecretMaker,
        trail: Trail,
        metrics: Metrics,
        sources: Sources,
    ) -> Self {
        Self {
            store,
            maker,
            trail,
            metrics,
            sources,
        }
    }

    /// Looks at signing secrets whose time has come: makes a new one, reminds a person, and takes away
    /// those whose overlap is over.
    ///
    /// # Errors
    ///
    /// If something does not answer: the entry stays where it is.
    pub async fn visit(&self, due: &DueSecrets) -> Result<SecretsVisited, SecretRotationError> {
        let (store, of) = (&self.store, (due.organization, due.integration));
        let now = self.sources.now();
        let (visited, written) = match due.owner {
            SecretOwner::Destination(id) => {
                let Some(mut found) = store.destination(of.0, of.1, id).await? else {
                    return self.drop_entry(due).await;
                };
                if found.item.secret_plan.due_at != Some(due.at) {
                    return self.drop_entry(due).await;
                }
                let visited = self.change(&mut found.item, now).await?;
                let written = store.update_destination(&found.item, found.version);
                (visited, written.await)
            }
            SecretOwner::Endpoint(id) => {
                let Some(mut found) = store.endpoint(of.0, of.1, id).await? else {
                    return self.drop_entry(due).await;
                };
                if found.item.secret_plan.due_at != Some(due.at) {
                    return self.drop_entry(due).await;
                }
                let visited = self.change(&mut found.item, now).await?;
                let written = store.update_endpoint(&found.item, found.version);
                (visited, written.await)
            }
        };
        match written {
            Ok(_) => {}
            Err(StoreError::Conflict | StoreError::NotFound(_)) => {
                return Ok(SecretsVisited::Moved);
            }
            Err(error) => return Err(error.into()),
        }
        if matches!(visited, SecretsVisited::Made | SecretsVisited::Reminded) {
            self.metrics.count(Metric::SecretsDue, now);
        }
        Ok(visited)
    }

    /// An entry that no item knows of: what is due of it has an entry of its own, if anything is.
    async fn drop_entry(&self, due: &DueSecrets) -> Result<SecretsVisited, SecretRotationError> {
        self.store.remove_due_secrets(due).await?;
        Ok(SecretsVisited::Dropped)
    }

    /// Changes `item` as it is to be written, and records that.
    async fn change(
        &self,
        item: &mut impl HasSecrets,
        now: Timestamp,
    ) -> Result<SecretsVisited, SecretRotationError> {
        for id in item.secrets_of().over(now) {
            self.record(item, "secret.expire", id.to_string()).await?;
        }
        match item.secrets_of().step(now) {
            SecretStep::Wait => {
                forget_over(item, now);
                Ok(SecretsVisited::Forgot)
            }
            SecretStep::Remind(need) => {
                if item.secrets_mut().0.reminded_at.is_none() {
                    let need = need.as_str().to_owned();
                    self.record(item, "secret.due", need).await?;
                }
                forget_over(item, now);
                item.secrets_mut().0.reminded_at = Some(now);
                Ok(SecretsVisited::Reminded)
            }
            SecretStep::Make => {
                let (organization, _, owner) = item.owner();
                let secret = self.maker.generate();
                let sealed = self.maker.seal(organization, owner.ulid(), &secret, now);
                let new = sealed.await?;
                self.record(item, "secret.rotate", new.id.to_string())
                    .await?;
                add_untold(item, new, now);
                Ok(SecretsVisited::Made)
            }
        }
    }

    /// Records what is about to be done: what cannot be recorded is not done.
    async fn record(
        &self,
        item: &impl HasSecrets,
        action: &'static str,
        detail: String,
    ) -> Result<(), SecretRotationError> {
        let (organization, _, owner) = item.owner();
        let actor = Actor::system(self.trail.function());
        let mut entry = NewAuditEntry::new(actor, action, AuditOutcome::Started)
            .of(AuditSubject::new(owner.kind(), owner));
        entry.detail = Some(detail);
        self.trail.record(organization, entry).await?;
        Ok(())
    }
}
