use std::time::Duration;

use gatehouse::domain::{
    AuthConfig, Error, GrantType, Integration, IntegrationId, IntegrationStatus, Oauth2Auth,
    OrganizationId,
};
use gatehouse::egress::TlsSettings;
use gatehouse::flows::grants::GrantContext;
use gatehouse::oauth::ClientContext;
use gatehouse::store::{Digest, Versioned};
use gatehouse::vault::CredentialSet;

use crate::State;

/// How long a call of an authorization server may take: two of them, and our own, within what API
/// Gateway waits.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a change of an integration is tried that meets others.
const TRIES: usize = 5;

/// An integration that is connected by OAuth 2.0, with all that this takes.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) integration: Integration,
    pub(crate) config: Box<Oauth2Auth>,
    pub(crate) credentials: CredentialSet,
    pub(crate) tls: TlsSettings,
}

/// The same without its credentials, of which each reading counts.
#[derive(Debug)]
pub(crate) struct Found {
    integration: Integration,
    pub(crate) config: Box<Oauth2Auth>,
}

impl Found {
    /// Reads it.
    pub(crate) async fn read(
        state: &State,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Self, Error> {
        let found = state.store.integration(organization, integration).await?;
        let Versioned { item, .. } = found.ok_or(Error::NotFound("integration"))?;
        Ok(Self {
            config: oauth2(&item)?,
            integration: item,
        })
    }

    /// Reads its credentials.
    pub(crate) async fn with_credentials(self, state: &State) -> Result<Connection, Error> {
        let item = self.integration;
        let Some(version) = item.credentials.as_ref().map(|info| &info.version) else {
            return Err(Error::Conflict(
                "the integration has no credentials: give it the `clientId` and what goes with it"
                    .to_owned(),
            ));
        };
        let credentials = state
            .credentials
            .get(item.organization_id, item.id, version);
        Ok(Connection {
            credentials: credentials.await?,
            tls: item.tls_config.clone().unwrap_or_default().into(),
            config: self.config,
            integration: item,
        })
    }
}

impl Connection {
    /// Reads it.
    pub(crate) async fn load(
        state: &State,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Self, Error> {
        let found = Found::read(state, organization, integration).await?;
        found.with_credentials(state).await
    }

    /// Whether somebody can consent to it.
    pub(crate) fn check_consent(&self) -> Result<(), Error> {
        let conflict = |text: &str| Err(Error::Conflict(text.to_owned()));
        if self.config.grant_type != GrantType::AuthorizationCode {
            return conflict(
                "nobody has to consent: the integration obtains its tokens itself \
                 (`authConfig.grantType`)",
            );
        }
        if self.integration.status == IntegrationStatus::Inactive {
            return conflict("the integration is switched off");
        }
        Ok(())
    }

    pub(crate) fn client<'a>(&'a self, dpop_key: Option<&'a [u8]>) -> ClientContext<'a> {
        ClientContext {
            config: &self.config,
            credentials: &self.credentials,
            tls: &self.tls,
            dpop_key,
            timeout: TIMEOUT,
        }
    }

    pub(crate) fn grant(&self) -> GrantContext<'_> {
        GrantContext::of(
            &self.integration,
            &self.config,
            &self.credentials,
            &self.tls,
        )
    }

    /// The digest of the set-up that a consent is asked for. Any change of it makes another.
    pub(crate) fn basis(&self) -> String {
        let grant = self.grant();
        // As it was read, since the members of what is stored come in any order.
        let config = serde_json::to_string(&self.config).unwrap_or_default();
        let parts = [
            grant.basis(),
            grant.credential_version.to_owned(),
            self.integration.base_url.to_string(),
            config,
        ];
        Digest::of_parts(&parts.each_ref().map(|part| part.as_bytes())).to_string()
    }
}

/// How an integration authenticates, if it is by OAuth 2.0.
pub(crate) fn oauth2(integration: &Integration) -> Result<Box<Oauth2Auth>, Error> {
    let config = AuthConfig::read(integration.auth_method, integration.auth_config.as_ref());
    let config = config.map_err(|error| {
        let (pointer, message) = (error.pointer, error.message);
        Error::Conflict(format!(
            "the integration cannot be used: `{pointer}` {message}"
        ))
    })?;
    match config {
        AuthConfig::Oauth2(config) if config.is_configured() => Ok(config),
        AuthConfig::Oauth2(_) => Err(Error::Conflict(
            "the integration does not say where tokens come from: set `authConfig.issuer`, or \
             `authConfig.authorizationEndpoint` and `authConfig.tokenEndpoint`"
                .to_owned(),
        )),
        _ => Err(Error::Conflict(
            "the integration does not authenticate by `oauth2`".to_owned(),
        )),
    }
}

/// Sets an integration's status, unless a person has switched it off.
pub(crate) async fn set_status(
    state: &State,
    organization: OrganizationId,
    integration: IntegrationId,
    status: IntegrationStatus,
) -> Result<IntegrationStatus, Error> {
    for _ in 0..TRIES {
        let found = state.store.integration(organization, integration).await?;
        let Versioned { mut item, version } = found.ok_or(Error::NotFound("integration"))?;
        if item.status == status || item.status == IntegrationStatus::Inactive {
            return Ok(item.status);
        }
        item.status = status;
        item.updated_at = state.sources.now();
        match state.store.update_integration(&item, version).await {
            Ok(_) => return Ok(status),
            Err(gatehouse::store::StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Unavailable(
        "the integration is being changed".into(),
    ))
}
