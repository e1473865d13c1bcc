use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{
    AuthMethod, CredentialInfo, Error, Integration, IntegrationId, IntegrationStatus,
    OrganizationId, Timestamp,
};
use gatehouse::http::{ApiError, Cursor, IfMatch, Json, PathId, Query, etag};
use gatehouse::store::Versioned;
use gatehouse::vault::CredentialSet;
use http::{StatusCode, header};
use serde::Deserialize;

use crate::State;
use crate::bodies::{DeletedIntegration, IntegrationChange, ListOf, NewIntegration};

const LIST: &str = "integrations";
const MAX_LIMIT: u16 = 200;
/// More endpoints or destinations than an integration can have.
pub(crate) const ALL: u16 = 200;

/// Where in a list to begin, and how much of it to show.
#[derive(Debug, Deserialize)]
pub(crate) struct PageQuery {
    limit: Option<u16>,
    cursor: Option<String>,
}

impl PageQuery {
    pub(crate) fn limit(&self, default: u16) -> Result<u16, Error> {
        let limit = self.limit.unwrap_or(default);
        if (1..=MAX_LIMIT).contains(&limit) {
            Ok(limit)
        } else {
            Err(Error::Malformed("`limit` must be from 1 to 200".to_owned()))
        }
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

/// Makes an integration.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    caller: Caller,
    Json(body): Json<NewIntegration>,
) -> Result<impl IntoResponse, ApiError> {
    body.check(&state.egress)?;
    let now = state.sources.now();
    let (organization, id) = (
        caller.organization_id,
        IntegrationId::generate(now, state.sources.randomness.as_ref()),
    );
    let credentials = match &body.credentials {
        Some(values) => Some(put_credentials(&state, organization, id, values, now).await?),
        None => None,
    };
    let waits_for_consent = body.auth_method == AuthMethod::Oauth2;
    let integration = Integration {
        id,
        organization_id: organization,
        name: body.name,
        integration_type: body.integration_type,
        provider: body.provider,
        base_url: body.base_url,
        auth_method: body.auth_method,
        auth_config: body.auth_config,
        rate_limits: body.rate_limits,
        webhook_config: body.webhook_config,
        sync_config: body.sync_config,
        status: if waits_for_consent {
            IntegrationStatus::Pending
        } else {
            IntegrationStatus::Active
        },
        credentials,
        created_at: now,
        updated_at: now,
    };
    state.store.create_integration(&integration).await?;
    tracing::info!(integration.id = %id, organization.id = %organization, "{id} was made");
    let location = [(header::LOCATION, format!("/portal/integrations/{id}"))];
    Ok((StatusCode::CREATED, location, etag(1), Json(integration)))
}

/// One integration.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    let Versioned { item, version } = find(&state, caller.organization_id, id).await?;
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
    caller: Caller,
    PathId(id): PathId<IntegrationId>,
    IfMatch(expected): IfMatch,
    Json(change): Json<IntegrationChange>,
) -> Result<impl IntoResponse, ApiError> {
    let Versioned { mut item, version } = find(&state, caller.organization_id, id).await?;
    if version != expected {
        return Err(Error::PreconditionFailed.into());
    }
    change.check(&item, &state.egress)?;
    let now = state.sources.now();
    if let Some(values) = &change.credentials {
        let info = put_credentials(&state, caller.organization_id, id, values, now).await?;
        item.credentials = Some(info);
    }
    item.name = change.name.unwrap_or(item.name);
    item.base_url = change.base_url.unwrap_or(item.base_url);
    item.auth_method = change.auth_method.unwrap_or(item.auth_method);
    item.auth_config = change.auth_config.or(item.auth_config);
    item.rate_limits = change.rate_limits.or(item.rate_limits);
    item.webhook_config = change.webhook_config.or(item.webhook_config);
    item.sync_config = change.sync_config.or(item.sync_config);
    item.status = change.status.unwrap_or(item.status);
    item.updated_at = now;
    let version = state.store.update_integration(&item, expected).await?;
    Ok((etag(version), Json(item)))
}

/// Deletes an integration with all that belongs to it. What refuses webhooks goes first, and the
/// integration last: a deletion that breaks off is finished by the next.
pub(crate) async fn delete(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IntegrationId>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    find(&state, organization, id).await?;
    let endpoints = state
        .store
        .endpoints(organization, id, ALL, None)
        .await?
        .items;
    for endpoint in &endpoints {
        state
            .store
            .delete_endpoint(organization, id, endpoint.item.id, None)
            .await?;
    }
    let destinations = state
        .store
        .destinations(organization, id, ALL, None)
        .await?
        .items;
    for destination in &destinations {
        state
            .store
            .delete_destination(organization, id, destination.item.id, None)
            .await?;
    }
    let credentials_recoverable_until = state.credentials.delete(organization, id).await?;
    state
        .store
        .delete_integration(organization, id, None)
        .await?;
    tracing::info!(integration.id = %id, organization.id = %organization, "{id} was deleted");
    Ok(Json(DeletedIntegration {
        id,
        deleted: true,
        endpoints_deleted: endpoints.len(),
        destinations_deleted: destinations.len(),
        credentials_recoverable_until,
    }))
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

async fn put_credentials(
    state: &State,
    organization: OrganizationId,
    id: IntegrationId,
    values: &CredentialSet,
    now: Timestamp,
) -> Result<CredentialInfo, Error> {
    // A token of at least 32 characters that no other change has.
    let token = format!("gatehouse-{}", state.sources.randomness.ulid(now));
    state
        .credentials
        .put(organization, id, values, &token)
        .await?;
    Ok(CredentialInfo {
        fields: values.keys().cloned().collect(),
        created_at: now,
        last_used_at: None,
        expires_at: None,
    })
}
