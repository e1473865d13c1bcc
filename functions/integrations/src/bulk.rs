//! Many integrations at once: each operation is the single call's, with a result of its own.

use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use futures::StreamExt as _;
use gatehouse::access::{Access, Resource};
use gatehouse::domain::{
    Action, AuditSubject, Error, FieldError, Integration, IntegrationId, Origin,
};
use gatehouse::http::{ApiError, Json, OriginOf, Part, ProblemSchema, RequestId};
use gatehouse::store::Versioned;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::State;
use crate::bodies::DeletedIntegration;
use crate::deletion::remove;
use crate::integrations::{find, make, update_to};

const MAX_OPERATIONS: usize = 100;
/// So many operations run at the same time.
const PARALLEL: usize = 8;
/// So many bytes of integrations are in one answer, which has to fit into an item of the table if
/// it is kept for its `Idempotency-Key`.
const MAX_SHOWN_BYTES: usize = 128 * 1024;
/// So many wrong fields of one operation are told.
const MAX_FIELD_ERRORS: usize = 10;

/// What is to be done.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BulkRequest {
    /// In any order: they run at the same time.
    #[schema(min_items = 1, max_items = 100)]
    operations: Vec<BulkOperation>,
}

/// One thing that is to be done.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BulkOperation {
    op: BulkKind,
    /// Which integration is changed or deleted.
    id: Option<String>,
    /// The version that a change rests on, as the `ETag` has it.
    version: Option<u64>,
    /// The body of the single call.
    #[schema(value_type = Option<Object>, write_only)]
    body: Option<Box<RawValue>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BulkKind {
    Create,
    Update,
    Delete,
}

/// What became of each operation, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkResults {
    results: Vec<BulkResult>,
}

/// What became of one operation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BulkResult {
    /// Its place in the request.
    index: usize,
    /// The status of the single call.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<IntegrationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// The integration, new or changed; left out where the whole answer would be too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    integration: Option<Integration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<DeletedIntegration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ProblemSchema>)]
    problem: Option<Value>,
}

/// Makes, changes and deletes integrations.
pub(crate) async fn run(
    Shared(state): Shared<State>,
    Extension(access): Extension<Access>,
    Extension(RequestId(request)): Extension<RequestId>,
    OriginOf(origin): OriginOf,
    Json(BulkRequest { operations }): Json<BulkRequest>,
) -> Result<impl IntoResponse, ApiError> {
    if !(1..=MAX_OPERATIONS).contains(&operations.len()) {
        return Err(Error::field("/operations", "expected 1 to 100 operations").into());
    }
    let (state, access, request, origin) = (&state, &access, &request, &origin);
    let running = operations
        .into_iter()
        .enumerate()
        .map(|(index, operation)| async move {
            match record(state, access, origin, operation).await {
                Ok(done) => done.result(index),
                Err(error) => failed(index, error, request),
            }
        });
    let mut results: Vec<_> = futures::stream::iter(running)
        .buffered(PARALLEL)
        .collect()
        .await;
    shorten(&mut results);
    Ok(Json(BulkResults { results }))
}

/// What an operation has done.
enum Done {
    Made(Versioned<Integration>),
    Changed(Versioned<Integration>),
    Deleted(DeletedIntegration),
}

impl Done {
    /// What was made.
    fn made(&self) -> Option<AuditSubject> {
        match self {
            Self::Made(stored) => Some(AuditSubject::new("integration", stored.item.id)),
            Self::Changed(_) | Self::Deleted(_) => None,
        }
    }

    fn result(self, index: usize) -> BulkResult {
        let mut result = BulkResult {
            index,
            status: StatusCode::OK.as_u16(),
            id: None,
            version: None,
            integration: None,
            deleted: None,
            problem: None,
        };
        match self {
            Self::Made(stored) => {
                result.status = StatusCode::CREATED.as_u16();
                result.show(stored);
            }
            Self::Changed(stored) => result.show(stored),
            Self::Deleted(deleted) => {
                result.id = Some(deleted.id);
                result.deleted = Some(deleted);
            }
        }
        result
    }
}

