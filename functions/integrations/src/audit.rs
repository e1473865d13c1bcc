use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use gatehouse::access::Caller;
use gatehouse::audit::chain::anchor_hash;
use gatehouse::audit::{AuditQuery, ExportPosition, VerifyRange};
use gatehouse::domain::{Anchor, AuditEntry, Error, OrganizationId, Timestamp};
use gatehouse::http::{ApiError, Cursor, Json, Query};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};

use crate::State;
use crate::audit_bodies::{AuditFilter, ExportRange, Verification, Verified};
use crate::bodies::ListOf;

/// An anchor and a cursor name every lane that is open.
pub(crate) const MAX_VERIFY_BYTES: usize = 4 * 1024 * 1024;
const MAX_LIMIT: u16 = 200;
const DEFAULT_LIMIT: u16 = 100;
const LIST: &str = "audit";
const EXPORT: &str = "audit/export";
const VERIFY: &str = "audit/verify";
/// <https://jsonlines.org>: one JSON document a line.
const JSON_LINES: HeaderValue = HeaderValue::from_static("application/jsonl");

/// Where an export goes on. What it was asked for goes with it, so that all its pages are of one
/// range.
#[derive(Debug, Serialize, Deserialize)]
struct ExportToken {
    position: ExportPosition,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// The trail's entries, newest first.
pub(crate) async fn list(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(filter): Query<AuditFilter>,
) -> Result<impl IntoResponse, ApiError> {
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::Malformed("`limit` must be from 1 to 200".to_owned()).into());
    }
    let cursor = filter.cursor.as_deref();
    let query = AuditQuery {
        after: cursor.map(|text| Cursor::read(LIST, text)).transpose()?,
        actor: filter.actor,
        action: filter.action,
        subject: filter.subject,
        outcome: filter.outcome,
        from: filter.from,
        to: filter.to,
        limit,
    };
    let page = state.trail.entries(caller.organization_id, &query).await?;
    Ok(Json(ListOf::<AuditEntry> {
        items: page.items,
        next_cursor: page.next.map(|after| Cursor::write(LIST, &after)),
    }))
}

/// A page of the whole trail as JSON Lines; `Link` says where the next one is.
pub(crate) async fn export(
    Shared(state): Shared<State>,
    caller: Caller,
    Query(range): Query<ExportRange>,
) -> Result<Response, ApiError> {
    let token = match &range.cursor {
        Some(_) if range.from.is_some() || range.to.is_some() => {
            let message = "`from` and `to` are of the first page; a cursor goes on with them";
            return Err(Error::Malformed(message.to_owned()).into());
        }
        Some(cursor) => Cursor::read(EXPORT, cursor)?,
        None => ExportToken {
            position: ExportPosition::Spine(None),
            from: range.from,
            // What is added while pages are read is not of this export.
            to: range.to.or_else(|| Some(state.sources.now())),
        },
    };
    let bounds = (token.from, token.to);
    let page = state
        .trail
        .export(caller.organization_id, bounds, token.position)
        .await?;
    let mut response = page.lines.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON_LINES);
    if let Some(position) = page.next {
        let cursor = Cursor::write(EXPORT, &ExportToken { position, ..token });
        // RFC 8288.
        let link = format!("</portal/audit/export?cursor={cursor}>; rel=\"next\"");
        let link = HeaderValue::from_str(&link).map_err(|error| Error::Internal(error.into()))?;
        headers.insert(header::LINK, link);
    }
    Ok(response)
}

/// Reads the trail, computes everything anew, and says whether it is whole.
pub(crate) async fn verify(
    Shared(state): Shared<State>,
    caller: Caller,
    body: Option<Json<Verification>>,
) -> Result<impl IntoResponse, ApiError> {
    let Json(asked) = body.unwrap_or(Json(Verification::default()));
    let organization = caller.organization_id;
    if let Some(anchor) = &asked.anchor {
        check_anchor(anchor, organization)?;
    }
    let cursor = asked.cursor.as_deref();
    let range = VerifyRange {
        from: asked.from,
        to: asked.to,
        anchor: asked.anchor,
        resumption: cursor.map(|text| Cursor::read(VERIFY, text)).transpose()?,
        window: None,
    };
    let is_of_everything = range.from.is_none() && range.to.is_none() && cursor.is_none();
    let checked = state.trail.check(organization, range).await?;
    let next = checked.next.as_ref();
    let next = next.map(|next| Cursor::write(VERIFY, next));
    // What is not whole must not become what later verifications take for granted.
    let is_whole = checked.report.findings.is_empty() && next.is_none();
    let anchor = if is_of_everything && is_whole {
        Some(
            state
                .trail
                .anchor(organization)
                .await
                .map_err(Error::from)?,
        )
    } else {
        None
    };
    Ok(Json(Verified::of(&checked, next, anchor)))
}

/// An anchor that was damaged where it was kept would find fault with a trail that is whole.
fn check_anchor(anchor: &Anchor, organization: OrganizationId) -> Result<(), Error> {
    if anchor.hash != anchor_hash(anchor) {
        return Err(Error::field(
            "/anchor/hash",
            "is not the anchor's: it was changed",
        ));
    }
    if anchor.organization_id != organization {
        let message = "is not the access token's organization";
        return Err(Error::field("/anchor/organizationId", message));
    }
    Ok(())
}
