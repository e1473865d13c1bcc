//! What comes in and goes out of integrations.

use std::collections::BTreeMap;

use gatehouse::domain::{
    AuthMethod, Error, FieldError, Integration, IntegrationId, IntegrationStatus, IntegrationType,
    RateLimits, Timestamp,
};
use gatehouse::egress::Egress;
use gatehouse::vault::CredentialSet;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

use crate::free_json;

const MAX_NAME: usize = 200;
const MAX_CREDENTIAL_FIELDS: usize = 20;

/// A new integration.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewIntegration {
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) integration_type: IntegrationType,
    /// The catalogue's slug of the provider.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,63}$")]
    pub(crate) provider: Option<String>,
    pub(crate) base_url: Url,
    pub(crate) auth_method: AuthMethod,
    /// For `api_key`: `{keyLocation: header|query|body, keyHeader|keyParam|keyField, valueTemplate?}`.
    pub(crate) auth_config: Option<Value>,
    /// Write-only. `{apiKey}`, `{clientId, clientSecret}`, `{username, password}`, ….
    #[schema(value_type = BTreeMap<String, String>, write_only)]
    pub(crate) credentials: Option<BTreeMap<String, SecretString>>,
    pub(crate) rate_limits: Option<RateLimits>,
    pub(crate) webhook_config: Option<Value>,
    pub(crate) sync_config: Option<Value>,
}

/// A change of an integration: what is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct IntegrationChange {
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: Option<String>,
    pub(crate) base_url: Option<Url>,
    pub(crate) auth_method: Option<AuthMethod>,
    pub(crate) auth_config: Option<Value>,
    /// Write-only: replaces all of the credentials.
    #[schema(value_type = Option<BTreeMap<String, String>>, write_only)]
    pub(crate) credentials: Option<BTreeMap<String, SecretString>>,
    pub(crate) rate_limits: Option<RateLimits>,
    pub(crate) webhook_config: Option<Value>,
    pub(crate) sync_config: Option<Value>,
    /// `active` or `inactive`.
    pub(crate) status: Option<IntegrationStatus>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListOf<T> {
    pub(crate) items: Vec<T>,
    /// The `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// What the deletion of an integration did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletedIntegration {
    pub(crate) id: IntegrationId,
    pub(crate) deleted: bool,
    /// So many endpoints take no webhooks any more, but for functions that remember them.
    pub(crate) endpoints_deleted: usize,
    /// Until then they may. What they accept is listed with the events that the integration leaves.
    pub(crate) webhooks_accepted_until: Timestamp,
    pub(crate) destinations_deleted: usize,
    /// Until then an administrator of the account can restore the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credentials_recoverable_until: Option<Timestamp>,
}

