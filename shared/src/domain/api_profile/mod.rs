//! What has to be known of a provider's API to call it well: `[api]` of a provider's file in the
//! catalogue, and `apiProfile` of an integration that is nobody's in the catalogue. Both have the
//! same fields under the same names.

mod check;
mod host;
mod rotation;
mod rotation_check;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(super) use check::{check_method, check_path};
pub use rotation::{
    KeyCalls, KeyList, PUBLIC_KEY_NAMES, PublicKeyCalls, ROTATION_LABEL, RotationCall,
    RotationMethod,
};

use super::object::only_objects;
use super::{Expression, FieldError, RateLimits};

only_objects!(
    ApiProfile,
    Probe,
    Pagination,
    PageSize,
    RateLimitHeaders,
    RetryHints,
    ErrorShape,
    Entity,
    ChangedSince
);

/// What has to be known of a provider's API. Holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct ApiProfile {
    /// Hosts that base URLs, token URLs and absolute endpoints may have besides the base URL's own:
    /// names, or `*.` and a name for all names below it. Credentials go to no other.
    pub hosts: Vec<String>,
    /// A call that succeeds if, and only if, the credentials are good: what `test` makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Probe>,
    /// A call that shows whether the provider is well; `verification`, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<Probe>,
    /// How lists go on, where an entity does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// The provider's limits, for integrations that set none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<RateLimits>,
    /// The headers by which answers say how much is left, besides those of the IETF's draft.
    pub rate_limit_headers: Vec<RateLimitHeaders>,
    /// What may be tried again.
    pub retry: RetryHints,
    /// Where an error says what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorShape>,
    /// The header by which the provider recognises a repeated call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_header: Option<String>,
    /// Kinds of record that can be synchronized, by name.
    pub entities: BTreeMap<String, Entity>,
    /// How credentials are replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationMethod>,
    /// The call that makes the credentials worthless, with fields of theirs in braces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Probe>,
}

impl ApiProfile {
    /// This profile, with what `base` says where it says nothing. Of the hosts, those of `base`
    /// stay: who changes how a provider is called does not change who gets its credentials.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let base = base.clone();
        let mut entities = base.entities;
        entities.extend(self.entities);
        Self {
            hosts: base.hosts,
            verification: self.verification.or(base.verification),
            health_check: self.health_check.or(base.health_check),
            pagination: self.pagination.or(base.pagination),
            rate_limits: self.rate_limits.or(base.rate_limits),
            rate_limit_headers: said(self.rate_limit_headers, base.rate_limit_headers),
            retry: said(self.retry, base.retry),
            errors: self.errors.or(base.errors),
            idempotency_header: self.idempotency_header.or(base.idempotency_header),
            entities,
            rotation: self.rotation.or(base.rotation),
            revocation: self.revocation.or(base.revocation),
        }
    }
}

fn said<T: Default + PartialEq>(this: T, base: T) -> T {
    if this == T::default() { base } else { this }
}

/// A call that Gatehouse makes on its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct Probe {
    /// `GET`, if not given.
    #[serde(default = "get")]
    pub method: String,
    /// The path under the base URL, with its query.
    pub path: String,
    /// Headers by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// What the JSON of the answer has to satisfy besides a status of 2xx, for providers that
    /// report errors with 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<Expression>,
}

fn get() -> String {
    "GET".to_owned()
}

