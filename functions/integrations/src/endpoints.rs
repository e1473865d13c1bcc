use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::catalog::{self, Need};
use gatehouse::domain::secret_rotation::SecretPlan;
use gatehouse::domain::{
    Cause, Endpoint, EndpointId, EndpointPath, EndpointStatus, Error, IntegrationId,
    OrganizationId, SecretId,
};
use gatehouse::http::{ApiError, Change, IfMatch, Json, PathId, PathIds, Query, etag};
use gatehouse::signature::SchemeSettings;
use gatehouse::store::Versioned;
use http::{StatusCode, header};

use crate::State;
use crate::bodies::ListOf;
use crate::endpoint_bodies::{EndpointChange, EndpointView, NewEndpoint, NewSecret, check_secret};
use crate::integrations::{ALL, NoQuery, find as find_integration};
use crate::secrets::{self, SecretView};

/// Registers an endpoint.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Json(body): Json<NewEndpoint>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let owner = find_integration(&state, organization, integration)
        .await?
        .item;
    let (slug, scheme) = body.scheme(&owner)?;
    body.check(&slug, scheme)?;
    let now = state.sources.now();
    let id = EndpointId::generate(now, state.sources.randomness.as_ref());
    // Events are sealed under the organization's key, whether a secret is or not.
    state.keys.ensure(organization).await?;
    let mut stored = Vec::new();
    if let Some(secret) = &body.secret {
        let maker = state.maker();
        let sealed = maker.seal(organization, id.ulid(), secret, now);
        stored.push(sealed.await?);
    }
    let endpoint = Endpoint {
        id,
        organization_id: organization,
        integration_id: integration,
        path: match body.endpoint.clone() {
            Some(path) => path,
            None => random_path(&state)?,
        },
        scheme: slug,
        settings: settings_value(&body.settings())?,
        events: body.events,
        allowed_networks: body.allowed_networks,
        blocked_networks: body.blocked_networks,
        tolerance_seconds: body.tolerance_seconds,
        retry_policy: body.retry_policy,
        status: match scheme.secret() {
            Need::InBand if stored.is_empty() => EndpointStatus::AwaitingSecret,
            _ => EndpointStatus::Active,
        },
        secrets: stored,
        secret_plan: SecretPlan {
            policy: body.secret_rotation,
            ..SecretPlan::default()
        },
        created_at: now,
        updated_at: now,
    };
    let max = state.max_endpoints;
    state.store.create_endpoint_within(&endpoint, max).await?;
    tracing::info!(endpoint.id = %id, organization.id = %organization, scheme = endpoint.scheme, "{id} was registered");
    let location = [(
        header::LOCATION,
        format!("/portal/integrations/{integration}/webhooks/{id}"),
    )];
    let view = EndpointView::new(&endpoint, &state.public_url);
    Ok((StatusCode::CREATED, location, etag(1), Json(view)))
}

/// An integration's endpoints.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    find_integration(&state, organization, integration).await?;
    let page = state
        .store
        .endpoints(organization, integration, ALL, None)
        .await?;
    let view = |stored: &Versioned<Endpoint>| EndpointView::new(&stored.item, &state.public_url);
    let items = page.items.iter().map(view).collect();
    Ok(Json(ListOf::<EndpointView> {
        items,
        next_cursor: None,
    }))
}

/// One endpoint, with when its secrets were last used.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, EndpointId>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let Versioned { item, version } = find(&state, organization, integration, id).await?;
    let mut view = EndpointView::new(&item, &state.public_url);
    for secret in &mut view.secrets {
        secret.last_used_at = state
            .store
            .newest_event_verified_with(organization, integration, id, secret.id)
            .await?;
    }
    Ok((etag(version), Json(view)))
}

/// Changes an endpoint.
pub(crate) async fn update(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, EndpointId>,
    IfMatch(expected): IfMatch,
    Json(change): Json<EndpointChange>,
) -> Result<impl IntoResponse, ApiError> {
    let Versioned { mut item, version } =
        find(&state, caller.organization_id, integration, id).await?;
    if version != expected {
        return Err(Error::PreconditionFailed.into());
    }
    let scheme = catalog::scheme(&item.scheme).ok_or_else(unknown_scheme)?;
    change.check(scheme, &item)?;
    match &change.settings {
        Change::Keep => {}
        Change::Clear => item.settings = settings_value(&SchemeSettings::default())?,
        Change::Set(settings) => item.settings = settings_value(settings)?,
    }
    item.events = change.events.apply_or(item.events, Vec::new());
    item.retry_policy = change.retry_policy.apply(item.retry_policy);
    item.allowed_networks = change
        .allowed_networks
        .apply_or(item.allowed_networks, Vec::new());
    item.blocked_networks = change
        .blocked_networks
        .apply_or(item.blocked_networks, Vec::new());
    item.tolerance_seconds = change.tolerance_seconds.apply(item.tolerance_seconds);
    if change.secret_rotation != Change::Keep {
        let policy = change.secret_rotation.given().copied();
        item.secret_plan.set_policy(policy);
    }
    item.status = change.status.given().copied().unwrap_or(item.status);
    item.updated_at = state.sources.now();
    let version = state.store.update_endpoint(&item, expected).await?;
    Ok((
        etag(version),
        Json(EndpointView::new(&item, &state.public_url)),
    ))
}

