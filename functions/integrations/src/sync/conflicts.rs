use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::{Access, Caller, Resource};
use gatehouse::domain::sync::conflict::{ConflictRule, FieldPath};
use gatehouse::domain::sync::{EntityName, SyncConfig};
use gatehouse::domain::{
    Action, AuditSubject, ConflictId, Error, FieldError, Integration, IntegrationId, OrganizationId,
};
use gatehouse::flows::sync::{FoundConflict, Verdict};
use gatehouse::http::{
    ApiError, Cursor, IfMatch, Json, OriginOf, Part, PathId, PathIds, Query, etag,
};
use gatehouse::store::{ConflictQuery as StoreQuery, StoreError};

use super::conflict_bodies::{ConflictDecision, ConflictQuery, ConflictView};
use super::kinds::{self, check_usable, config_of};
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::{find as find_integration, limit_of};

/// How often a rule is added anew because the integration was changed meanwhile.
const TRIES: usize = 5;

/// An integration's conflicts, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Query(query): Query<ConflictQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let organization = caller.organization_id;
    let list = format!("conflicts/{integration}");
    let cursor = query.cursor.as_deref();
    let wanted = StoreQuery {
        entity: query.entity,
        status: query.status,
        limit: limit_of(query.limit, 50)?,
        after: cursor.map(|text| Cursor::read(&list, text)).transpose()?,
        now: state.sources.now(),
    };
    find_integration(&state, organization, integration).await?;
    let page = state
        .store
        .record_conflicts(organization, integration, &wanted)
        .await?;
    let mut items = Vec::with_capacity(page.items.len());
    for conflict in page.items {
        let sides = state.local.sides(&conflict.item).await?;
        items.push(ConflictView::of(conflict.item, sides));
    }
    let next_cursor = page.next.map(|after| Cursor::write(&list, &after));
    Ok(Json(ListOf::<ConflictView> { items, next_cursor }))
}

/// One conflict.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, ConflictId>,
) -> Result<impl IntoResponse, ApiError> {
    let owner = (caller.organization_id, integration);
    let found = state.local.conflict(owner, id).await?;
    Ok(answer(found))
}

/// Settles a conflict, or some fields of it.
pub(crate) async fn resolve(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    OriginOf(origin): OriginOf,
    PathIds(integration, id): PathIds<IntegrationId, ConflictId>,
    expected: Option<IfMatch>,
    Json(decision): Json<ConflictDecision>,
) -> Result<impl IntoResponse, ApiError> {
    let caller = access.caller();
    let owner = (caller.organization_id, integration);
    let found = state.local.conflict(owner, id).await?;
    let entity = found.conflict.item.entity;
    let kind = kinds::find(&state, owner.0, (integration, entity)).await?;
    let item = &kind.integration.item;
    check_usable(item)?;
    let verdict = Verdict {
        expected: expected.map(|IfMatch(version)| version),
        choices: decision.choices()?,
        by: caller.subject.clone(),
    };
    let pointer = |field: &FieldPath| decision.pointer(field);
    if let Some(rule) = &decision.rule {
        let resource = Resource::Integration(item.into());
        access.check(Action::UpdateIntegration, &resource).await?;
        let local = &state.local;
        local
            .check_verdict(kind.kind(), id, &verdict, pointer)
            .await?;
        // First: should what follows fail, the same request does both the next time.
        if with_rule(item, &kind.entity, rule)?.is_some() {
            let part = Part {
                caller,
                origin: &origin,
                action: "integration.update",
                subject: Some(AuditSubject::new("integration", integration)),
            };
            let added = add_rule(&state, owner, &kind.entity, rule);
            state.recorder.around(part, added, |()| None).await?;
        }
    }
    let settled = state.local.settle(kind.kind(), id, &verdict, pointer);
    settled.await?;
    Ok(answer(state.local.conflict(owner, id).await?))
}

fn answer(found: FoundConflict) -> impl IntoResponse {
    let version = found.conflict.version;
    let view = ConflictView::of(found.conflict.item, found.sides);
    (etag(version), Json(view))
}

/// The configuration with one more rule before all others; none, if it is there.
///
/// # Errors
///
/// [`Error::Invalid`], if there may be no such rule, or no more of them.
fn with_rule(
    integration: &Integration,
    entity: &EntityName,
    rule: &ConflictRule,
) -> Result<Option<serde_json::Value>, Error> {
    let mut config = config_of(integration)?;
    let rules = &mut config
        .entities
        .entry(entity.clone())
        .or_default()
        .conflicts
        .rules;
    if rules.contains(rule) {
        return Ok(None);
    }
    rules.insert(0, rule.clone());
    let value = serde_json::to_value(&config).map_err(|error| Error::Internal(error.into()))?;
    let checked = SyncConfig::read(Some(&value));
    checked.map_err(|error| Error::Invalid(vec![FieldError::new("/rule", error.message)]))?;
    Ok(Some(value))
}

/// Adds a rule to what the integration says now, for the conflicts to come.
async fn add_rule(
    state: &State,
    (organization, integration): (OrganizationId, IntegrationId),
    entity: &EntityName,
    rule: &ConflictRule,
) -> Result<(), Error> {
    for _ in 0..TRIES {
        let found = find_integration(state, organization, integration).await?;
        let mut item = found.item;
        let Some(config) = with_rule(&item, entity, rule)? else {
            return Ok(());
        };
        item.sync_config = Some(config);
        item.updated_at = state.sources.now();
        match state.store.update_integration(&item, found.version).await {
            Ok(_) => return Ok(()),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Unavailable(
        "the integration changes all the time".into(),
    ))
}
