use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use gatehouse::access::Access;
use gatehouse::domain::{
    ActiveElevation, ApiKey, ApiKeyId, Error, OrganizationId, Roles, Sighting, Timestamp,
};
use gatehouse::http::{ApiError, Cursor, Json, Query};
use gatehouse::store::{Digest, Seen};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::keys::PARALLEL;
use super::rights::{KnownRights, Rights};
use crate::State;
use crate::bodies::ListOf;
use crate::integrations::PageQuery;

const LIST: &str = "access-review";

/// Whether it is a person or a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PrincipalKind {
    User,
    ApiKey,
}

/// Somebody who may do something.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrincipalView {
    kind: PrincipalKind,
    /// A token's `sub`, or a key's id.
    subject: String,
    /// What people call the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Of a person: those of the newest token.
    #[schema(value_type = Vec<gatehouse::domain::Role>)]
    roles: Roles,
    rights: Rights,
    /// The roles for a time that go on.
    elevations: Vec<ActiveElevation>,
    /// Until when the key is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen_at: Option<Timestamp>,
    /// To five minutes. Absent, if it was never here.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_at: Option<Timestamp>,
}

/// Where the next page begins: first the people, then the keys.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    People(#[serde(with = "digest")] Digest),
    FirstKey,
    Keys(ApiKeyId),
}

mod digest {
    use gatehouse::store::Digest;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Digest, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Who may do what, and when it was last here: everybody who was seen, then the keys that are taken.
/// A page may hold fewer than were asked for.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Query(query): Query<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let (limit, place) = (query.limit(50)?, query.after::<Place>(LIST)?);
    let (organization, now) = (access.caller().organization_id, state.sources.now());
    let (items, next) = match place {
        None => people(&state, organization, limit, None, now).await?,
        Some(Place::People(after)) => people(&state, organization, limit, Some(after), now).await?,
        Some(Place::FirstKey) => keys(&state, organization, limit, None, now).await?,
        Some(Place::Keys(after)) => keys(&state, organization, limit, Some(after), now).await?,
    };
    let next_cursor = next.map(|place| Cursor::write(LIST, &place));
    Ok(Json(ListOf { items, next_cursor }))
}

type Part = (Vec<PrincipalView>, Option<Place>);

async fn people(
    state: &State,
    organization: OrganizationId,
    limit: u16,
    after: Option<Digest>,
    now: Timestamp,
) -> Result<Part, Error> {
    let page = state.store.users(organization, limit, after).await?;
    let seen = page.items.into_iter().map(|stored| async {
        let sighting = stored.item;
        let elevated = state.store.elevated(organization, &sighting.subject);
        Ok::<_, Error>((elevated.await?, sighting))
    });
    let seen = stream::iter(seen).buffered(PARALLEL);
    let seen: Vec<(Vec<ActiveElevation>, Sighting)> = seen.try_collect().await?;
    let mut known = KnownRights::default();
    let mut items = Vec::with_capacity(seen.len());
    for (mut elevations, sighting) in seen {
        elevations.retain(|one| now < one.ends_at);
        items.push(PrincipalView {
            kind: PrincipalKind::User,
            rights: known.of_person(organization, sighting.roles, now)?,
            subject: sighting.subject,
            name: None,
            roles: sighting.roles,
            elevations,
            expires_at: None,
            first_seen_at: Some(sighting.first_seen_at),
            last_seen_at: Some(sighting.last_seen_at),
        });
    }
    let next = page.next.map_or(Place::FirstKey, Place::People);
    Ok((items, Some(next)))
}

async fn keys(
    state: &State,
    organization: OrganizationId,
    limit: u16,
    after: Option<ApiKeyId>,
    now: Timestamp,
) -> Result<Part, Error> {
    let page = state.store.api_keys(organization, limit, after).await?;
    let valid = page.items.into_iter().map(|stored| stored.item);
    let valid = valid.filter(|key| key.is_valid(now));
    let used = valid.map(|key| async {
        let used = state.store.sighting(organization, Seen::ApiKey(key.id));
        Ok::<_, Error>((used.await?, key))
    });
    let used = stream::iter(used).buffered(PARALLEL);
    let used: Vec<(Option<Sighting>, ApiKey)> = used.try_collect().await?;
    let mut known = KnownRights::default();
    let mut items = Vec::with_capacity(used.len());
    for (used, key) in used {
        items.push(PrincipalView {
            kind: PrincipalKind::ApiKey,
            rights: known.of_key(&key, now)?,
            subject: key.id.to_string(),
            name: Some(key.name),
            roles: key.roles,
            elevations: Vec::new(),
            expires_at: Some(key.expires_at),
            first_seen_at: used.as_ref().map(|used| used.first_seen_at),
            last_seen_at: used.as_ref().map(|used| used.last_seen_at),
        });
    }
    Ok((items, page.next.map(Place::Keys)))
}
