//! One page of a list, from its call to its records.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::settings::EntitySettings;
use super::trouble::{Lasting, Trouble};
use crate::domain::sync::SourceVersion;
use crate::domain::sync::paging::{Bookmark, ListRequest, ListRequestError, PageSaid, PagingError};
use crate::domain::{Cause, Error, Origin, RequestId, Timestamp, read_xml};
use crate::flows::outbound::{OpenIntegration, Outbound, OutboundAnswer, OutboundCall};

/// How the log of requests and the audit trail name this function.
pub(super) const FUNCTION: &str = "sync";
/// The most records of a page: more are too many for one step.
const MAX_ITEMS: usize = 10_000;
/// The headers in which providers say how many there are in all.
const TOTALS: [&str; 3] = ["x-total-count", "x-total", "x-wp-total"];

/// A page that was read.
#[derive(Debug)]
pub(super) struct ReadPage {
    /// The call, as it stands in the log of requests.
    pub(super) request: RequestId,
    /// When it began.
    pub(super) called_at: Timestamp,
    /// Its records, as the provider has them.
    pub(super) items: Vec<Value>,
    /// Where the list goes on; nothing, if this was its end.
    pub(super) next: Result<Option<Bookmark>, PagingError>,
    /// How many records there are in all, if the provider says so.
    pub(super) total: Option<u64>,
}

/// Reads the page at `bookmark`, of what has changed since `since` if that is given.
pub(super) async fn read(
    outbound: &Outbound,
    open: &OpenIntegration,
    settings: &EntitySettings,
    bookmark: &Bookmark,
    since: Option<&SourceVersion>,
) -> Result<ReadPage, Trouble> {
    let call = call(open, settings, bookmark, since)?;
    let owner = (open.integration.organization_id, FUNCTION);
    let answered = outbound.execute_as_system(owner, open.integration.id, call);
    let answer = Box::pin(answered).await.map_err(Trouble::of_call)?;
    if let Some(problem) = &answer.problem {
        let is_transient = problem.is_transient;
        return Err(Trouble::of_problem(answer.id, problem, is_transient));
    }
    let document = document(&answer)?;
    let items = items(&document, settings, answer.id)?;
    let links: Vec<&str> = values(&answer.headers, "link").collect();
    let said = PageSaid {
        document: &document,
        links: &links,
        items: &items,
    };
    let next = bookmark.next(&settings.pagination, said);
    let total = TOTALS
        .iter()
        .find_map(|name| values(&answer.headers, name).next()?.trim().parse().ok());
    Ok(ReadPage {
        request: answer.id,
        called_at: answer.started_at,
        next,
        total,
        items,
    })
}

fn call(
    open: &OpenIntegration,
    settings: &EntitySettings,
    bookmark: &Bookmark,
    since: Option<&SourceVersion>,
) -> Result<OutboundCall, Trouble> {
    let base = (&open.integration.base_url, open.profile.hosts.as_slice());
    let (source, pagination) = (&settings.source, &settings.pagination);
    let place = bookmark.place.as_ref();
    let request = ListRequest::new(base, source, pagination, place, since);
    let request = request.map_err(|error| match error {
        ListRequestError::NotAUrl => Lasting::new("next_page_unreadable", error.to_string()),
        _ => Lasting::new("call_refused", error.to_string()),
    })?;
    let method = source.method.parse().map_err(|_| {
        let cause: Cause = "the method of a list is none".into();
        Trouble::Ours(Error::Internal(cause))
    })?;
    let mut headers = HeaderMap::new();
    let accepted = HeaderValue::from_static("application/json, application/xml;q=0.5");
    headers.insert(header::ACCEPT, accepted);
    if request.body.is_some() {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
    }
    Ok(OutboundCall {
        method,
        endpoint: request.endpoint,
        params: request.params,
        headers,
        body: request
            .body
            .map_or_else(Default::default, |body| body.to_string().into()),
        timeout: None,
        idempotency_key: None,
        origin: Origin::default(),
    })
}

/// The answer's JSON, or its XML as JSON; nothing, of one that says that it has none.
fn document(answer: &OutboundAnswer) -> Result<Value, Trouble> {
    if answer.status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    if !answer.status.is_success() {
        let status = answer.status.as_u16();
        let detail = format!("the provider's answer has the status {status}");
        return Err(Lasting::new("unexpected_status", detail)
            .of(answer.id)
            .into());
    }
    if is_xml(&answer.headers) {
        return read_xml(&answer.body).map_err(|error| {
            let detail = format!("the provider's answer cannot be read: {error}");
            Lasting::new("not_xml", detail).of(answer.id).into()
        });
    }
    serde_json::from_slice(&answer.body).map_err(|_| {
        let detail = "the provider's answer is not JSON, or nested too deeply";
        Lasting::new("not_json", detail).of(answer.id).into()
    })
}

/// Whether the media type is one of XML (RFC 7303).
fn is_xml(headers: &HeaderMap) -> bool {
    let Some(media_type) = values(headers, "content-type").next() else {
        return false;
    };
    let (essence, _) = media_type.split_once(';').unwrap_or((media_type, ""));
    let essence = essence.trim().to_ascii_lowercase();
    matches!(essence.as_str(), "application/xml" | "text/xml") || essence.ends_with("+xml")
}

fn items(
    document: &Value,
    settings: &EntitySettings,
    request: RequestId,
) -> Result<Vec<Value>, Trouble> {
    if document.is_null() {
        return Ok(Vec::new());
    }
    let wrong = |detail: String| Lasting::new("no_list", detail).of(request);
    match settings.source.items.evaluate(document) {
        Ok(Value::Array(items)) if items.len() <= MAX_ITEMS => Ok(items),
        Ok(Value::Array(items)) => {
            let detail = format!(
                "the page has {} records, more than {MAX_ITEMS}",
                items.len()
            );
            Err(Lasting::new("page_too_large", detail).of(request).into())
        }
        Ok(_) => Err(wrong("`items` is no list in the provider's answer".to_owned()).into()),
        Err(error) => Err(wrong(format!("`items` fails on the answer: {error}")).into()),
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    values.filter_map(|value| value.to_str().ok())
}
