//! Access tokens that are not accepted any more. There is no way back: a token that somebody has
//! called bad is not made good by somebody else; whoever may call signs in again.

use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use gatehouse::access::Caller;
use gatehouse::domain::{Error, FieldError, MAX_TOKEN_LIFETIME, Revocation, Revoked, Timestamp};
use gatehouse::http::{ApiError, Cursor, Json, Query};
use gatehouse::store::Digest;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::State;
use crate::bodies::ListOf;
use crate::integrations::PageQuery;

const LIST: &str = "revocations";
/// Longer ones are in no token that is accepted.
const MAX_NAME_BYTES: usize = 1_000;
/// By how much the caller's clock may be ahead of ours.
const LEEWAY: Duration = Duration::from_secs(30);

/// What is to be revoked: one token, or those of a subject.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewRevocation {
    /// The token's `jti`; with `expiresAt`.
    #[schema(min_length = 1, max_length = 1_000)]
    token_id: Option<String>,
    /// When the token expires; a later instant, within 31 days, if that is not known.
    expires_at: Option<Timestamp>,
    /// The `sub` of the tokens; with `issuedBefore`.
    #[schema(min_length = 1, max_length = 1_000)]
    subject: Option<String>,
    /// Tokens with an earlier `iat` are revoked.
    issued_before: Option<Timestamp>,
}

/// What is revoked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevocationView {
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<Timestamp>,
    revoked_at: Timestamp,
    /// The `sub` of whoever said so.
    revoked_by: String,
    /// When none of these tokens can be accepted any more, and this is forgotten.
    forgotten_at: Timestamp,
}

impl From<Revocation> for RevocationView {
    fn from(revocation: Revocation) -> Self {
        let mut view = Self {
            token_id: None,
            expires_at: None,
            subject: None,
            issued_before: None,
            revoked_at: revocation.revoked_at,
            revoked_by: revocation.revoked_by,
            forgotten_at: revocation.revoked.ends_at(),
        };
        match revocation.revoked {
            Revoked::Token {
                token_id,
                expires_at,
            } => {
                view.token_id = Some(token_id);
                view.expires_at = Some(expires_at);
            }
            Revoked::Subject {
                subject,
                issued_before,
            } => {
                view.subject = Some(subject);
                view.issued_before = Some(issued_before);
            }
        }
        view
    }
}

impl NewRevocation {
    fn check(self, now: Timestamp) -> Result<Revoked, Error> {
        match self {
            Self {
                token_id: Some(token_id),
                expires_at,
                subject: None,
                issued_before: None,
            } => {
                check_name("/tokenId", &token_id)?;
                let expires_at = required("/expiresAt", expires_at)?;
                if expires_at <= now {
                    return Err(Error::field("/expiresAt", "must be in the future"));
                }
                if expires_at > now.plus(MAX_TOKEN_LIFETIME) {
                    let message = "must be within 31 days: no token is accepted for longer";
                    return Err(Error::field("/expiresAt", message));
                }
                Ok(Revoked::Token {
                    token_id,
                    expires_at,
                })
            }
            Self {
                token_id: None,
                expires_at: None,
                subject: Some(subject),
                issued_before,
            } => {
                check_name("/subject", &subject)?;
                let issued_before = required("/issuedBefore", issued_before)?;
                if issued_before > now.plus(LEEWAY) {
                    return Err(Error::field("/issuedBefore", "must not be in the future"));
                }
                if issued_before <= now.minus(MAX_TOKEN_LIFETIME) {
                    let message = "must be within 31 days: older tokens are not accepted";
                    return Err(Error::field("/issuedBefore", message));
                }
                Ok(Revoked::Subject {
                    subject,
                    issued_before,
                })
            }
            _ => Err(Error::field(
                "",
                "expected `tokenId` with `expiresAt`, or `subject` with `issuedBefore`",
            )),
        }
    }
}

fn check_name(pointer: &str, name: &str) -> Result<(), Error> {
    if (1..=MAX_NAME_BYTES).contains(&name.len()) {
        Ok(())
    } else {
        Err(Error::field(pointer, "expected 1 to 1000 bytes"))
    }
}

fn required(pointer: &str, value: Option<Timestamp>) -> Result<Timestamp, Error> {
    value.ok_or_else(|| Error::Invalid(vec![FieldError::new(pointer, "is required")]))
}

/// Revokes tokens of the caller's organization. Every running function knows within 30 seconds.
pub(crate) async fn create(
    Shared(state): Shared<State>,
    caller: Caller,
    Json(body): Json<NewRevocation>,
) -> Result<impl IntoResponse, ApiError> {
    let (organization, now) = (caller.organization_id, state.sources.now());
    let revocation = Revocation {
        revoked: body.check(now)?,
        revoked_at: now,
        revoked_by: caller.subject,
    };
    let stands = state.store.revoke(organization, &revocation, now).await?;
    tracing::info!(organization.id = %organization, "access tokens were revoked");
    Ok((StatusCode::CREATED, Json(RevocationView::from(stands))))
}

/// What is revoked, in no order that means anything.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let (limit, after) = (query.limit(50)?, query.after::<String>(LIST)?);
    let no_cursor = |_| Error::Malformed("the cursor is not one of this list".to_owned());
    let after = after.map(|after| after.parse::<Digest>()).transpose();
    let page = state
        .store
        .revocations(
            caller.organization_id,
            limit,
            after.map_err(no_cursor)?,
            state.sources.now(),
        )
        .await?;
    let items = page.items.into_iter().map(RevocationView::from).collect();
    let next_cursor = page
        .next
        .map(|after| Cursor::write(LIST, &after.to_string()));
    Ok(Json(ListOf { items, next_cursor }))
}
