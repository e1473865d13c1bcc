use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::object::only_objects;
use super::super::{ApiKeyAuth, AuthConfig, CustomAuth, FieldError};

only_objects!(HeaderRules);

/// What a caller may always send: negotiation, conditions, ranges, traces. `user-agent` is among
/// them, since providers ask for one that names the application.
const ALWAYS: [&str; 16] = [
    "accept",
    "accept-language",
    "content-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "prefer",
    "range",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-correlation-id",
    "x-request-id",
];

/// What no caller sends, even if the integration lists it: what frames the message, says where it
/// goes or came from, or is a credential; and what the infrastructure adds on the way to us.
const NEVER: [&str; 27] = [
    "authorization",
    "cdn-loop",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "early-data",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "max-forwards",
    "origin",
    "set-cookie",
    "set-cookie2",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-amz-cf-id",
    "x-amzn-trace-id",
    "x-http-method-override",
    "x-real-ip",
    "x-original-url",
];
const NEVER_PREFIXES: [&str; 4] = ["proxy-", "x-forwarded-", "gatehouse-", "sec-"];

/// What of an answer is between the provider and us.
const OF_THE_PROVIDER: [&str; 20] = [
    "alt-svc",
    "authentication-info",
    "clear-site-data",
    "connection",
    "content-length",
    "expect-ct",
    "http2-settings",
    "keep-alive",
    "nel",
    "public-key-pins",
    "report-to",
    "reporting-endpoints",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];
const OF_THE_PROVIDER_PREFIXES: [&str; 3] = ["proxy-", "access-control-", "gatehouse-"];

/// What an answer of ours sets itself, and what tells a browser how to treat documents and scripts
/// of our origin. An answer that carries the provider's as data keeps them.
const OF_OUR_EDGE: [&str; 17] = [
    "cache-control",
    "content-security-policy",
    "content-security-policy-report-only",
    "document-policy",
    "feature-policy",
    "origin-agent-cluster",
    "permissions-policy",
    "ratelimit",
    "ratelimit-policy",
    "referrer-policy",
    "refresh",
    "service-worker-allowed",
    "sourcemap",
    "x-content-type-options",
    "x-frame-options",
    "x-permitted-cross-domain-policies",
    "x-request-id",
];
const OF_OUR_EDGE_PREFIX: &str = "cross-origin-";

/// The name of a header, or the beginning of names with `*` after it, such as `x-amz-meta-*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 128, examples("x-amz-meta-*"))]
pub struct HeaderPattern(String);

/// A text is no name of a header that a caller may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a header that callers may send, or its beginning and `*`")]
pub struct HeaderPatternError;

impl HeaderPattern {
    /// Before a `*` have to be so many characters: `*` alone would let credentials pass.
    const MIN_BEGINNING: usize = 3;

    fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => self.0 == name,
        }
    }
}

impl FromStr for HeaderPattern {
    type Err = HeaderPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pattern = text.to_ascii_lowercase();
        let (name, is_glob) = match pattern.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (pattern.as_str(), false),
        };
        let is_name = name.len() <= 128 && !name.contains('*') && is_token(name);
        let is_narrow = !is_glob || name.len() >= Self::MIN_BEGINNING;
        if is_name && is_narrow && (is_glob || !is_never(name)) {
            Ok(Self(pattern))
        } else {
            Err(HeaderPatternError)
        }
    }
}

