//! Whether the body of an integration says what it has to, and nothing that it must not.

use gatehouse::domain::gateway::GatewayConfig;
use gatehouse::domain::sync::SyncConfig;
use gatehouse::domain::{
    ApiProfile, Error, FieldError, Integration, IntegrationId, IntegrationStatus, RateLimits,
    Timestamp, TlsConfig,
};
use gatehouse::egress::Egress;
use gatehouse::http::Change;
use serde_json::Value;

use crate::bodies::{IntegrationChange, NewIntegration};
use crate::free_json;
use crate::setup::{Asked, Setup};

const MAX_NAME: usize = 200;
/// So many wrong fields are told: a body cannot make an answer that is larger than itself.
const MAX_ERRORS: usize = 50;

impl NewIntegration {
    /// What the integration is set up with.
    pub(crate) fn check(&self, egress: &Egress, now: Timestamp) -> Result<Setup, Error> {
        let mut errors = Vec::new();
        check_name(&self.name, &mut errors);
        if !self.provider.as_deref().is_none_or(is_slug) {
            errors.push(FieldError::new(
                "/provider",
                "expected a slug such as `github`",
            ));
        }
        let settings = Settings {
            itself: None,
            auth_config: self.auth_config.as_ref(),
            webhook_config: self.webhook_config.as_ref(),
            sync_config: self.sync_config.as_ref(),
            gateway_config: self.gateway_config.as_ref(),
            tls_config: self.tls_config.as_ref(),
            rate_limits: self.rate_limits.as_ref(),
            api_profile: self.api_profile.as_deref(),
        };
        settings.check(&mut errors);
        check_expiry(
            self.credentials_expire_at,
            self.credentials.is_some(),
            now,
            &mut errors,
        );
        let asked = Asked {
            provider: self.provider.as_deref(),
            base_url: self.base_url.as_ref(),
            variables: self.variables.as_ref(),
            auth_method: self.auth_method,
            auth_config: self.auth_config.as_ref(),
            credentials: self.credentials.as_ref(),
            api_profile: self.api_profile.as_deref(),
            current: None,
        };
        let setup = asked.set_up(egress, &mut errors);
        finish(setup, errors)
    }
}

impl IntegrationChange {
    /// What the integration is set up with from then on.
    pub(crate) fn check(
        &self,
        current: &Integration,
        egress: &Egress,
        now: Timestamp,
    ) -> Result<Setup, Error> {
        let mut errors = Vec::new();
        if let Some(name) = &self.name {
            check_name(name, &mut errors);
        }
        let settings = Settings {
            itself: Some(current.id),
            auth_config: self.auth_config.as_ref(),
            webhook_config: self.webhook_config.given(),
            sync_config: self.sync_config.given(),
            gateway_config: self.gateway_config.given(),
            tls_config: self.tls_config.given(),
            rate_limits: self.rate_limits.given(),
            api_profile: self.api_profile.given().map(|profile| &**profile),
        };
        settings.check(&mut errors);
        let has_credentials = self.credentials.is_some() || current.credentials.is_some();
        check_expiry(
            self.credentials_expire_at.given().copied(),
            has_credentials,
            now,
            &mut errors,
        );
        if !matches!(
            self.status,
            None | Some(IntegrationStatus::Active | IntegrationStatus::Inactive)
        ) {
            errors.push(FieldError::new(
                "/status",
                "expected `active` or `inactive`",
            ));
        }
        let cleared = ApiProfile::default();
        let asked = Asked {
            provider: current.provider.as_deref(),
            base_url: self.base_url.as_ref(),
            variables: self.variables.as_ref(),
            auth_method: self.auth_method.unwrap_or(current.auth_method),
            auth_config: self.auth_config.as_ref(),
            credentials: self.credentials.as_ref(),
            api_profile: match &self.api_profile {
                Change::Keep => None,
                Change::Clear => Some(&cleared),
                Change::Set(profile) => Some(&**profile),
            },
            current: Some(current),
        };
        let setup = asked.set_up(egress, &mut errors);
        finish(setup, errors)
    }
}

fn finish(setup: Option<Setup>, mut errors: Vec<FieldError>) -> Result<Setup, Error> {
    errors.truncate(MAX_ERRORS);
    match setup {
        Some(setup) if errors.is_empty() => Ok(setup),
        _ => Err(Error::Invalid(errors)),
    }
}

/// What stands for itself, whatever the provider.
struct Settings<'a> {
    /// Which integration it is, if it is made already.
    itself: Option<IntegrationId>,
    auth_config: Option<&'a Value>,
    webhook_config: Option<&'a Value>,
    sync_config: Option<&'a Value>,
    gateway_config: Option<&'a Value>,
    tls_config: Option<&'a Value>,
    rate_limits: Option<&'a RateLimits>,
    api_profile: Option<&'a ApiProfile>,
}

impl Settings<'_> {
    fn check(&self, errors: &mut Vec<FieldError>) {
        for (pointer, value) in [
            ("/authConfig", self.auth_config),
            ("/webhookConfig", self.webhook_config),
        ] {
            if let Some(value) = value {
                free_json::check(pointer, value, errors);
                if pointer == "/authConfig" {
                    // Every field of it is known, but for the parameters that providers have.
                    for name in ["authorizationParameters", "tokenParameters"] {
                        if let Some(value) = value.get(name) {
                            free_json::check_secrets(&format!("{pointer}/{name}"), value, errors);
                        }
                    }
                } else {
                    free_json::check_secrets(pointer, value, errors);
                }
            }
        }
        for (pointer, value) in [
            ("/gatewayConfig", self.gateway_config),
            ("/syncConfig", self.sync_config),
        ] {
            if let Some(value) = value {
                free_json::check_form(pointer, value, errors);
            }
        }
        errors.extend(GatewayConfig::read(self.gateway_config).err());
        let sync_config = SyncConfig::read(self.sync_config);
        let checked = sync_config.and_then(|config| match self.itself {
            Some(itself) => config.check_targets(itself),
            None => Ok(()),
        });
        errors.extend(checked.err());
        errors.extend(TlsConfig::read(self.tls_config).err());
        errors.extend(
            self.rate_limits
                .and_then(|limits| limits.check("/rateLimits").err()),
        );
        if let Some(profile) = self.api_profile {
            errors.extend(profile.check().err());
            // It is stored with the integration: as large as other settings, and no larger.
            let value = serde_json::to_value(profile).unwrap_or_default();
            free_json::check("/apiProfile", &value, errors);
        }
    }
}

fn is_slug(slug: &str) -> bool {
    (1..=64).contains(&slug.len())
        && slug
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
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

pub(crate) fn check_expiry(
    at: Option<Timestamp>,
    has_credentials: bool,
    now: Timestamp,
    errors: &mut Vec<FieldError>,
) {
    let message = match at {
        Some(at) if at <= now => "must be in the future",
        Some(_) if !has_credentials => "there are no credentials",
        _ => return,
    };
    errors.push(FieldError::new("/credentialsExpireAt", message));
}