impl BulkResult {
    fn show(&mut self, Versioned { item, version }: Versioned<Integration>) {
        self.id = Some(item.id);
        self.version = Some(version);
        self.integration = Some(item);
    }
}

/// Each operation is in the audit trail as its single call is.
async fn record(
    state: &State,
    access: &Access,
    origin: &Origin,
    operation: BulkOperation,
) -> Result<Done, Error> {
    let part = Part {
        caller: access.caller(),
        origin,
        action: match operation.op {
            BulkKind::Create => "integration.create",
            BulkKind::Update => "integration.update",
            BulkKind::Delete => "integration.delete",
        },
        subject: operation.id.as_deref().and_then(AuditSubject::of_id),
    };
    let doing = Box::pin(perform(state, access, operation));
    state.recorder.around(part, doing, Done::made).await
}

/// Each operation is decided by itself: that somebody may hand in several says nothing of them.
async fn perform(state: &State, access: &Access, operation: BulkOperation) -> Result<Done, Error> {
    let organization = access.caller().organization_id;
    match operation.op {
        BulkKind::Create => {
            absent("id", operation.id.is_some(), "create")?;
            absent("version", operation.version.is_some(), "create")?;
            let body = body_of(operation.body)?;
            let made = make(state, access, body).await;
            made.map(Done::Made).map_err(below_body)
        }
        BulkKind::Update => {
            let id = id_of(operation.id)?;
            let version = operation.version.ok_or_else(|| required("version"))?;
            let change = body_of(operation.body)?;
            let changed = update_to(state, access, id, version, change).await;
            changed.map(Done::Changed).map_err(below_body)
        }
        BulkKind::Delete => {
            absent("version", operation.version.is_some(), "delete")?;
            absent("body", operation.body.is_some(), "delete")?;
            let id = id_of(operation.id)?;
            let attributes = (&find(state, organization, id).await?.item).into();
            let resource = Resource::Integration(attributes);
            access.check(Action::DeleteIntegration, &resource).await?;
            remove(state, organization, id).await.map(Done::Deleted)
        }
    }
}

fn required(field: &str) -> Error {
    Error::field(format!("/{field}"), "is required")
}

fn absent(field: &str, is_there: bool, op: &str) -> Result<(), Error> {
    if is_there {
        return Err(Error::field(
            format!("/{field}"),
            format!("does not go with `{op}`"),
        ));
    }
    Ok(())
}

/// A text that is no id is as unknown as an id that is not there.
fn id_of(id: Option<String>) -> Result<IntegrationId, Error> {
    let id = id.ok_or_else(|| required("id"))?;
    id.parse().map_err(|_| Error::NotFound("integration"))
}

fn body_of<T: DeserializeOwned>(body: Option<Box<RawValue>>) -> Result<T, Error> {
    let body = body.ok_or_else(|| required("body"))?;
    Json::read(body.get().as_bytes()).map_err(below_body)
}

fn below_body(error: Error) -> Error {
    below("/body", error)
}

/// The same error with pointers from further above.
fn below(place: &str, error: Error) -> Error {
    let Error::Invalid(errors) = error else {
        return error;
    };
    let errors = errors.into_iter().take(MAX_FIELD_ERRORS);
    let moved = errors.map(|one| FieldError::new(format!("{place}{}", one.pointer), one.message));
    Error::Invalid(moved.collect())
}

/// Tells and logs a failure as that of a single call.
fn failed(index: usize, error: Error, request: &str) -> BulkResult {
    let error = ApiError::from(below(&format!("/operations/{index}"), error));
    error.log(request);
    BulkResult {
        index,
        status: error.status().as_u16(),
        id: None,
        version: None,
        integration: None,
        deleted: None,
        problem: Some(error.problem(request)),
    }
}

/// Leaves out the integrations that the answer has no room for.
fn shorten(results: &mut [BulkResult]) {
    let mut room = MAX_SHOWN_BYTES;
    for result in results {
        let Some(integration) = &result.integration else {
            continue;
        };
        let bytes = serde_json::to_vec(integration).map_or(MAX_SHOWN_BYTES, |text| text.len());
        match room.checked_sub(bytes) {
            Some(left) => room = left,
            None => result.integration = None,
        }
    }
}
