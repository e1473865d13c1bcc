//! The providers of the catalogue: what an integration of each needs.

use std::collections::BTreeMap;

use axum::extract::{Path, State as Shared};
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::catalog::{self, AuthOption, Provider, Scheme, Variable};
use gatehouse::domain::{AuthMethod, Entity, Error, IntegrationType, RateLimits, RotationMethod};
use gatehouse::http::{ApiError, Json, Query};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::State;
use crate::bodies::ListOf;

/// Which providers are listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderQuery {
    #[serde(rename = "type")]
    integration_type: Option<IntegrationType>,
}

/// A provider, in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProviderSummary {
    /// The `provider` of its integrations.
    slug: &'static str,
    name: &'static str,
    #[serde(rename = "type")]
    integration_type: IntegrationType,
    #[schema(value_type = String, format = Uri)]
    documentation: &'static Url,
    /// The ways to authenticate, the best first.
    auth_methods: Vec<AuthMethod>,
    /// Its webhook schemes.
    webhook_schemes: Vec<&'static str>,
    /// The kinds of record that can be synchronized.
    entities: Vec<&'static str>,
}

/// What an integration of a provider needs, and how the provider is called.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProviderView {
    /// The `provider` of its integrations.
    slug: &'static str,
    name: &'static str,
    #[serde(rename = "type")]
    integration_type: IntegrationType,
    #[schema(value_type = String, format = Uri)]
    documentation: &'static Url,
    /// Where its API lives, with variables in braces.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<&'static str>,
    /// The `variables` of its integrations, by name.
    #[schema(value_type = BTreeMap<String, Variable>)]
    variables: &'static BTreeMap<String, Variable>,
    /// The ways to authenticate, the best first.
    #[schema(value_type = Vec<AuthOption>)]
    auth: &'static [AuthOption],
    /// Its webhook schemes.
    webhook_schemes: Vec<SchemeView>,
    /// The kinds of record that can be synchronized, by name.
    #[schema(value_type = BTreeMap<String, Entity>)]
    entities: &'static BTreeMap<String, Entity>,
    /// How credentials are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RotationMethod>)]
    rotation: Option<&'static RotationMethod>,
    /// Its limits, for integrations that set none.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limits: Option<RateLimits>,
}

/// A webhook scheme.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SchemeView {
    /// The `scheme` of endpoints.
    slug: &'static str,
    title: &'static str,
    /// Whether the body of what is accepted is the provider's. It is not where the secret itself is
    /// sent, or nothing.
    body_authenticated: bool,
    /// Where in the provider's console the endpoint's URL goes. Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    setup: Option<&'static str>,
    /// What the secret is, and where it comes from. Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'static str>,
    /// What else one has to know. Markdown.
    notes: &'static [String],
    /// What the sources leave open, and what was chosen. Markdown.
    uncertain: &'static [String],
}

impl SchemeView {
    fn new(slug: &'static str, scheme: &'static Scheme) -> Self {
        Self {
            slug,
            title: &scheme.title,
            body_authenticated: scheme.authenticates_body(),
            setup: scheme.page.setup.as_deref(),
            secret: scheme.page.secret.as_deref(),
            notes: &scheme.page.notes,
            uncertain: &scheme.page.uncertain,
        }
    }
}

impl ProviderSummary {
    /// None for a file without a type: there is no such provider, a test of the catalogue says.
    fn new(slug: &'static str, provider: &'static Provider) -> Option<Self> {
        let mut auth_methods: Vec<_> = provider.auth.iter().map(|option| option.method).collect();
        auth_methods.dedup();
        Some(Self {
            slug,
            name: &provider.name,
            integration_type: provider.integration_type?,
            documentation: &provider.documentation,
            auth_methods,
            webhook_schemes: provider.webhooks.keys().map(String::as_str).collect(),
            entities: provider.api.entities.keys().map(String::as_str).collect(),
        })
    }
}

impl ProviderView {
    fn new(slug: &'static str, provider: &'static Provider) -> Option<Self> {
        let schemes = provider.webhooks.iter();
        let schemes = schemes.map(|(slug, scheme)| SchemeView::new(slug, scheme));
        Some(Self {
            slug,
            name: &provider.name,
            integration_type: provider.integration_type?,
            documentation: &provider.documentation,
            base_url: provider.base_url.as_deref(),
            variables: &provider.variables,
            auth: &provider.auth,
            webhook_schemes: schemes.collect(),
            entities: &provider.api.entities,
            rotation: provider.api.rotation.as_ref(),
            rate_limits: provider.api.rate_limits,
        })
    }
}

/// The providers of the catalogue, by slug.
pub(crate) async fn list(
    Shared(_): Shared<State>,
    _: Caller,
    Query(query): Query<ProviderQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let wanted = |summary: &ProviderSummary| {
        query
            .integration_type
            .is_none_or(|wanted| wanted == summary.integration_type)
    };
    let all = catalog::providers().into_iter();
    let items = all.filter_map(|(slug, provider)| ProviderSummary::new(slug, provider));
    Ok(Json(ListOf {
        items: items.filter(wanted).collect(),
        next_cursor: None,
    }))
}

/// One provider.
pub(crate) async fn read(
    Shared(_): Shared<State>,
    _: Caller,
    Path(slug): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let found = catalog::providers().remove_entry(slug.as_str());
    let view = found.and_then(|(slug, provider)| ProviderView::new(slug, provider));
    Ok(Json(view.ok_or(Error::NotFound("provider"))?))
}
