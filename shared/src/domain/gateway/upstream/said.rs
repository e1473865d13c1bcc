//! What the body and the headers of an error say.

use http::HeaderMap;
use serde_json::Value;

use super::Answer;
use crate::domain::{ErrorShape, Expression};

/// Longer bodies are no error messages.
const MAX_BODY: usize = 256 * 1024;
const MAX_CODE: usize = 128;
const MAX_MESSAGE: usize = 1024;
const MAX_REQUEST_ID: usize = 128;

/// Where most providers have a code, if nothing is known of this one.
const CODE: &str = "code || error.code || error.type || error || errors[0].code";
/// Where most have a message: RFC 9457, OAuth 2.0, and the habits of the rest.
const MESSAGE: &str = "detail || title || error_description || error.message || message || \
    errors[0].message || errors[0].detail || error";
/// Where most have the id of the request.
const REQUEST_ID: [&str; 5] = [
    "x-request-id",
    "request-id",
    "x-amz-request-id",
    "x-ms-request-id",
    "x-correlation-id",
];

/// The body's JSON, if it is some.
pub(super) fn document(body: &[u8]) -> Option<Value> {
    let body = (body.len() <= MAX_BODY).then_some(body)?;
    serde_json::from_slice(body).ok()
}

/// The header that the shape names comes first: it is there where the answer has no body, too.
pub(super) fn code(
    answer: &Answer<'_>,
    document: Option<&Value>,
    shape: &ErrorShape,
) -> Option<String> {
    let header = shape.code_header.as_ref();
    let header = header.and_then(|name| answer.headers.get(name.as_str()));
    let header = header.and_then(|value| clean(value.to_str().ok()?, MAX_CODE));
    header.or_else(|| match document {
        Some(document) => found(document, shape.code.as_ref(), CODE, MAX_CODE),
        None => element(answer.body, "Code", MAX_CODE),
    })
}

pub(super) fn message(body: &[u8], document: Option<&Value>, shape: &ErrorShape) -> Option<String> {
    match document {
        Some(document) => found(document, shape.message.as_ref(), MESSAGE, MAX_MESSAGE),
        None => element(body, "Message", MAX_MESSAGE),
    }
}

pub(super) fn request_id(headers: &HeaderMap, shape: &ErrorShape) -> Option<String> {
    let names = REQUEST_ID.iter().copied();
    let id = match &shape.request_id_header {
        Some(name) => headers.get(name.as_str()),
        None => names.filter_map(|name| headers.get(name)).next(),
    };
    clean(id?.to_str().ok()?, MAX_REQUEST_ID)
}

fn found(
    document: &Value,
    declared: Option<&Expression>,
    usual: &str,
    max: usize,
) -> Option<String> {
    let usual = || usual.parse().ok();
    let expression = declared.cloned().or_else(usual)?;
    let json = expression.evaluate_within(document, MAX_BODY).ok()?;
    text(&serde_json::from_slice(&json).ok()?).and_then(|text| clean(&text, max))
}

/// A text, a number, or a list of them.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(text).collect();
            (!items.is_empty()).then(|| items.join("; "))
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}

/// The text of the first element of this name: S3, Azure Storage and others answer errors in XML.
fn element(body: &[u8], name: &str, max: usize) -> Option<String> {
    let body = std::str::from_utf8(body.get(..MAX_BODY).unwrap_or(body)).ok()?;
    if !body
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('<')
    {
        return None;
    }
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    if text.contains('<') {
        return None;
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&");
    clean(&text, max)
}

/// One line of at most `max` bytes.
fn clean(text: &str, max: usize) -> Option<String> {
    let mut cleaned = String::new();
    for c in text.trim().chars() {
        let c = if c.is_control() { ' ' } else { c };
        if cleaned.len() + c.len_utf8() > max {
            break;
        }
        cleaned.push(c);
    }
    cleaned.truncate(cleaned.trim_end().len());
    (!cleaned.is_empty()).then_some(cleaned)
}
