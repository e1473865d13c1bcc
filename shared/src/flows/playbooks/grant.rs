//! The step that ends a grant.

use std::fmt;

use crate::domain::playbook::StepEnd;
use crate::domain::{
    AuthConfig, Error, GrantEnd, Integration, IntegrationId, IntegrationStatus, Oauth2Auth,
    OrganizationId, Sources,
};
use crate::egress::TlsSettings;
use crate::flows::grants::{AtProvider, Forgotten, GrantContext, Grants, revoke_at_provider};
use crate::oauth::Client;
use crate::store::{Store, StoreError, contended};
use crate::vault::Credentials;

const TRIES: usize = 24;
const NO_GRANT: &str = "the integration has no grant: it does not use OAuth 2.0";

/// Forgets tokens, and has providers revoke them. Cheap to clone.
#[derive(Clone)]
pub struct GrantRevoker {
    store: Store,
    grants: Grants,
    client: Client,
    credentials: Credentials,
    sources: Sources,
}

impl fmt::Debug for GrantRevoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantRevoker").finish_non_exhaustive()
    }
}

impl GrantRevoker {
    /// Revokes by `client`, with the integrations' `credentials`.
    #[must_use]
    pub fn new(
        store: Store,
        grants: Grants,
        client: Client,
        credentials: Credentials,
        sources: Sources,
    ) -> Self {
        Self {
            store,
            grants,
            client,
            credentials,
            sources,
        }
    }

    /// Ends the grant of an integration. The tokens are forgotten first: a provider that does not answer
    /// keeps nobody from ending their use here. `again`: an earlier try may have forgotten them.
    pub(super) async fn revoke(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        again: bool,
    ) -> Result<StepEnd, Error> {
        let found = self.store.integration(organization, integration).await?;
        let Some(found) = found else {
            return Ok(failed("the integration is no more"));
        };
        let Some(config) = config_of(&found.item) else {
            return Ok(failed(NO_GRANT));
        };
        let forgotten = self.grants.forget(organization, integration).await?;
        let provider = match &forgotten {
            Some(forgotten) => self.at_provider(&found.item, &config, forgotten).await?,
            None => AtProvider::Nothing,
        };
        self.set_pending(organization, integration).await?;
        Ok(match provider {
            AtProvider::Revoked => {
                done("the tokens are forgotten, and the provider has revoked them")
            }
            AtProvider::NotOffered => done(
                "the tokens are forgotten; the provider has no way to revoke them: withdraw them there",
            ),
            AtProvider::Failed => done(
                "the tokens are forgotten; the provider has not revoked them: withdraw them there",
            ),
            AtProvider::Nothing if again => done(
                "the tokens are forgotten; whether the provider has revoked them is not known: \
                 withdraw them there",
            ),
            AtProvider::Nothing => StepEnd::Unchanged("there are no tokens".to_owned()),
        })
    }

    async fn at_provider(
        &self,
        integration: &Integration,
        config: &Oauth2Auth,
        forgotten: &Forgotten,
    ) -> Result<AtProvider, Error> {
        let Some(info) = &integration.credentials else {
            return Ok(AtProvider::Failed);
        };
        let (organization, id) = (integration.organization_id, integration.id);
        let credentials = self.credentials.get(organization, id, &info.version);
        let Ok(credentials) = credentials.await else {
            // The tokens are forgotten: this is not tried again.
            return Ok(AtProvider::Failed);
        };
        let tls: TlsSettings = integration.tls_config.clone().unwrap_or_default().into();
        let context = GrantContext::of(integration, config, &credentials, &tls);
        Ok(Box::pin(revoke_at_provider(&self.client, &context, forgotten)).await)
    }

    /// The integration waits for a person, unless one has switched it off.
    async fn set_pending(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Some(found) = self.store.integration(organization, integration).await? else {
                return Ok(());
            };
            let mut item = found.item;
            match item.status {
                IntegrationStatus::Pending | IntegrationStatus::Inactive => return Ok(()),
                IntegrationStatus::Active | IntegrationStatus::Error => {}
            }
            item.status = IntegrationStatus::Pending;
            item.updated_at = self.sources.now();
            match self.store.update_integration(&item, found.version).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended().into())
    }
}

/// What a revocation would do, in words; what keeps it from doing anything, if something does.
pub(super) async fn outlook(
    store: &Store,
    organization: OrganizationId,
    integration: IntegrationId,
) -> Result<Result<String, StepEnd>, Error> {
    let found = store.integration(organization, integration).await?;
    let Some(found) = found else {
        return Ok(Err(failed("the integration is no more")));
    };
    if config_of(&found.item).is_none() {
        return Ok(Err(failed(NO_GRANT)));
    }
    let grant = store.grant(organization, integration).await?;
    let grant = grant.map(|found| found.item.grant);
    Ok(match grant {
        Some(grant) if grant.tokens_version > 0 && grant.end != Some(GrantEnd::Revoked) => Ok(
            "the tokens are forgotten, the provider is asked to revoke them, and a person has to \
             consent again"
                .to_owned(),
        ),
        _ => Err(StepEnd::Unchanged("there are no tokens".to_owned())),
    })
}

fn config_of(integration: &Integration) -> Option<Box<Oauth2Auth>> {
    let config = AuthConfig::read(integration.auth_method, integration.auth_config.as_ref());
    match config {
        Ok(AuthConfig::Oauth2(config)) if config.is_configured() => Some(config),
        _ => None,
    }
}

fn done(said: &str) -> StepEnd {
    StepEnd::Done(said.to_owned(), None)
}

fn failed(said: &str) -> StepEnd {
    StepEnd::Failed(said.to_owned())
}
