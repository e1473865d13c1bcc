//! Who may have the records of one integration follow into another.

use gatehouse::access::{Access, Resource};
use gatehouse::domain::sync::{EntityName, SyncConfig, SyncTarget};
use gatehouse::domain::{Action, Error, FieldError, IntegrationId, OrganizationId};
use serde_json::Value;

use crate::State;

/// So many integrations are followed from one to the next.
const MAX_HOPS: usize = 8;

/// Lets the caller set the targets that a `syncConfig` names, or not: what is made there is a write of
/// records. Those that it had before are left alone.
///
/// # Errors
///
/// [`Error::Invalid`], if a target is no integration of the organization, or records would go round
/// in a ring of three or more; [`Error::Forbidden`].
pub(crate) async fn authorize(
    state: &State,
    access: &Access,
    (organization, this): (OrganizationId, IntegrationId),
    (before, wanted): (Option<&Value>, Option<&Value>),
) -> Result<(), Error> {
    let known = SyncConfig::stored(before).unwrap_or_default();
    let wanted = SyncConfig::stored(wanted).map_err(|error| Error::Invalid(vec![error]))?;
    for (entity, rules) in &wanted.entities {
        let Some(target) = &rules.target else {
            continue;
        };
        let old = known.entities.get(entity);
        if old.and_then(|rules| rules.target.as_ref()) == Some(target) {
            continue;
        }
        let found = state.store.integration(organization, target.integration);
        let Some(found) = found.await? else {
            let message = format!("there is no integration `{}`", target.integration);
            return Err(refused(entity, &message));
        };
        if closes_ring(state, organization, (this, entity), target).await? {
            let message = "records would go round in a ring; only two can follow each other";
            return Err(refused(entity, message));
        }
        let resource = Resource::Integration((&found.item).into());
        access.check(Action::WriteRecords, &resource).await?;
    }
    Ok(())
}

/// Whether records that go on from `target` come back to where they began. Two that follow each other
/// do so by intent. A record that comes back by way of a third would be taken for a new one there.
async fn closes_ring(
    state: &State,
    organization: OrganizationId,
    (this, entity): (IntegrationId, &EntityName),
    target: &SyncTarget,
) -> Result<bool, Error> {
    let mut at = (target.integration, target.entity.clone());
    let mut passed = Vec::new();
    while passed.len() < MAX_HOPS && !passed.contains(&at) {
        let Some(found) = state.store.integration(organization, at.0).await? else {
            return Ok(false);
        };
        let config = SyncConfig::stored(found.item.sync_config.as_ref()).unwrap_or_default();
        let rules = config.entities.get(&at.1);
        let Some(next) = rules.and_then(|rules| rules.target.as_ref()) else {
            return Ok(false);
        };
        if next.integration == this && next.entity == *entity {
            return Ok(!passed.is_empty());
        }
        let next = (next.integration, next.entity.clone());
        passed.push(std::mem::replace(&mut at, next));
    }
    // Two on the way follow each other; or it is longer than anybody means.
    Ok(passed.len() >= MAX_HOPS)
}

fn refused(entity: &EntityName, message: &str) -> Error {
    let pointer = format!("/syncConfig/entities/{entity}/target/integration");
    Error::Invalid(vec![FieldError::new(pointer, message)])
}
