use std::future::Future;
use std::pin::Pin;

use crate::access::AttributesSource;
use crate::domain::{Error, IntegrationAttributes, IntegrationId, OrganizationId, Timestamp};

use super::Outbound;

/// What calls need is what decides about them: a warm call costs no read for its authorization.
impl AttributesSource for Outbound {
    fn attributes<'a>(
        &'a self,
        organization: OrganizationId,
        integration: IntegrationId,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<Option<IntegrationAttributes>, Error>> + Send + 'a>>
    {
        Box::pin(async move {
            let known = self.0.integrations.get((organization, integration), now);
            match known.await {
                Ok(open) => Ok(Some((&open.integration).into())),
                Err(Error::NotFound(_)) => Ok(None),
                // It says what calls cannot be made with. Who may look at it is known all the same.
                Err(Error::Conflict(_)) => {
                    let store = &self.0.services.store;
                    store.attributes(organization, integration, now).await
                }
                Err(error) => Err(error),
            }
        })
    }
}
