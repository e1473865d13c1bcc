//! Who may have the records of one integration follow into another.

use gatehouse::access::{Access, Resource};
use gatehouse::domain::sync::{EntityName, SyncConfig, SyncTarget};
use gatehouse::domain::{Action, Error, FieldError, OrganizationId};
use serde_json::Value;

use crate::State;

/// Lets the caller set the targets that a `syncConfig` names, or not: what is made there is a write of
/// records. Those that it had before are left alone.
///
/// # Errors
///
/// [`Error::Invalid`], if a target is no integration of the organization; [`Error::Forbidden`].
pub(crate) async fn authorize(
    state: &State,
    access: &Access,
    organization: OrganizationId,
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
            return Err(unknown(entity, target));
        };
        let resource = Resource::Integration((&found.item).into());
        access.check(Action::WriteRecords, &resource).await?;
    }
    Ok(())
}

fn unknown(entity: &EntityName, target: &SyncTarget) -> Error {
    let pointer = format!("/syncConfig/entities/{entity}/target/integration");
    let message = format!("there is no integration `{}`", target.integration);
    Error::Invalid(vec![FieldError::new(pointer, message)])
}
