use std::collections::BTreeMap;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::sync::{EntityName, EntityState, EntitySync, Schedule, SourceVersion};
use gatehouse::domain::{IntegrationId, Timestamp};
use gatehouse::flows::sync::EntitySettings;
use gatehouse::http::{ApiError, Json, PathId, Query};

use super::job_bodies::EntityView;
use super::kinds::{config_of, named};
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::{NoQuery, find as find_integration};

/// What of an integration can be synchronized or has been, and how it stands.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(NoQuery {}): Query<NoQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let found = find_integration(&state, organization, integration).await?;
    let config = config_of(&found.item)?;
    let known = state.store.entity_states(organization, integration).await?;
    let named = named(&found.item)?.into_iter();
    let mut states: BTreeMap<EntityName, EntityState> = named
        .map(|name| (name.clone(), EntityState::new(name)))
        .collect();
    states.extend(
        known
            .into_iter()
            .map(|known| (known.item.entity.clone(), known.item)),
    );
    let now = state.sources.now();
    let items = states.into_values().map(|entity| {
        let can_sync = EntitySettings::of(&found.item, &entity.entity).is_ok();
        let rules = config.entity(&entity.entity);
        view(entity, rules, (integration, can_sync), now)
    });
    Ok(Json(ListOf::<EntityView> {
        items: items.collect(),
        next_cursor: None,
    }))
}

fn view(
    state: EntityState,
    rules: EntitySync,
    (integration, can_sync): (IntegrationId, bool),
    now: Timestamp,
) -> EntityView {
    let cursor_at = state.cursor.as_ref().and_then(SourceVersion::instant);
    let seed = Schedule::seed(integration, &state.entity);
    let schedules = [&rules.schedule, &rules.full_schedule];
    let next_run_at = schedules
        .into_iter()
        .flatten()
        .filter_map(|text| Schedule::parse(text).ok()?.next_after(now, seed))
        .min();
    EntityView {
        entity: state.entity,
        can_sync,
        records: state.records,
        running: state.running,
        job_id: state.job,
        open_conflicts: state.open_conflicts,
        changed_at: state.changed_at,
        cursor_at,
        cursor_age_seconds: cursor_at.map(|at| now.since(at).as_secs()),
        last_full_at: state.full_at,
        last_completed_at: state.completed_at,
        drift: state.drift,
        next_run_at: next_run_at.filter(|_| can_sync),
        schedule: rules.schedule,
        full_schedule: rules.full_schedule,
        creates: rules.calls.create.is_some(),
        updates: rules.calls.update.is_some(),
        deletes: rules.calls.delete.is_some(),
    }
}
