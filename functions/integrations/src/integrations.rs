use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::{Access, Caller, Resource};
use gatehouse::domain::{
    Action, AuthConfig, AuthMethod, Error, GrantType, Integration, IntegrationAttributes,
    IntegrationId, IntegrationStatus, OrganizationId, TlsConfig,
};
use gatehouse::http::{ApiError, Change, Cursor, IfMatch, Json, PathId, Query, etag};
use gatehouse::store::Versioned;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use crate::bodies::{IntegrationChange, ListOf, NewIntegration};
use crate::status::with_last_use;
use crate::sync::targets;
use crate::{State, credentials};

const LIST: &str = "integrations";
const MAX_LIMIT: u16 = 200;
/// More endpoints or destinations than an integration can have.
pub(crate) const ALL: u16 = 200;

/// The query of a list that is always shown whole: there is nothing to be asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoQuery {}

/// Where in a list to begin, and how much of it to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    limit: Option<u16>,
    cursor: Option<String>,
}

impl PageQuery {
    pub(crate) fn limit(&self, default: u16) -> Result<u16, Error> {
        limit_of(self.limit, default)
    }

    pub(crate) fn after<P: serde::de::DeserializeOwned>(
        &self,
        list: &str,
    ) -> Result<Option<P>, Error> {
        self.cursor
            .as_deref()
            .map(|cursor| Cursor::read(list, cursor))
            .transpose()
    }
}

/// How much of a list is shown.
pub(crate) fn limit_of(limit: Option<u16>, default: u16) -> Result<u16, Error> {
    let limit = limit.unwrap_or(default);
    if (1..=MAX_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        Err(Error::Malformed("`limit` must be from 1 to 200".to_owned()))
    }
}

/// Makes an integration.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Json(body): Json<NewIntegration>,
) -> Result<impl IntoResponse, ApiError> {
    let made = make(&state, &access, body).await?;
    let Versioned { item, version } = made;
    let location = format!("/portal/integrations/{}", item.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        etag(version),
        Json(item),
    ))
}

/// Whether calls can be made only after somebody has consented.
fn waits_for_consent(method: AuthMethod, config: Option<&Value>) -> bool {
    match AuthConfig::read(method, config) {
        Ok(AuthConfig::Oauth2(config)) => {
            config.grant_type == GrantType::AuthorizationCode || !config.is_configured()
        }
        _ => method == AuthMethod::Oauth2,
    }
}

pub(crate) async fn make(
    state: &State,
    access: &Access,
    body: NewIntegration,
) -> Result<Versioned<Integration>, Error> {
    let organization = access.caller().organization_id;
    let now = state.sources.now();
    let setup = body.check(&state.egress, now)?;
    let id = IntegrationId::generate(now, state.sources.randomness.as_ref());
    let waits_for_consent = waits_for_consent(body.auth_method, setup.auth_config.as_ref());
    let mut integration = Integration {
        id,
        organization_id: organization,
        name: body.name,
        integration_type: body.integration_type,
        provider: body.provider,
        classification: body.classification.unwrap_or_default(),
        environment: body.environment.unwrap_or_default(),
        base_url: setup.base_url,
        variables: setup.variables,
        auth_method: body.auth_method,
        auth_config: setup.auth_config,
        api_profile: body.api_profile,
        tls_config: tls_config(body.tls_config.as_ref())?,
        gateway_config: body.gateway_config,
        rate_limits: body.rate_limits,
        webhook_config: body.webhook_config,
        sync_config: body.sync_config,
        status: IntegrationStatus::Pending,
        credentials: None,
        created_at: now,
        updated_at: now,
    };
    authorize_creation(state, access, &integration, body.credentials.is_some()).await?;
    // The integration first: of one that breaks off here a person sees that it is pending, where
    // credentials without an integration would be seen by nobody.
    add(state, &integration).await?;
    let mut version = 1;
    if let Some(values) = &body.credentials {
        let expires_at = body.credentials_expire_at;
        let staged = credentials::stage(state, &integration, values, expires_at).await;
        if let Err(error) = &staged {
            tracing::warn!(integration.id = %id, %error, "{id} is taken back without credentials");
            state
                .store
                .delete_integration(organization, id, Some(version))
                .await?;
        }
        integration.credentials = Some(staged?);
        if !waits_for_consent {
            integration.status = IntegrationStatus::Active;
        }
        version = state
            .store
            .update_integration(&integration, version)
            .await?;
    }
    if integration.sync_config.is_some() {
        state.jobs.follow(&integration).await;
    }
    tracing::info!(integration.id = %id, organization.id = %organization, "{id} was made");
    Ok(Versioned {
        item: integration,
        version,
    })
}

/// Lets the caller make this integration, with credentials if there are some, or not.
async fn authorize_creation(
    state: &State,
    access: &Access,
    item: &Integration,
    has_credentials: bool,
) -> Result<(), Error> {
    let resource = Resource::Integration(item.into());
    access.check(Action::CreateIntegration, &resource).await?;
    if has_credentials {
        access.check(Action::ChangeCredentials, &resource).await?;
    }
    let configs = (None, item.sync_config.as_ref());
    targets::authorize(state, access, (item.organization_id, item.id), configs).await
}

