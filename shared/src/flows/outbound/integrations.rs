use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::catalog;
use crate::domain::gateway::{EffectiveRules, GatewayConfig, RequestSchema};
use crate::domain::{
    ApiProfile, AuthConfig, AuthMethod, CredentialInfo, Error, Integration, IntegrationId,
    IntegrationStatus, OrganizationId, Timestamp, TlsConfig,
};
use crate::egress::TlsSettings;
use crate::lambda::WarmCache;
use crate::store::{Digest, Store};

/// How long an integration is remembered: for so long, a deleted or changed one is still called as
/// it was.
const MAX_AGE: Duration = Duration::from_secs(5);
const CAPACITY: usize = 1_000;

type Key = (OrganizationId, IntegrationId);

/// An integration with all that calls need to know of it, read once.
#[derive(Debug)]
pub struct OpenIntegration {
    /// The integration.
    pub integration: Integration,
    /// What is known of the provider's API.
    pub profile: ApiProfile,
    /// How it authenticates.
    pub auth: AuthConfig,
    /// What may be called, and how.
    pub config: GatewayConfig,
    /// Distinguishes the settings that answers depend on from earlier ones.
    pub(super) configuration: Digest,
    /// The fields of the credentials that are no secret, as the catalogue says. Of a provider that it
    /// does not know, everything is.
    pub(super) public_fields: Vec<String>,
    /// What is asked of TLS, but for the client's identity.
    pub tls: TlsSettings,
    /// The schemas of routes that were called, by the route's place.
    schemas: Mutex<HashMap<usize, Arc<RequestSchema>>>,
}

impl OpenIntegration {
    /// Reads what an integration says.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], if it says what is not understood: it was checked when it was stored,
    /// by an older version.
    pub fn new(integration: Integration) -> Result<Self, Error> {
        let unreadable = |error: crate::domain::FieldError| {
            Error::Conflict(format!(
                "the integration cannot be used: `{}` {}",
                error.pointer, error.message
            ))
        };
        let auth = AuthConfig::read(integration.auth_method, integration.auth_config.as_ref())
            .map_err(unreadable)?;
        let config =
            GatewayConfig::stored(integration.gateway_config.as_ref()).map_err(unreadable)?;
        let tls: TlsConfig = integration.tls_config.clone().unwrap_or_default();
        Ok(Self {
            profile: catalog::profile_of(&integration).into_owned(),
            auth,
            config,
            configuration: configuration(&integration),
            public_fields: public_fields(&integration),
            tls: tls.into(),
            schemas: Mutex::default(),
            integration,
        })
    }

    /// The schema of a call's route, if it has one: compiled with the first call.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], if it is none: it was checked when it was stored.
    pub(super) fn schema_of(
        &self,
        rules: &EffectiveRules<'_>,
    ) -> Result<Option<Arc<RequestSchema>>, Error> {
        let (Some(route), Some(schema)) = (rules.route, rules.request_schema) else {
            return Ok(None);
        };
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = schemas.get(&route) {
            return Ok(Some(Arc::clone(compiled)));
        }
        let compiled = RequestSchema::compile(schema).map_err(|error| {
            Error::Conflict(format!("the route's schema cannot be used: {error}"))
        })?;
        let compiled = Arc::new(compiled);
        schemas.insert(route, Arc::clone(&compiled));
        Ok(Some(compiled))
    }

    /// The version of the credentials in use.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], if there are none.
    pub fn credential(&self) -> Result<&CredentialInfo, Error> {
        let credential = self.integration.credentials.as_ref();
        credential.ok_or_else(|| Error::Conflict("the integration has no credentials".to_owned()))
    }

    /// The fields of an integration's credentials that are no secrets, as the catalogue says.
    pub(in crate::flows) fn public_fields_of(integration: &Integration) -> Vec<String> {
        public_fields(integration)
    }

    /// The hosts that the integration names itself.
    #[must_use]
    pub fn own_hosts(&self) -> &[String] {
        let profile = self.integration.api_profile.as_deref();
        profile.map_or(&[], |profile| &profile.hosts)
    }

    /// Whether calls may be made at all.
    ///
    /// # Errors
    ///
    /// [`Error::ConsentNeeded`] or [`Error::Conflict`], if not.
    pub fn check_usable(&self) -> Result<(), Error> {
        match self.integration.status {
            IntegrationStatus::Active | IntegrationStatus::Error => Ok(()),
            IntegrationStatus::Inactive => Err(Error::Conflict(
                "the integration is switched off".to_owned(),
            )),
            IntegrationStatus::Pending if self.waits_for_consent() => {
                Err(Error::ConsentNeeded("nobody has consented yet".to_owned()))
            }
            IntegrationStatus::Pending => Err(Error::Conflict(
                "the integration is not complete; it waits for its credentials".to_owned(),
            )),
        }
    }

    fn waits_for_consent(&self) -> bool {
        let integration = &self.integration;
        integration.auth_method == AuthMethod::Oauth2 && integration.credentials.is_some()
    }
}

/// Integrations, remembered for a short time.
pub(super) struct Integrations {
    store: Store,
    open: WarmCache<Key, Arc<OpenIntegration>>,
}

impl Integrations {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            open: WarmCache::new(CAPACITY, MAX_AGE),
        }
    }

    pub(super) async fn get(
        &self,
        key: Key,
        now: Timestamp,
    ) -> Result<Arc<OpenIntegration>, Error> {
        if let Some(open) = self.open.get(&key, now) {
            return Ok(open);
        }
        self.reload(key, now).await
    }

    /// As it is stored now.
    pub(super) async fn reload(
        &self,
        key: Key,
        now: Timestamp,
    ) -> Result<Arc<OpenIntegration>, Error> {
        let found = self.store.integration(key.0, key.1).await?;
        let Some(found) = found else {
            self.open.remove(&key);
            return Err(Error::NotFound("integration"));
        };
        let open = Arc::new(OpenIntegration::new(found.item)?);
        self.open.insert(key, Arc::clone(&open), now);
        Ok(open)
    }
}

fn public_fields(integration: &Integration) -> Vec<String> {
    let provider = integration.provider.as_deref().and_then(catalog::provider);
    let options = provider.map(|provider| provider.auth_options(integration.auth_method));
    let fields = options
        .into_iter()
        .flatten()
        .flat_map(|option| &option.fields);
    fields
        .filter(|(_, field)| !field.secret)
        .map(|(name, _)| name.clone())
        .collect()
}

/// What is sent, and what is made of the answers, is different if any of this is.
fn configuration(integration: &Integration) -> Digest {
    let mut settings = json!([
        integration.auth_config,
        integration.gateway_config,
        integration.api_profile,
    ]);
    // The table gives the members of an object in any order.
    settings.sort_all_objects();
    Digest::of(settings.to_string().as_bytes())
}