impl NewIntegration {
    pub(crate) fn check(&self, egress: &Egress) -> Result<(), Error> {
        let mut errors = Vec::new();
        check_name(&self.name, &mut errors);
        check_base_url(&self.base_url, egress, &mut errors);
        let is_slug = |slug: &String| {
            (1..=64).contains(&slug.len())
                && slug
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !self.provider.as_ref().is_none_or(is_slug) {
            errors.push(FieldError::new(
                "/provider",
                "expected a slug such as `github`",
            ));
        }
        check_free(
            &[
                ("/authConfig", &self.auth_config),
                ("/webhookConfig", &self.webhook_config),
                ("/syncConfig", &self.sync_config),
            ],
            &mut errors,
        );
        check_auth_config(self.auth_method, self.auth_config.as_ref(), &mut errors);
        match &self.credentials {
            Some(credentials) => check_credentials(self.auth_method, credentials, &mut errors),
            // Until somebody gives consent, there are none.
            None if self.auth_method == AuthMethod::Oauth2 => {}
            None => errors.push(FieldError::new("/credentials", "is required")),
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

impl IntegrationChange {
    pub(crate) fn check(&self, current: &Integration, egress: &Egress) -> Result<(), Error> {
        let mut errors = Vec::new();
        if let Some(name) = &self.name {
            check_name(name, &mut errors);
        }
        if let Some(base_url) = &self.base_url {
            check_base_url(base_url, egress, &mut errors);
        }
        check_free(
            &[
                ("/authConfig", &self.auth_config),
                ("/webhookConfig", &self.webhook_config),
                ("/syncConfig", &self.sync_config),
            ],
            &mut errors,
        );
        let auth_method = self.auth_method.unwrap_or(current.auth_method);
        check_auth_config(auth_method, self.auth_config.as_ref(), &mut errors);
        if let Some(credentials) = &self.credentials {
            check_credentials(auth_method, credentials, &mut errors);
        } else if auth_method != current.auth_method {
            let message = "is required where `authMethod` changes";
            errors.push(FieldError::new("/credentials", message));
        }
        if !matches!(
            self.status,
            None | Some(IntegrationStatus::Active | IntegrationStatus::Inactive)
        ) {
            errors.push(FieldError::new(
                "/status",
                "expected `active` or `inactive`",
            ));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(errors))
        }
    }
}

fn check_name(name: &str, errors: &mut Vec<FieldError>) {
    if name.trim().is_empty()
        || name.chars().count() > MAX_NAME
        || name.chars().any(char::is_control)
    {
        errors.push(FieldError::new(
            "/name",
            "expected 1 to 200 printable characters",
        ));
    }
}

fn check_base_url(url: &Url, egress: &Egress, errors: &mut Vec<FieldError>) {
    if let Err(error) = egress.check_new_url(url) {
        errors.push(FieldError::new("/baseUrl", error.to_string()));
    }
}

fn check_free(values: &[(&str, &Option<Value>)], errors: &mut Vec<FieldError>) {
    for (pointer, value) in values {
        if let Some(value) = value {
            free_json::check(pointer, value, errors);
        }
    }
}

/// Where an API key goes has to be said completely.
fn check_auth_config(method: AuthMethod, config: Option<&Value>, errors: &mut Vec<FieldError>) {
    let (AuthMethod::ApiKey, Some(config)) = (method, config) else {
        return;
    };
    let name = match config.get("keyLocation").and_then(Value::as_str) {
        Some("header") => "keyHeader",
        Some("query") => "keyParam",
        Some("body") => "keyField",
        _ => {
            let message = "expected `header`, `query` or `body`";
            errors.push(FieldError::new("/authConfig/keyLocation", message));
            return;
        }
    };
    if config
        .get(name)
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        errors.push(FieldError::new(
            format!("/authConfig/{name}"),
            "is required",
        ));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "only whether a value is empty is looked at"
)]
fn check_credentials(
    method: AuthMethod,
    credentials: &CredentialSet,
    errors: &mut Vec<FieldError>,
) {
    let needed: &[&str] = match method {
        AuthMethod::ApiKey => &["apiKey"],
        AuthMethod::BasicAuth => &["username", "password"],
        AuthMethod::Oauth2 => &["clientId", "clientSecret"],
        AuthMethod::Jwt | AuthMethod::Custom => &[],
    };
    for name in needed
        .iter()
        .filter(|name| !credentials.contains_key(**name))
    {
        errors.push(FieldError::new(
            format!("/credentials/{name}"),
            "is required",
        ));
    }
    if credentials.is_empty() || credentials.len() > MAX_CREDENTIAL_FIELDS {
        errors.push(FieldError::new("/credentials", "expected 1 to 20 fields"));
    }
    for (name, value) in credentials {
        let is_name = !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            let message = "names are 1 to 64 letters, digits and `_`";
            errors.push(FieldError::new("/credentials", message));
        } else if value.expose_secret().is_empty() {
            errors.push(FieldError::new(
                format!("/credentials/{name}"),
                "must not be empty",
            ));
        }
    }
}
