use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::sync::{EntityName, Suggestion, WantedField, source_fields, suggest};
use gatehouse::domain::{Error, FieldError, IntegrationId};
use gatehouse::http::{ApiError, Json, PathId};
use gatehouse::store::FeedQuery;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::kinds::{self, FoundKind};
use crate::State;

/// So many samples are looked at, and so many fields.
const MAX_SAMPLES: u16 = 20;
const MAX_FIELDS: usize = 200;

/// For which fields a mapping is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "entity": "contacts",
    "fields": [{"name": "email", "type": "string"}, {"name": "createdAt", "type": "timestamp"}],
    "samples": [{"id": 7, "properties": {"mail": "ada@example.com", "createdate": "2026-01-31"}}]
}))]
pub(crate) struct SuggestionRequest {
    pub(crate) entity: EntityName,
    /// Our fields.
    #[schema(min_items = 1, max_items = 200)]
    pub(crate) fields: Vec<WantedField>,
    /// Some records as the provider has them. If they are left out, records of the entity that are
    /// here are taken, as long as it has no mapping: then they are as the provider has them, too.
    #[schema(value_type = Option<Vec<Object>>, max_items = 20)]
    pub(crate) samples: Option<Vec<Value>>,
}

/// A mapping that is proposed. Nothing applies it but a person: as `mapping` of the entity in the
/// integration's `syncConfig`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "suggestions": [{"field": "email", "mapping": {"from": "properties.mail", "type": "string"}, "score": 0.95}],
    "without": ["createdAt"]
}))]
pub(crate) struct Suggestions {
    /// The best first.
    pub(crate) suggestions: Vec<Suggestion>,
    /// The fields for which there is none.
    pub(crate) without: Vec<String>,
}

/// Proposes where our fields come from.
pub(crate) async fn run(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Json(body): Json<SuggestionRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let place = (integration, body.entity.clone());
    let kind = kinds::find(&state, caller.organization_id, place).await?;
    check(&body)?;
    let samples = match body.samples {
        Some(samples) => samples,
        None => stored(&state, &kind).await?,
    };
    let suggestions = suggest(&source_fields(&samples), &body.fields);
    let is_found = |field: &WantedField| suggestions.iter().any(|one| one.field == field.name);
    let without = body.fields.iter().filter(|field| !is_found(field));
    let without = without.map(|field| field.name.clone()).collect();
    Ok(Json(Suggestions {
        suggestions,
        without,
    }))
}

fn check(body: &SuggestionRequest) -> Result<(), Error> {
    let mut errors = Vec::new();
    if !(1..=MAX_FIELDS).contains(&body.fields.len()) {
        let message = format!("expected 1 to {MAX_FIELDS} fields");
        errors.push(FieldError::new("/fields", message));
    }
    let samples = body.samples.as_deref().unwrap_or_default();
    if samples.len() > MAX_SAMPLES.into() {
        let message = format!("expected at most {MAX_SAMPLES} records");
        errors.push(FieldError::new("/samples", message));
    }
    if let Some(place) = samples.iter().position(|sample| !sample.is_object()) {
        let message = "expected an object";
        errors.push(FieldError::new(format!("/samples/{place}"), message));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

/// Records that are here, of an entity without a mapping.
async fn stored(state: &State, found: &FoundKind) -> Result<Vec<Value>, Error> {
    if !found.rules.mapping.is_empty() {
        let message = "is required: the entity's records are kept by its mapping, not as the provider has them";
        return Err(Error::field("/samples", message));
    }
    let kind = found.kind();
    let (organization, integration) = (kind.organization, kind.integration);
    let query = FeedQuery {
        after: 0,
        up_to: None,
        limit: MAX_SAMPLES,
        now: state.sources.now(),
    };
    let store = &state.store;
    let page = store.changes_after(organization, integration, kind.entity, query);
    let mut samples = Vec::new();
    for (_, change) in page.await?.items {
        let body = state
            .keys
            .open_record(organization, integration, kind.entity, &change);
        samples.push(Value::Object(body.await?.content));
    }
    if samples.is_empty() {
        let message = "is required: there is no record of this entity yet";
        return Err(Error::field("/samples", message));
    }
    Ok(samples)
}
