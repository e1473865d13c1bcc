use axum::Extension;
use axum::extract::{FromRequestParts, RawPathParams, State as Shared};
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::sync::{
    EntityName, Fields, LocalWrite, PastVersion, Standing, record_digest,
};
use gatehouse::domain::{AuditSubject, Digest, Error, IntegrationId, NewRecordId, OrganizationId};
use gatehouse::http::{ApiError, IfMatch, Json, MergePatch, PathId, PathIds, etag};
use http::request::Parts;
use http::{StatusCode, header};

use super::kinds::{self, FoundKind, check_usable};
use super::record_bodies::{ChangeView, HistoryView, RecordId, RecordView};
use crate::State;

/// What a path says of a record.
pub(crate) struct RecordPath {
    integration: IntegrationId,
    entity: EntityName,
    record: RecordId,
}

impl<S: Send + Sync> FromRequestParts<S> for RecordPath {
    type Rejection = ApiError;

    /// What is no name or no id is as unknown as one that is not there.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let unknown = || ApiError::from(Error::NotFound("record"));
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|_| unknown())?;
        let text = |wanted: &str| {
            let mut parameters = parameters.iter();
            parameters.find_map(|(name, value)| (name == wanted).then_some(value))
        };
        Ok(Self {
            integration: parsed(text("integration")).ok_or_else(unknown)?,
            entity: parsed(text("entity")).ok_or_else(unknown)?,
            record: parsed(text("record")).ok_or_else(unknown)?,
        })
    }
}

fn parsed<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
    text?.parse().ok()
}

/// A record, or what is left of a deleted one.
pub(crate) async fn read(
    Shared(state): Shared<State>,
    caller: Caller,
    path: RecordPath,
) -> Result<impl IntoResponse, ApiError> {
    let (found, standing) = find(&state, caller.organization_id, &path).await?;
    let version = standing.head.version;
    let shown = view(&state, &found, standing).await?;
    Ok((etag(version), Json(shown)))
}

/// A record's versions, newest first.
pub(crate) async fn history(
    Shared(state): Shared<State>,
    caller: Caller,
    path: RecordPath,
) -> Result<impl IntoResponse, ApiError> {
    let (_, standing) = find(&state, caller.organization_id, &path).await?;
    let version = standing.head.version;
    let present = PastVersion {
        version,
        changed_at: standing.changed_at,
        origin: standing.origin,
        content: standing.body.content,
        deleted: standing.head.deleted,
    };
    let mut items = vec![present];
    items.extend(standing.body.history);
    Ok((etag(version), Json(HistoryView { items })))
}

/// Makes a record here, and has the provider told.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, entity): PathIds<IntegrationId, EntityName>,
    Json(content): Json<Fields>,
) -> Result<impl IntoResponse, ApiError> {
    make(&state, &caller, (integration, entity), content).await
}

/// Makes a record of a kind that is called as the export is: its path is one of its own.
pub(crate) async fn create_export(
    Shared(state): Shared<State>,
    caller: Caller,
    PathId(integration): PathId<IntegrationId>,
    Json(content): Json<Fields>,
) -> Result<impl IntoResponse, ApiError> {
    let entity: EntityName = parsed(Some("export")).ok_or(Error::NotFound("entity"))?;
    make(&state, &caller, (integration, entity), content).await
}

async fn make(
    state: &State,
    caller: &Caller,
    (integration, entity): (IntegrationId, EntityName),
    content: Fields,
) -> Result<impl IntoResponse + use<>, ApiError> {
    let organization = caller.organization_id;
    let found = kinds::find(state, organization, (integration, entity)).await?;
    check_usable(&found.integration.item)?;
    let (now, randomness) = (state.sources.now(), state.sources.randomness.as_ref());
    let id = NewRecordId::generate(now, randomness).to_string();
    let record = record_digest(&id);
    state
        .local
        .create(found.kind(), id.clone(), content)
        .await?;
    let standing = standing(state, &found, record).await?;
    let entity = &found.entity;
    let version = standing.head.version;
    let shown = view(state, &found, standing).await?;
    let location = format!("/portal/integrations/{integration}/records/{entity}/{id}");
    Ok((
        StatusCode::CREATED,
        Extension(subject(entity, record)),
        [(header::LOCATION, location)],
        etag(version),
        Json(shown),
    ))
}