fn tls_config(value: Option<&Value>) -> Result<Option<TlsConfig>, Error> {
    let read = value.map(|value| TlsConfig::read(Some(value))).transpose();
    read.map_err(|error| Error::Invalid(vec![error]))
}

/// Adds an integration, if there is room for one; what is due of it is seen to later in any case.
async fn add(state: &State, integration: &Integration) -> Result<(), Error> {
    if integration.sync_config.is_some() {
        let owner = integration.organization_id;
        state.jobs.follow_later(owner, integration.id).await?;
    }
    let store = &state.store;
    let added = match state.max_integrations {
        Some(max) => store.create_integration_within(integration, max).await,
        None => store.create_integration(integration).await,
    };
    added.map_err(Error::from)
}

/// One integration.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    let Versioned { mut item, version } = find(&state, caller.organization_id, id).await?;
    let shared = state.store.gateway_state(item.organization_id, id).await?;
    item.credentials = with_last_use(item.credentials, shared.item.credential_use);
    Ok((etag(version), Json(item)))
}

/// The organization's integrations, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let (limit, after) = (query.limit(50)?, query.after(LIST)?);
    let page = state
        .store
        .integrations(caller.organization_id, limit, after)
        .await?;
    let items = page.items.into_iter().map(|stored| stored.item).collect();
    let next_cursor = page.next.map(|after| Cursor::write(LIST, &after));
    Ok(Json(ListOf::<Integration> { items, next_cursor }))
}

/// Changes an integration.
pub(crate) async fn update(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    PathId(id): PathId<IntegrationId>,
    IfMatch(expected): IfMatch,
    Json(change): Json<IntegrationChange>,
) -> Result<impl IntoResponse, ApiError> {
    let changed = update_to(&state, &access, id, expected, change).await?;
    Ok((etag(changed.version), Json(changed.item)))
}

pub(crate) async fn update_to(
    state: &State,
    access: &Access,
    id: IntegrationId,
    expected: u64,
    change: IntegrationChange,
) -> Result<Versioned<Integration>, Error> {
    let organization = access.caller().organization_id;
    let Versioned { mut item, version } = find(state, organization, id).await?;
    authorize_change(access, &item, &change).await?;
    if version != expected {
        return Err(Error::PreconditionFailed);
    }
    let now = state.sources.now();
    let setup = change.check(&item, &state.egress, now)?;
    let configs = (item.sync_config.as_ref(), change.sync_config.given());
    targets::authorize(state, access, (organization, id), configs).await?;
    let reconfigures =
        change.sync_config != Change::Keep || !matches!(change.api_profile, Change::Keep);
    if reconfigures {
        state.jobs.follow_later(organization, id).await?;
    }
    if let Some(values) = &change.credentials {
        let expires_at = change.credentials_expire_at.given().copied();
        item.credentials = Some(credentials::stage(state, &item, values, expires_at).await?);
    } else if let Some(credentials) = &mut item.credentials
        && change.credentials_expire_at != Change::Keep
    {
        credentials.set_end(change.credentials_expire_at.given().copied());
    }
    item.name = change.name.unwrap_or(item.name);
    item.classification = change.classification.unwrap_or(item.classification);
    item.environment = change.environment.unwrap_or(item.environment);
    item.base_url = setup.base_url;
    item.variables = setup.variables;
    item.auth_method = change.auth_method.unwrap_or(item.auth_method);
    item.auth_config = setup.auth_config;
    item.api_profile = change.api_profile.apply(item.api_profile);
    item.tls_config = match &change.tls_config {
        Change::Keep => item.tls_config,
        Change::Clear => None,
        Change::Set(value) => tls_config(Some(value))?,
    };
    item.gateway_config = change.gateway_config.apply(item.gateway_config);
    item.rate_limits = change.rate_limits.apply(item.rate_limits);
    item.webhook_config = change.webhook_config.apply(item.webhook_config);
    item.sync_config = change.sync_config.apply(item.sync_config);
    item.status = change.status.unwrap_or(item.status);
    item.updated_at = now;
    let updated = state.store.update_integration(&item, expected).await;
    if change.credentials.is_some() {
        credentials::settle(state, &item, &updated).await;
    }
    let version = updated?;
    if reconfigures {
        state.jobs.follow(&item).await;
    }
    Ok(Versioned { version, item })
}

/// Lets the caller make this change of what stands there now, or not.
async fn authorize_change(
    access: &Access,
    item: &Integration,
    change: &IntegrationChange,
) -> Result<(), Error> {
    let before = IntegrationAttributes::from(item);
    let after = IntegrationAttributes {
        classification: change.classification.unwrap_or(before.classification),
        environment: change.environment.unwrap_or(before.environment),
        ..before
    };
    let resource = Resource::Integration(before);
    access.check(Action::UpdateIntegration, &resource).await?;
    if change.credentials.is_some() {
        access.check(Action::ChangeCredentials, &resource).await?;
    }
    if after.is_lower_than(&before) {
        access.check(Action::LowerProtection, &resource).await?;
    }
    Ok(())
}

/// An integration of `organization`; not found, if there is none.
pub(crate) async fn find(
    state: &State,
    organization: OrganizationId,
    id: IntegrationId,
) -> Result<Versioned<Integration>, Error> {
    let found = state.store.integration(organization, id).await?;
    found.ok_or(Error::NotFound("integration"))
}
