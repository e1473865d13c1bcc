use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{Error, FieldError, IntegrationId};
use gatehouse::flows::outbound::Verified;
use gatehouse::http::{ApiError, Json, OriginOf, PathId, RequestId};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::State;

const MAX_FIELDS: usize = 20;

/// Credentials to be tested in place of those in use. Nothing of them is stored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CandidateCredentials)]
pub(crate) struct Candidate {
    /// As they would be given to the integration.
    #[schema(value_type = BTreeMap<String, String>, write_only)]
    pub(crate) credentials: BTreeMap<String, SecretString>,
}

/// Whether credentials are good.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CredentialVerification)]
pub(crate) struct Verification {
    /// Whether the provider accepted the call.
    pub(crate) success: bool,
    /// What that means.
    pub(crate) message: String,
    pub(crate) details: VerificationDetails,
}

/// What is known besides.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerificationDetails {
    /// The method and the path that were called.
    pub(crate) call: String,
    /// Whether that call succeeds only with good credentials. If not, success says no more than
    /// that the provider answers.
    pub(crate) verifies_credentials: bool,
    /// The provider's status, if it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_ms: Option<u64>,
    /// What went wrong, as the call itself would have been answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<gatehouse::http::ProblemSchema>)]
    pub(crate) problem: Option<Value>,
}

/// Calls the provider to see whether credentials are good: the integration's, or others that may
/// become so.
pub(crate) async fn run(
    Shared(state): Shared<State>,
    caller: Caller,
    OriginOf(origin): OriginOf,
    PathId(integration): PathId<IntegrationId>,
    Extension(RequestId(id)): Extension<RequestId>,
    candidate: Option<Json<Candidate>>,
) -> Result<impl IntoResponse, ApiError> {
    let candidate = candidate.map(|Json(candidate)| candidate.credentials);
    if let Some(credentials) = &candidate {
        check(credentials)?;
    }
    let directories = &state.directories;
    if let Some(directory) = directories
        .find(caller.organization_id, integration)
        .await?
    {
        let end = match directories
            .sign_in((&caller, &origin), &directory, candidate)
            .await
        {
            Err(error) if !matches!(error, Error::Upstream(_)) => return Err(error.into()),
            end => end,
        };
        let verified = Verified {
            request: None,
            method: "BIND".to_owned(),
            path: "/".to_owned(),
            verifies_credentials: true,
            status: None,
            duration_ms: None,
            end,
        };
        return Ok(Json(Verification::of(verified, &id)));
    }
    let verified = state
        .outbound
        .verify_credentials(&caller, integration, candidate, origin)
        .await?;
    Ok(Json(Verification::of(verified, &id)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "only whether a value is empty is looked at"
)]
fn check(credentials: &BTreeMap<String, SecretString>) -> Result<(), Error> {
    let mut errors = Vec::new();
    if !(1..=MAX_FIELDS).contains(&credentials.len()) {
        errors.push(FieldError::new("/credentials", "expected 1 to 20 fields"));
    }
    for (name, value) in credentials {
        if value.expose_secret().is_empty() {
            let pointer = format!("/credentials/{name}");
            errors.push(FieldError::new(pointer, "must not be empty"));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(errors))
    }
}

impl Verification {
    fn of(verified: Verified, id: &str) -> Self {
        let details = |problem| VerificationDetails {
            call: format!("{} {}", verified.method, verified.path),
            verifies_credentials: verified.verifies_credentials,
            status: verified.status,
            duration_ms: verified.duration_ms,
            problem,
        };
        match verified.end {
            Ok(()) => {
                let message = if verified.verifies_credentials {
                    "the provider accepts the credentials"
                } else {
                    "the provider answers; nothing is known of a call that would verify the \
                     credentials (`apiProfile.verification`)"
                };
                Self {
                    success: true,
                    message: message.to_owned(),
                    details: details(None),
                }
            }
            Err(error) => Self {
                success: false,
                message: error.to_string(),
                details: details(Some(ApiError::from(error).problem(id))),
            },
        }
    }
}
