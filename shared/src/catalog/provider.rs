use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

use super::{Pattern, Scheme};
use crate::domain::{ApiProfile, AuthMethod, Integration, IntegrationType, RotationMethod};

/// A third-party service.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    /// What people call it.
    pub name: String,
    /// Its kind. A file of `generic/` is about schemes alone, and has none; every other has one.
    #[serde(rename = "type")]
    pub integration_type: Option<IntegrationType>,
    /// Its documentation.
    pub documentation: Url,
    /// Where the facts come from, and when they were read.
    pub sources: Vec<Source>,
    /// Where its API lives, with variables in braces.
    pub base_url: Option<String>,
    /// What differs from one customer of the provider to the next, by name. `{name}` stands for
    /// one in `baseUrl`, in the `config` of an authentication, and in `api`.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// The ways to authenticate, the best first.
    #[serde(default)]
    pub auth: Vec<AuthOption>,
    /// How its API is called.
    #[serde(default)]
    pub api: ApiProfile,
    /// Its webhook schemes, by slug. Slugs are unique in the whole catalogue.
    #[serde(default)]
    pub webhooks: BTreeMap<String, Scheme>,
}

/// Where a fact comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The page, or the library and its version.
    pub from: String,
    /// When it was read: a date.
    pub read: String,
}

/// What differs from one customer of the provider to the next. It is no secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variable {
    /// What the provider calls it.
    pub title: String,
    /// What its whole value fits.
    pub pattern: Pattern,
    /// A value that fits.
    pub example: String,
    /// Where to find it.
    pub help: String,
    /// Its value, if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// A way to authenticate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthOption {
    /// The integration's `authMethod`.
    pub method: AuthMethod,
    /// What the provider calls it.
    pub title: String,
    /// The integration's `authConfig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub config: Option<Value>,
    /// The fields of the credentials, by name.
    pub fields: BTreeMap<String, CredentialField>,
    /// How such credentials are replaced, if not as `api` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationMethod>,
}

/// A field of the credentials.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialField {
    /// What the provider calls it.
    pub title: String,
    /// What its whole value fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// Whether it is to be hidden while it is typed in, and blotted out of the provider's answers. It
    /// is stored as a secret in any case.
    #[serde(default = "yes")]
    pub secret: bool,
    /// Whether it has to be there.
    #[serde(default = "yes")]
    pub required: bool,
    /// Where to find it.
    pub help: String,
}

fn yes() -> bool {
    true
}

impl Provider {
    /// Whether it is said how its API is called. Of some providers only the webhooks are known: an
    /// integration of one says itself what it calls, and how.
    #[must_use]
    pub fn has_api(&self) -> bool {
        self.base_url.is_some()
    }

    /// The ways to authenticate by `method`, the best first.
    pub fn auth_options(&self, method: AuthMethod) -> impl Iterator<Item = &AuthOption> {
        self.auth
            .iter()
            .filter(move |option| option.method == method)
    }

    /// The way in which `integration` authenticates: the one of its configuration, or else the first
    /// whose fields it has.
    #[must_use]
    pub fn auth_of(&self, integration: &Integration) -> Option<&AuthOption> {
        let has = |name: &String| {
            let stored = integration.credentials.as_ref();
            stored.is_some_and(|stored| stored.fields.contains(name))
        };
        let fits = |option: &&AuthOption| {
            let mut fields = option.fields.iter();
            fields.all(|(name, field)| !field.required || has(name))
        };
        let is_configured = |option: &&AuthOption| {
            let config = option.config(&integration.variables);
            config.is_some() && config == integration.auth_config
        };
        let mut options = self.auth_options(integration.auth_method);
        options
            .find(is_configured)
            .or_else(|| self.auth_options(integration.auth_method).find(fits))
    }
}