/// How a list goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    deny_unknown_fields,
    remote = "Self"
)]
pub enum Pagination {
    /// The answer has a cursor, which the next call sends.
    #[serde(rename_all = "camelCase")]
    Cursor {
        /// Where the answer has it; the list ends where there is none.
        next: Expression,
        /// The parameter that sends it.
        parameter: String,
        /// What has to hold for the list to go on, if the cursor alone does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        more: Option<Expression>,
        /// The parameter that says how many are wanted, and how many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<PageSize>,
    },
    /// The answer's `Link` header has the next URL (RFC 8288), or its body has.
    #[serde(rename_all = "camelCase")]
    Link {
        /// Where the body has it, if the header has not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Expression>,
        /// The parameter that says how many are wanted, and how many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<PageSize>,
    },
    /// The next call says how many to skip, or which item is the first that it wants.
    #[serde(rename_all = "camelCase")]
    Offset {
        /// The parameter that says so.
        parameter: String,
        /// The number of the first item: 1 for `startIndex` of SCIM (RFC 7644 section 3.4.2.4).
        #[serde(default)]
        first: u32,
        /// The parameter that says how many are wanted, and how many.
        size: PageSize,
    },
    /// Pages have numbers.
    #[serde(rename_all = "camelCase")]
    Page {
        /// The parameter with the number.
        parameter: String,
        /// The number of the first page.
        #[serde(default = "first_page")]
        first: u32,
        /// The parameter that says how many are wanted, and how many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<PageSize>,
    },
    /// A list has one page.
    None {},
}

fn first_page() -> u32 {
    1
}

/// How many items a page has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct PageSize {
    /// The parameter that says so.
    pub parameter: String,
    /// The most that the provider gives.
    pub max: u32,
}

/// The headers of one limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct RateLimitHeaders {
    /// The one that says how many calls there are in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The one that says how many are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<String>,
    /// The one that says how many were made, where none says how many are left. It may hold both
    /// as `made/all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<String>,
    /// The one that says when there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<String>,
    /// How `reset` says it.
    #[serde(default)]
    pub reset_form: ResetForm,
    /// How long after now there are more, in seconds, where no header says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u32>,
}

/// How an instant is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResetForm {
    /// Seconds from now.
    #[default]
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMilliseconds,
    /// RFC 3339.
    Rfc3339,
    /// RFC 9110 section 5.6.7.
    HttpDate,
}

/// What may be tried again, besides what always may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct RetryHints {
    /// Statuses that pass, besides 408, 425, 429, 502, 503 and 504.
    pub statuses: Vec<u16>,
    /// Codes of errors that pass, whatever the status.
    pub codes: Vec<String>,
    /// Statuses that mean too many calls, besides 429, if the answer says when to come back: by
    /// `Retry-After`, or by a limit's headers with none left.
    pub rate_limit_statuses: Vec<u16>,
}

/// Where an error says what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct ErrorShape {
    /// What holds for the JSON of an answer that is an error though its status is 2xx.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// Where the error's code is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Expression>,
    /// The header with the error's code, for providers whose errors are no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_header: Option<String>,
    /// Where the error's message is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Expression>,
    /// The header with the id that the provider's support asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id_header: Option<String>,
    /// Codes that mean that the credentials are not accepted, whatever the status.
    pub authentication_codes: Vec<String>,
    /// Codes that mean that there were too many calls, whatever the status.
    pub rate_limit_codes: Vec<String>,
}

/// A kind of record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct Entity {
    /// The path of the list under the base URL.
    pub list_path: String,
    /// `GET`, if not given.
    #[serde(default = "get")]
    pub method: String,
    /// The JSON body of a list that is not read by `GET`. The parameters of its paging and of
    /// `changedSince` are put into it; one with a `/` in front is a JSON Pointer into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// Where an answer has the records.
    pub items: Expression,
    /// Where a record has its id.
    pub id: Expression,
    /// Where a record has the instant or version by which changes are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor_field: Option<Expression>,
    /// The parameter that asks for what has changed since, instead of one of that name in
    /// `list_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_since: Option<ChangedSince>,
    /// What holds for a record that was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Expression>,
    /// How its list goes on, if not as the provider's lists do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
}

/// How a list is asked for what has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct ChangedSince {
    /// The parameter.
    pub parameter: String,
    /// Its value, with `{cursor}` for the last instant or version seen.
    #[serde(default = "the_cursor")]
    pub template: String,
}

fn the_cursor() -> String {
    "{cursor}".to_owned()
}

#[cfg(test)]
mod tests;