impl TryFrom<String> for HeaderPattern {
    type Error = HeaderPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HeaderPattern> for String {
    fn from(pattern: HeaderPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for HeaderPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of a caller's headers reach the provider.
///
/// `idempotency-key` is never among them: the gateway sends the caller's key under the name that
/// the provider knows.
#[derive(Clone, Debug)]
pub struct CallerHeaders<'a> {
    allowed: &'a [HeaderPattern],
    of_auth: Vec<String>,
}

impl<'a> CallerHeaders<'a> {
    /// Those that always may, and those that the integration allows, without those that its
    /// authentication sets.
    #[must_use]
    pub fn new(allowed: &'a [HeaderPattern], auth: &AuthConfig) -> Self {
        Self {
            allowed,
            of_auth: headers_of(auth),
        }
    }

    /// Whether it is one that every caller may send: none of them selects whose data it is that is
    /// asked for.
    #[must_use]
    pub fn is_negotiation(name: &HeaderName) -> bool {
        ALWAYS.contains(&name.as_str())
    }

    /// Whether a header of this name may pass.
    #[must_use]
    pub fn may_pass(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        let is_allowed =
            ALWAYS.contains(&name) || self.allowed.iter().any(|pattern| pattern.matches(name));
        is_allowed && !is_never(name) && !self.of_auth.iter().any(|other| other == name)
    }

    /// The headers that pass.
    #[must_use]
    pub fn pass(&self, headers: &HeaderMap) -> HeaderMap {
        let of_connection = named_by_connection(headers);
        filtered(headers, |name| {
            self.may_pass(name) && !of_connection.contains(name)
        })
    }
}

/// What becomes of an answer's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// They are headers of our own answer.
    Forwarded,
    /// They are data in our answer.
    Reported,
}

/// The headers of a provider's answer that the caller gets.
#[must_use]
pub fn headers_to_caller(headers: &HeaderMap, passage: Passage) -> HeaderMap {
    let of_connection = named_by_connection(headers);
    filtered(headers, |name| {
        let text = name.as_str();
        let is_ours = passage == Passage::Forwarded
            && (OF_OUR_EDGE.contains(&text) || text.starts_with(OF_OUR_EDGE_PREFIX));
        let is_providers = OF_THE_PROVIDER.contains(&text)
            || OF_THE_PROVIDER_PREFIXES
                .iter()
                .any(|prefix| text.starts_with(prefix));
        !is_ours && !is_providers && !of_connection.contains(name)
    })
}

/// Headers that are set and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct HeaderRules {
    /// Values by name, in place of what is there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Names. What is removed and set is set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

impl HeaderRules {
    const MAX: usize = 50;
    const MAX_VALUE: usize = 1024;

    /// What the form of the fields does not say.
    ///
    /// # Errors
    ///
    /// What is wrong, with its place: `pointer` and the rest.
    pub fn check(&self, pointer: &str) -> Result<(), FieldError> {
        if self.set.len() > Self::MAX || self.remove.len() > Self::MAX {
            let message = format!("expected at most {} headers", Self::MAX);
            return Err(FieldError::new(pointer, message));
        }
        for (name, value) in &self.set {
            let pointer = format!("{pointer}/set/{name}");
            check_settable(&pointer, name)?;
            let is_value = value.len() <= Self::MAX_VALUE
                && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
            if !is_value {
                let message = format!("expected at most {} printable characters", Self::MAX_VALUE);
                return Err(FieldError::new(pointer, message));
            }
        }
        let mut removed = self.remove.iter().enumerate();
        removed.try_for_each(|(index, name)| {
            check_settable(&format!("{pointer}/remove/{index}"), name)
        })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// Applies them. A name that is never set by rules is left as it is.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in self.remove.iter().filter_map(|name| settable(name)) {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            if let (Some(name), Ok(value)) = (settable(name), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
    }
}

/// Whether a header of this name may be set on calls, by whoever sets up an integration.
///
/// # Errors
///
/// At `pointer`, if it frames the message, says where it goes, authenticates, or is ours to set.
pub fn check_settable(pointer: &str, name: &str) -> Result<(), FieldError> {
    if settable(name).is_some() {
        return Ok(());
    }
    let message = "expected the name of a header that rules may set and remove";
    Err(FieldError::new(pointer, message))
}

fn settable(name: &str) -> Option<HeaderName> {
    let name: HeaderName = name.parse().ok()?;
    let text = name.as_str();
    let is_settable = text.len() <= 128 && !is_never(text) && !OF_THE_PROVIDER.contains(&text);
    is_settable.then_some(name)
}

fn is_never(name: &str) -> bool {
    NEVER.contains(&name) || NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.parse::<HeaderName>().is_ok()
}

/// The headers that an integration's authentication sets, in small letters.
fn headers_of(auth: &AuthConfig) -> Vec<String> {
    let names = match auth {
        AuthConfig::ApiKey(ApiKeyAuth::Header { key_header, .. }) => vec![key_header.as_str()],
        AuthConfig::ApiKey(_)
        | AuthConfig::BasicAuth(_)
        | AuthConfig::Jwt(_)
        | AuthConfig::Oauth2(_) => Vec::new(),
        AuthConfig::Custom(custom) => match &**custom {
            CustomAuth::Headers { headers, .. } => headers.keys().map(String::as_str).collect(),
            CustomAuth::SigV4(_) => {
                vec!["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]
            }
            CustomAuth::AzureSharedKey { .. } => vec!["x-ms-date"],
            CustomAuth::Hmac(signing) => signing.headers.keys().map(String::as_str).collect(),
            CustomAuth::ClientCertificate {} => Vec::new(),
            CustomAuth::Login(login) => login.apply.keys().map(String::as_str).collect(),
        },
    };
    names.into_iter().map(str::to_ascii_lowercase).collect()
}

fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect()
}

fn filtered(headers: &HeaderMap, keep: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| keep(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
