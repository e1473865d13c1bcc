//! Deleting an integration.

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{Endpoint, Error, IntegrationId, OrganizationId};
use gatehouse::http::{ApiError, IfMatch, Json, PathId};
use gatehouse::store::{Store, StoreError};

use crate::State;
use crate::bodies::DeletedIntegration;
use crate::integrations::{ALL, find};

/// How often a deletion is begun anew because the integration was changed meanwhile.
const DELETION_ROUNDS: u8 = 3;

/// Deletes an integration with all that belongs to it.
pub(crate) async fn delete(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(id): PathId<IntegrationId>,
    expected: Option<IfMatch>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    if let Some(IfMatch(expected)) = expected
        && find(&state, organization, id).await?.version != expected
    {
        return Err(Error::PreconditionFailed.into());
    }
    Ok(Json(remove(&state, organization, id).await?))
}

/// What refuses webhooks goes first, and the integration last: a deletion that breaks off is
/// finished by the next. What a change added meanwhile is deleted too, before the integration goes.
///
/// Before any of it, somebody is told who deletes its records, its jobs, and what else there may be more
/// of than one request can delete: so none is deleted whose records stay. If it is not deleted in the end,
/// they are left alone.
pub(crate) async fn remove(
    state: &State,
    organization: OrganizationId,
    id: IntegrationId,
) -> Result<DeletedIntegration, Error> {
    let mut said = DeletedIntegration {
        id,
        deleted: true,
        endpoints_deleted: 0,
        webhooks_accepted_until: state.sources.now(),
        destinations_deleted: 0,
        credentials_recoverable_until: None,
    };
    let mut version = find(state, organization, id).await?.version;
    state.purger.ask(organization, id).await?;
    let mut rounds = 0;
    loop {
        rounds += 1;
        delete_parts(state, organization, &mut said).await?;
        let deleted = state
            .store
            .delete_integration(organization, id, Some(version))
            .await;
        match deleted {
            Err(StoreError::Conflict) if rounds < DELETION_ROUNDS => {
                version = find(state, organization, id).await?.version;
            }
            deleted => break deleted?,
        }
    }
    said.webhooks_accepted_until = state.sources.now().plus(Endpoint::REMEMBERED);
    tracing::info!(integration.id = %id, organization.id = %organization, "{id} was deleted");
    Ok(said)
}

async fn delete_parts(
    state: &State,
    organization: OrganizationId,
    said: &mut DeletedIntegration,
) -> Result<(), Error> {
    let (store, id) = (&state.store, said.id);
    for endpoint in store.endpoints(organization, id, ALL, None).await?.items {
        store
            .delete_endpoint(organization, id, endpoint.item.id, None)
            .await?;
        said.endpoints_deleted += 1;
    }
    let destinations = store.destinations(organization, id, ALL, None).await?;
    for destination in destinations.items {
        store
            .delete_destination(organization, id, destination.item.id, None)
            .await?;
        said.destinations_deleted += 1;
    }
    delete_grant(store, organization, id).await?;
    state.alerts.integration_deleted(organization, id).await?;
    if let Some(until) = state.credentials.delete(organization, id).await? {
        said.credentials_recoverable_until = Some(until);
    }
    Ok(())
}

/// Deletes the tokens, also those that a renewal writes meanwhile.
async fn delete_grant(
    store: &Store,
    organization: OrganizationId,
    id: IntegrationId,
) -> Result<(), Error> {
    for _ in 0..DELETION_ROUNDS {
        let Some(grant) = store.grant(organization, id).await? else {
            return Ok(());
        };
        let deleted = store.delete_grant(organization, id, grant.version).await;
        match deleted {
            Err(StoreError::Conflict) => {}
            deleted => return Ok(deleted?),
        }
    }
    Err(StoreError::Conflict.into())
}