/// Has what could not be sent to the provider of a record sent again.
pub(crate) async fn push(
    Shared(state): Shared<State>,
    caller: Caller,
    path: RecordPath,
) -> Result<impl IntoResponse, ApiError> {
    let (found, standing) = find(&state, caller.organization_id, &path).await?;
    check_usable(&found.integration.item)?;
    if !standing.head.pending {
        return Err(Error::Conflict("nothing of the record is pending".to_owned()).into());
    }
    if standing.head.conflict.is_some() {
        return Err(Error::ConflictOpen.into());
    }
    let record = record_digest(&standing.body.id);
    state.local.push_again(found.kind(), record).await?;
    let version = standing.head.version;
    let shown = view(&state, &found, standing).await?;
    Ok((
        StatusCode::ACCEPTED,
        Extension(subject(&found.entity, record)),
        etag(version),
        Json(shown),
    ))
}

/// Has a record hold this and nothing else.
pub(crate) async fn replace(
    Shared(state): Shared<State>,
    caller: Caller,
    path: RecordPath,
    IfMatch(expected): IfMatch,
    Json(content): Json<Fields>,
) -> Result<impl IntoResponse, ApiError> {
    let write = LocalWrite::Replace(content);
    write_to(&state, &caller, &path, (expected, write)).await
}

/// Changes fields of a record, by the rules of RFC 7396.
pub(crate) async fn update(
    Shared(state): Shared<State>,
    caller: Caller,
    path: RecordPath,
    IfMatch(expected): IfMatch,
    MergePatch(patch): MergePatch<Fields>,
) -> Result<impl IntoResponse, ApiError> {
    let write = LocalWrite::Patch(patch);
    write_to(&state, &caller, &path, (expected, write)).await
}

/// Deletes a record here, and has the provider told.
pub(crate) async fn delete(
    Shared(state): Shared<State>,
    caller: Caller,
    path: RecordPath,
    IfMatch(expected): IfMatch,
) -> Result<impl IntoResponse, ApiError> {
    write_to(&state, &caller, &path, (expected, LocalWrite::Delete)).await
}

async fn write_to(
    state: &State,
    caller: &Caller,
    path: &RecordPath,
    write: (u64, LocalWrite),
) -> Result<impl IntoResponse + use<>, ApiError> {
    let (organization, of) = (caller.organization_id, path.integration);
    let found = kinds::find(state, organization, (of, path.entity.clone())).await?;
    let record = record_digest(path.record.as_str());
    check_usable(&found.integration.item)?;
    state.local.write(found.kind(), record, write).await?;
    let standing = standing(state, &found, record).await?;
    let version = standing.head.version;
    let shown = view(state, &found, standing).await?;
    Ok((
        Extension(subject(&found.entity, record)),
        etag(version),
        Json(shown),
    ))
}

/// What the audit trail calls a record: its id may be a person's address.
fn subject(entity: &EntityName, record: Digest) -> AuditSubject {
    let digest: String = record.to_string().chars().take(32).collect();
    AuditSubject::new("record", format!("{entity}/{digest}"))
}

async fn find(
    state: &State,
    organization: OrganizationId,
    path: &RecordPath,
) -> Result<(FoundKind, Standing), Error> {
    let (of, entity) = (path.integration, path.entity.clone());
    let found = kinds::find(state, organization, (of, entity)).await?;
    let record = record_digest(path.record.as_str());
    let standing = standing(state, &found, record).await?;
    Ok((found, standing))
}

async fn standing(state: &State, found: &FoundKind, record: Digest) -> Result<Standing, Error> {
    let standing = state.local.read(found.kind(), record).await?;
    standing.ok_or(Error::NotFound("record"))
}

/// A record as it is shown, with why what is pending of it could not be sent.
async fn view(state: &State, found: &FoundKind, standing: Standing) -> Result<RecordView, Error> {
    let head = standing.head;
    let push_error = if head.pending {
        let record = record_digest(&standing.body.id);
        state.local.push_error(found.kind(), record).await?
    } else {
        None
    };
    Ok(RecordView {
        change: ChangeView {
            id: standing.body.id,
            entity: found.entity.clone(),
            version: head.version,
            deleted: head.deleted,
            created_at: standing.created_at,
            changed_at: standing.changed_at,
            origin: standing.origin,
            content: (!head.deleted).then_some(standing.body.content),
        },
        pending: head.pending,
        conflict_id: head.conflict,
        push_error,
        moved_to: standing.body.moved_to,
    })
}