/// Deletes an endpoint: its path is unknown from then on.
pub(crate) async fn delete(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, EndpointId>,
    expected: Option<IfMatch>,
) -> Result<impl IntoResponse, ApiError> {
    let expected = expected.map(|IfMatch(version)| version);
    state
        .store
        .delete_endpoint(caller.organization_id, integration, id, expected)
        .await?;
    tracing::info!(endpoint.id = %id, organization.id = %caller.organization_id, "{id} was deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Adds a signing secret; those that are there expire when the overlap is over.
pub(crate) async fn add_secret(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, EndpointId>,
    Json(body): Json<NewSecret>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let Versioned { mut item, version } = find(&state, organization, integration, id).await?;
    let scheme = catalog::scheme(&item.scheme).ok_or_else(unknown_scheme)?;
    let mut errors = Vec::new();
    check_secret(&body.secret, scheme, &settings_of(&item)?, &mut errors);
    if !errors.is_empty() {
        return Err(Error::Invalid(errors).into());
    }
    let now = state.sources.now();
    let maker = state.maker();
    let sealed = maker.seal(organization, id.ulid(), &body.secret, now);
    let new = sealed.await?;
    let view = SecretView::from(&new);
    secrets::replace(&mut item, new, body.overlap_seconds, now)?;
    if item.status == EndpointStatus::AwaitingSecret {
        item.status = EndpointStatus::Active;
    }
    item.updated_at = now;
    let version = state.store.update_endpoint(&item, version).await?;
    Ok((StatusCode::CREATED, etag(version), Json(view)))
}

/// Deletes a signing secret at once.
pub(crate) async fn delete_secret(
    Shared(state): Shared<State>,
    caller: Caller,
    axum::extract::Path((integration, id, secret)): axum::extract::Path<(String, String, String)>,
    expected: Option<IfMatch>,
) -> Result<impl IntoResponse, ApiError> {
    let unknown = || Error::NotFound("secret");
    let integration: IntegrationId = integration.parse().map_err(|_| unknown())?;
    let id: EndpointId = id.parse().map_err(|_| unknown())?;
    let secret: SecretId = secret.parse().map_err(|_| unknown())?;
    let Versioned { mut item, version } =
        find(&state, caller.organization_id, integration, id).await?;
    if expected.is_some_and(|IfMatch(expected)| expected != version) {
        return Err(Error::PreconditionFailed.into());
    }
    let before = item.secrets.len();
    item.secrets.retain(|stored| stored.id != secret);
    if item.secrets.len() == before {
        return Err(unknown().into());
    }
    let scheme = catalog::scheme(&item.scheme).ok_or_else(unknown_scheme)?;
    if item.secrets.is_empty() && matches!(scheme.secret(), Need::Required | Need::InBand) {
        return Err(Error::Conflict("it is the only secret; add another first".to_owned()).into());
    }
    item.updated_at = state.sources.now();
    state.store.update_endpoint(&item, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows a secret that the provider brought, once: the provider asks a person for it.
pub(crate) async fn reveal_secret(
    Shared(state): Shared<State>,
    caller: Caller,
    axum::extract::Path((integration, id, secret)): axum::extract::Path<(String, String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let unknown = || Error::NotFound("secret");
    let integration: IntegrationId = integration.parse().map_err(|_| unknown())?;
    let id: EndpointId = id.parse().map_err(|_| unknown())?;
    let secret: SecretId = secret.parse().map_err(|_| unknown())?;
    let organization = caller.organization_id;
    let Versioned { mut item, version } = find(&state, organization, integration, id).await?;
    let mut secrets = item.secrets.iter_mut();
    let stored = secrets
        .find(|stored| stored.id == secret)
        .ok_or_else(unknown)?;
    if !stored.unseen {
        let message = "the secret was shown, or was not brought by the provider";
        return Err(Error::Conflict(message.to_owned()).into());
    }
    // Marked first: of two that ask at once, one is shown it.
    stored.unseen = false;
    let revealed = secrets::open(&state, organization, id.ulid(), stored).await?;
    state.store.update_endpoint(&item, version).await?;
    tracing::info!(endpoint.id = %id, organization.id = %organization, secret.id = %secret, "{secret} was shown");
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((no_store, Json(revealed)))
}

/// An endpoint of an integration of `organization`; not found, if there is none.
pub(crate) async fn find(
    state: &State,
    organization: OrganizationId,
    integration: IntegrationId,
    id: EndpointId,
) -> Result<Versioned<Endpoint>, Error> {
    let found = state.store.endpoint(organization, integration, id).await?;
    found.ok_or(Error::NotFound("endpoint"))
}

/// 160 random bits: it is all that keeps strangers from an endpoint that is not verified.
fn random_path(state: &State) -> Result<EndpointPath, Error> {
    use base64::Engine as _;
    let mut bytes = [0; 20];
    state.sources.randomness.fill(&mut bytes);
    let name = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let path = format!("{}{name}", EndpointPath::PREFIX).replace('_', "~");
    path.parse()
        .map_err(|_| Error::Internal(Cause::from("a random path is not valid")))
}

fn settings_value(settings: &SchemeSettings) -> Result<serde_json::Value, Error> {
    serde_json::to_value(settings).map_err(|error| Error::Internal(error.into()))
}

pub(crate) fn settings_of(endpoint: &Endpoint) -> Result<SchemeSettings, Error> {
    serde_json::from_value(endpoint.settings.clone()).map_err(|error| Error::Internal(error.into()))
}

fn unknown_scheme() -> Error {
    Error::Internal(Cause::from("the endpoint's scheme is not in the catalogue"))
}
