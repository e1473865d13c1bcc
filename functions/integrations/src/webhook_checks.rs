//! Why an endpoint refuses a captured request.

use std::collections::BTreeMap;

use axum::extract::State as Shared;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::access::Caller;
use gatehouse::catalog::{self, Scheme};
use gatehouse::domain::{
    Cause, Endpoint, EndpointId, Error, FieldError, IntegrationId, SecretId, Timestamp,
};
use gatehouse::flows::MAX_KEYS_OF_REQUEST;
use gatehouse::http::{ApiError, Json, PathIds};
use gatehouse::signature::diagnosis::{Finding, Judge, diagnose};
use gatehouse::signature::{
    InboundRequest, PublishedKeys, Received, Refusal, SchemeSettings, SigningSecret,
    receive_with_keys,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::State;
use crate::endpoints::{find, settings_of};
use crate::secrets;

const MAX_HEADERS: usize = 200;

/// A request as it was captured.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CapturedRequest {
    /// `POST`, if absent.
    method: Option<String>,
    /// The URL as the provider called it; the endpoint's, if absent.
    url: Option<String>,
    /// Headers by name; a list, if one came several times.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    headers: BTreeMap<String, OneOrMore>,
    /// The body, if it is text.
    body: Option<String>,
    /// The body in base64.
    body_base64: Option<String>,
    /// When it came; now, if absent.
    received_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// What the endpoint makes of a request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// Whether it is taken.
    accepted: bool,
    /// How many events it holds, if it is taken; none, if it is a handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<usize>,
    /// Why it is refused, as the counter `RequestsRefused` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// What was found of it.
    findings: Vec<FindingView>,
}

/// Something that is wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FindingView {
    /// `missing_headers`, `repeated_headers`, `clock_skew`, `body_altered`, `url_differs`,
    /// `expired_secret` or `nothing_fits`.
    code: &'static str,
    /// What it means.
    message: String,
    /// The headers that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<String>,
    /// How old the request is, in seconds; negative, if it is from the future.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<i64>,
    /// The URL that the signature holds for.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The secret that it holds with.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<SecretId>,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let view = |code, message: String| Self {
            code,
            message,
            headers: Vec::new(),
            age_seconds: None,
            url: None,
            secret_id: None,
        };
        match finding {
            Finding::MissingHeaders(headers) => Self {
                headers,
                ..view(
                    "missing_headers",
                    "headers of the scheme are not there".to_owned(),
                )
            },
            Finding::RepeatedHeaders(headers) => Self {
                headers,
                ..view(
                    "repeated_headers",
                    "headers that come once come several times".to_owned(),
                )
            },
            Finding::ClockSkew { age_seconds } => Self {
                age_seconds: Some(age_seconds),
                ..view(
                    "clock_skew",
                    "its time is too far from when it came".to_owned(),
                )
            },
            Finding::BodyAltered(what) => view(
                "body_altered",
                format!("its body was changed on the way: {what}"),
            ),
            Finding::UrlDiffers(url) => Self {
                url: Some(url),
                ..view(
                    "url_differs",
                    "it is signed for another URL; `settings.url` can say so".to_owned(),
                )
            },
            Finding::ExpiredSecret(id) => Self {
                secret_id: Some(id),
                ..view(
                    "expired_secret",
                    "it is signed with a secret that has expired".to_owned(),
                )
            },
            Finding::NothingFits => view(
                "nothing_fits",
                "the secret is another, or what is signed was changed in some other way".to_owned(),
            ),
        }
    }
}

/// An endpoint with its secrets, as `webhooks` has it.
pub(crate) struct Opened {
    pub(crate) endpoint: Endpoint,
    pub(crate) scheme: &'static Scheme,
    pub(crate) settings: SchemeSettings,
    pub(crate) valid: Vec<(SecretId, SigningSecret)>,
    expired: Vec<(SecretId, SigningSecret)>,
}

pub(crate) async fn open(
    state: &State,
    caller: &Caller,
    integration: IntegrationId,
    id: EndpointId,
    now: Timestamp,
) -> Result<Opened, Error> {
    let endpoint = find(state, caller.organization_id, integration, id)
        .await?
        .item;
    let scheme = catalog::scheme(&endpoint.scheme).ok_or_else(|| {
        Error::Internal(Cause::from("the endpoint's scheme is not in the catalogue"))
    })?;
    let mut settings = settings_of(&endpoint)?;
    settings.tolerance_seconds = endpoint.tolerance_seconds;
    let (mut valid, mut expired) = (Vec::new(), Vec::new());
    for stored in &endpoint.secrets {
        let secret = secrets::signing(state, endpoint.organization_id, id.ulid(), stored).await?;
        match stored.is_valid_at(now) {
            true => valid.push((stored.id, secret)),
            false => expired.push((stored.id, secret)),
        }
    }
    Ok(Opened {
        endpoint,
        scheme,
        settings,
        valid,
        expired,
    })
}

