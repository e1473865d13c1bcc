use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::directory::{DirectoryEntry, UserAttribute};
use gatehouse::domain::{Error, IntegrationId};
use gatehouse::http::{ApiError, Json, OriginOf, PathId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::State;

const MAX_VALUE_BYTES: usize = 1024;

/// Who is looked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UserLookup {
    attribute: UserAttribute,
    /// Its value, whole: nothing in it has a meaning of its own.
    #[schema(min_length = 1, max_length = 1024)]
    value: String,
}

/// Who was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundUser {
    user: DirectoryEntry,
}

/// Looks for one user in a directory, with the credentials of the integration.
pub(crate) async fn find_user(
    Shared(state): Shared<State>,
    caller: Caller,
    OriginOf(origin): OriginOf,
    PathId(integration): PathId<IntegrationId>,
    Json(UserLookup { attribute, value }): Json<UserLookup>,
) -> Result<impl IntoResponse, ApiError> {
    let directories = &state.directories;
    let found = directories
        .find(caller.organization_id, integration)
        .await?;
    let Some(directory) = found else {
        let message = "the integration is no directory: its `baseUrl` is not `ldaps`";
        return Err(Error::Conflict(message.to_owned()).into());
    };
    if !(1..=MAX_VALUE_BYTES).contains(&value.len()) {
        return Err(Error::field("/value", "expected 1 to 1024 bytes").into());
    }
    let by = (&caller, &origin);
    let user = directories
        .find_user(by, &directory, attribute, &value)
        .await?;
    Ok(Json(FoundUser { user }))
}
