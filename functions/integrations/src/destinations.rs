use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::secret_rotation::{SecretPlan, reveal};
use gatehouse::domain::{
    Destination, DestinationId, DestinationStatus, DestinationTarget, Error, IntegrationId,
    OrganizationId, SecretId,
};
use gatehouse::http::{ApiError, IfMatch, Json, PathId, PathIds, Query, etag};
use gatehouse::store::{StoreError, Versioned};
use http::{StatusCode, header};
use secrecy::ExposeSecret;

use crate::State;
use crate::bodies::ListOf;
use crate::destination_bodies::{
    DestinationChange, DestinationView, NewDestination, SecretRotation,
};
use crate::integrations::{ALL, NoQuery, find as find_integration};
use crate::secrets;

/// An integration has at most so many: an event's item holds a delivery for each.
const MAX_DESTINATIONS: usize = 50;

/// Makes a destination, and its signing secret, which is shown this once.
#[expect(
    clippy::disallowed_methods,
    reason = "a new signing secret is shown once"
)]
pub(crate) async fn create(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Json(body): Json<NewDestination>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    find_integration(&state, organization, integration).await?;
    let target = body.target(&state.egress)?;
    let page = state
        .store
        .destinations(organization, integration, ALL, None)
        .await?;
    if page.items.len() >= MAX_DESTINATIONS {
        return Err(Error::Conflict("the integration has 50 destinations".to_owned()).into());
    }
    let now = state.sources.now();
    let id = DestinationId::generate(now, state.sources.randomness.as_ref());
    let mut stored = Vec::new();
    let mut shown = None;
    if let DestinationTarget::Http(_) = target {
        let maker = state.maker();
        let secret = maker.generate();
        let sealed = maker.seal(organization, id.ulid(), &secret, now);
        stored.push(sealed.await?);
        shown = Some(secret.expose_secret().to_owned());
    }
    let destination = Destination {
        id,
        organization_id: organization,
        integration_id: integration,
        target,
        events: body.events,
        filter: body.filter,
        transform: body.transform,
        retry_policy: body.retry_policy,
        status: DestinationStatus::Active,
        disabled_reason: None,
        secrets: stored,
        secret_plan: SecretPlan {
            policy: body.secret_rotation,
            ..SecretPlan::default()
        },
        breaker: None,
        created_at: now,
        updated_at: now,
    };
    state.store.create_destination(&destination).await?;
    tracing::info!(destination.id = %id, organization.id = %organization, "{id} was made");
    let location = [(
        header::LOCATION,
        format!("/portal/integrations/{integration}/destinations/{id}"),
    )];
    let view = DestinationView {
        signing_secret: shown,
        ..DestinationView::from(destination)
    };
    Ok((StatusCode::CREATED, location, etag(1), Json(view)))
}

/// An integration's destinations.
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
        .destinations(organization, integration, ALL, None)
        .await?;
    let items = page
        .items
        .into_iter()
        .map(|stored| stored.item.into())
        .collect();
    Ok(Json(ListOf::<DestinationView> {
        items,
        next_cursor: None,
    }))
}

/// One destination.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, DestinationId>,
) -> Result<impl IntoResponse, ApiError> {
    let Versioned { item, version } = find(&state, caller.organization_id, integration, id).await?;
    Ok((etag(version), Json(DestinationView::from(item))))
}

/// Changes a destination. Making it active also closes its circuit breaker.
pub(crate) async fn update(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, DestinationId>,
    IfMatch(expected): IfMatch,
    Json(change): Json<DestinationChange>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let Versioned { mut item, version } = find(&state, organization, integration, id).await?;
    if version != expected {
        return Err(Error::PreconditionFailed.into());
    }
    let closes_breaker = change.makes_active();
    change.apply(&mut item, &state.egress)?;
    item.updated_at = state.sources.now();
    let version = state.store.update_destination(&item, expected).await?;
    if closes_breaker && item.breaker.is_some() {
        let closed = state
            .store
            .set_breaker(organization, integration, id, None, item.breaker)
            .await;
        // The processor may have changed it in between; then it knows better.
        if !matches!(closed, Ok(()) | Err(StoreError::Conflict)) {
            closed?;
        }
        item.breaker = None;
    }
    Ok((etag(version), Json(DestinationView::from(item))))
}

/// Deletes a destination. Deliveries to it that are being retried fail.
pub(crate) async fn delete(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, DestinationId>,
    expected: Option<IfMatch>,
) -> Result<impl IntoResponse, ApiError> {
    let expected = expected.map(|IfMatch(version)| version);
    state
        .store
        .delete_destination(caller.organization_id, integration, id, expected)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a new signing secret, which is shown this once; the old ones sign too until the overlap
/// is over.
#[expect(
    clippy::disallowed_methods,
    reason = "a new signing secret is shown once"
)]
pub(crate) async fn rotate_secret(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, DestinationId>,
    Json(body): Json<SecretRotation>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let Versioned { mut item, version } = find(&state, organization, integration, id).await?;
    if !matches!(item.target, DestinationTarget::Http(_)) {
        return Err(
            Error::Conflict("only http destinations have signing secrets".to_owned()).into(),
        );
    }
    let now = state.sources.now();
    let maker = state.maker();
    let secret = maker.generate();
    let sealed = maker.seal(organization, id.ulid(), &secret, now);
    secrets::replace(&mut item, sealed.await?, body.overlap_seconds, now)?;
    item.updated_at = now;
    let version = state.store.update_destination(&item, version).await?;
    let shown = Some(secret.expose_secret().to_owned());
    let view = DestinationView {
        signing_secret: shown,
        ..DestinationView::from(item)
    };
    Ok((StatusCode::CREATED, etag(version), Json(view)))
}

/// Shows a signing secret that the schedule has made, once: the overlap of the old ones begins.
pub(crate) async fn reveal_secret(
    Shared(state): Shared<State>,
    caller: Caller,
    axum::extract::Path((integration, id, secret)): axum::extract::Path<(String, String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let unknown = || Error::NotFound("secret");
    let integration: IntegrationId = integration.parse().map_err(|_| unknown())?;
    let id: DestinationId = id.parse().map_err(|_| unknown())?;
    let secret: SecretId = secret.parse().map_err(|_| unknown())?;
    let organization = caller.organization_id;
    let Versioned { mut item, version } = find(&state, organization, integration, id).await?;
    let now = state.sources.now();
    let stored = reveal(&mut item, secret, now).map_err(secrets::refused)?;
    let revealed = secrets::open(&state, organization, id.ulid(), &stored).await?;
    item.updated_at = now;
    // Marked first: of two that ask at once, one is shown it.
    state.store.update_destination(&item, version).await?;
    tracing::info!(destination.id = %id, organization.id = %organization, secret.id = %secret, "{secret} was shown");
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((no_store, Json(revealed)))
}

/// A destination of an integration of `organization`; not found, if there is none.
async fn find(
    state: &State,
    organization: OrganizationId,
    integration: IntegrationId,
    id: DestinationId,
) -> Result<Versioned<Destination>, Error> {
    let found = state
        .store
        .destination(organization, integration, id)
        .await?;
    found.ok_or(Error::NotFound("destination"))
}