fn borrowed(secrets: &[(SecretId, SigningSecret)]) -> Vec<(SecretId, &SigningSecret)> {
    secrets.iter().map(|(id, secret)| (*id, secret)).collect()
}

/// Explains what the endpoint makes of a captured request. Nothing is enqueued.
pub(crate) async fn verify(
    Shared(state): Shared<State>,
    caller: Caller,
    PathIds(integration, id): PathIds<IntegrationId, EndpointId>,
    Json(captured): Json<CapturedRequest>,
) -> Result<impl IntoResponse, ApiError> {
    let now = captured.received_at.unwrap_or_else(|| state.sources.now());
    let opened = open(&state, &caller, integration, id, now).await?;
    let method = captured.method.as_deref().unwrap_or("POST");
    let method: Method = method
        .parse()
        .map_err(|_| Error::field("/method", "expected a method of HTTP"))?;
    let headers = header_map(&captured.headers)?;
    let body = body_of(&captured)?;
    let own = url_of(&state, &opened.endpoint);
    let request = InboundRequest {
        method: &method,
        url: captured.url.as_deref().unwrap_or(own.as_str()),
        headers: &headers,
        body: &body,
    };
    let (valid, expired) = (borrowed(&opened.valid), borrowed(&opened.expired));
    let keys = published(&state, &opened, &request, &valid, now).await?;
    let judge = Judge {
        scheme: opened.scheme,
        secrets: &valid,
        expired: &expired,
        settings: &opened.settings,
        keys: &keys,
        now: now.into(),
    };
    let verdict = receive_with_keys(
        opened.scheme,
        &request,
        &valid,
        &opened.settings,
        &keys,
        now.into(),
    );
    let events = verdict.as_ref().ok().map(|received| match received {
        Received::Event(_) => 1,
        Received::Batch(events) => events.len(),
        _ => 0,
    });
    let findings = diagnose(&judge, &request)
        .into_iter()
        .map(FindingView::from);
    Ok(Json(Explanation {
        accepted: verdict.is_ok(),
        events,
        reason: verdict.err().map(|refusal| refusal.code()),
        findings: findings.collect(),
    }))
}

/// The published keys that the request takes.
async fn published(
    state: &State,
    opened: &Opened,
    request: &InboundRequest<'_>,
    secrets: &[(SecretId, &SigningSecret)],
    now: Timestamp,
) -> Result<PublishedKeys, Error> {
    let mut keys = PublishedKeys::default();
    loop {
        let (scheme, settings) = (opened.scheme, &opened.settings);
        match receive_with_keys(scheme, request, secrets, settings, &keys, now.into()) {
            Err(Refusal::NeedsKey(location)) if keys.len() < MAX_KEYS_OF_REQUEST => {
                let key = state.published.key(&location, state.sources.now()).await;
                let key = key.map_err(|error| Error::Unavailable(error.into()))?;
                keys.insert(*location, key);
            }
            _ => return Ok(keys),
        }
    }
}

fn header_map(given: &BTreeMap<String, OneOrMore>) -> Result<HeaderMap, Error> {
    let wrong = |name: &str| Error::field(format!("/headers/{name}"), "is no header of HTTP");
    let mut headers = HeaderMap::new();
    for (name, values) in given {
        let parsed: HeaderName = name.parse().map_err(|_| wrong(name))?;
        let values = match values {
            OneOrMore::One(value) => std::slice::from_ref(value),
            OneOrMore::More(values) => values,
        };
        for value in values {
            let value = HeaderValue::try_from(value).map_err(|_| wrong(name))?;
            headers.append(parsed.clone(), value);
        }
    }
    if headers.len() > MAX_HEADERS {
        return Err(Error::field("/headers", "expected at most 200"));
    }
    Ok(headers)
}

fn body_of(captured: &CapturedRequest) -> Result<Vec<u8>, Error> {
    match (&captured.body, &captured.body_base64) {
        (Some(_), Some(_)) => Err(Error::Invalid(vec![FieldError::new(
            "/bodyBase64",
            "give either this or `body`",
        )])),
        (Some(text), None) => Ok(text.clone().into_bytes()),
        (None, Some(base64)) => STANDARD
            .decode(base64)
            .map_err(|_| Error::field("/bodyBase64", "expected base64")),
        (None, None) => Ok(Vec::new()),
    }
}

pub(crate) fn url_of(state: &State, endpoint: &Endpoint) -> Url {
    let mut url = (*state.public_url).clone();
    url.set_path(endpoint.path.as_str());
    url
}
