use std::fmt;

use super::DataKeyError;
use crate::domain::data_key::DataKeyPlan;
use crate::domain::{Error, OrganizationId, Sources};
use crate::store::{DataKeyWrite, Store, Versioned};
use crate::vault::{DataKeys, VaultError};

/// Replaces an organization's data key, and says how its data keys stand.
#[derive(Clone)]
pub struct DataKeyDesk {
    pub(super) store: Store,
    pub(super) keys: DataKeys,
    pub(super) sources: Sources,
}

impl fmt::Debug for DataKeyDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKeyDesk").finish_non_exhaustive()
    }
}

impl DataKeyDesk {
    /// A desk over `store`, where keys are made by `keys`.
    #[must_use]
    pub fn new(store: Store, keys: DataKeys, sources: Sources) -> Self {
        Self {
            store,
            keys,
            sources,
        }
    }

    /// What is planned for the organization's data keys; none, before anything was sealed.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn plan(&self, organization: OrganizationId) -> Result<Option<DataKeyPlan>, Error> {
        let plan = self.store.data_key_plan(organization).await?;
        Ok(plan.map(|plan| plan.item))
    }

    /// Replaces the data key because somebody asks for it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], if there is none yet; [`Error::Conflict`], if the last one is minutes old, or
    /// somebody else does the same; or the table or KMS does not answer.
    pub async fn rotate(&self, organization: OrganizationId) -> Result<DataKeyPlan, Error> {
        if self.store.first_data_key(organization).await?.is_none() {
            return Err(Error::NotFound("data key"));
        }
        // One that is older than plans are gets its plan by this.
        Box::pin(self.keys.ensure(organization)).await?;
        let plan = self.store.data_key_plan(organization).await?;
        let plan = plan.ok_or(Error::NotFound("data key"))?;
        if let Some(end) = plan.item.rests_until(self.sources.now()) {
            let message = format!("the data key was replaced just now; ask again after {end}");
            return Err(Error::Conflict(message));
        }
        Ok(self.rotated(organization, &plan).await?.item)
    }

    /// Makes another data key the newest one. Either all of it is written or nothing, so that of two who do
    /// this at the same time one does it.
    pub(super) async fn rotated(
        &self,
        organization: OrganizationId,
        plan: &Versioned<DataKeyPlan>,
    ) -> Result<Versioned<DataKeyPlan>, DataKeyError> {
        let first = self.store.first_data_key(organization).await?;
        let first = first.ok_or(VaultError::NoKey)?;
        let newest = first.item.newest();
        let number = newest.checked_add(1).ok_or(DataKeyError::Exhausted)?;
        let key = Box::pin(self.keys.make(organization, number)).await?;
        let next = plan.item.rotated(number, key.created_at);
        let added = self
            .store
            .add_data_key(organization, &first, &key, plan, &next)
            .await?;
        match added {
            DataKeyWrite::Done(version) => {
                self.keys.made(organization, number);
                tracing::info!(
                    organization.id = %organization,
                    number,
                    "the data key of {organization} was replaced"
                );
                Ok(Versioned::new(next, version))
            }
            DataKeyWrite::Moved => Err(DataKeyError::Moved),
        }
    }
}
