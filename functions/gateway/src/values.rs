//! Bodies as JSON shows them: of any bytes, in both directions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gatehouse::domain::Error;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// Objects within objects of a form.
const MAX_FORM_DEPTH: usize = 8;

/// How a `body` that is a text stands for bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BodyEncoding {
    /// Padded base64.
    Base64,
}

/// The bytes of a `body`, and the headers with its media type: a text is sent as it is, an object
/// as a form if the headers say so, anything else as the JSON that it was, to the byte.
pub(crate) fn to_bytes(
    body: &RawValue,
    encoding: Option<BodyEncoding>,
    headers: &mut HeaderMap,
) -> Result<Bytes, Error> {
    let invalid = |message: &str| Error::field("/body", message);
    let json = || serde_json::from_str(body.get()).map_err(|_| invalid("expected JSON"));
    let (bytes, media_type) = match (kind_of(body), encoding) {
        (Kind::Null, None) => return Ok(Bytes::new()),
        (Kind::Text, Some(BodyEncoding::Base64)) => {
            let text: String = json()?;
            let bytes = STANDARD.decode(text);
            let bytes = bytes.map_err(|_| invalid("expected padded base64"))?;
            (bytes, "application/octet-stream")
        }
        (_, Some(BodyEncoding::Base64)) => return Err(invalid("expected a text in base64")),
        (Kind::Text, None) => {
            let text: String = json()?;
            (text.into_bytes(), "text/plain; charset=utf-8")
        }
        (Kind::Object, None) if media_type(headers) == FORM => (
            form(body).ok_or_else(|| invalid("cannot be a form: it is nested too deeply"))?,
            FORM,
        ),
        (_, None) => (body.get().as_bytes().to_vec(), JSON),
    };
    headers
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static(media_type));
    Ok(bytes.into())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Text,
    Object,
    Other,
}

fn kind_of(json: &RawValue) -> Kind {
    match json.get().as_bytes() {
        b"null" => Kind::Null,
        [b'"', ..] => Kind::Text,
        [b'{', ..] => Kind::Object,
        _ => Kind::Other,
    }
}

fn form(body: &RawValue) -> Option<Vec<u8>> {
    let value = serde_json::from_str(body.get()).ok()?;
    let mut pairs = Vec::new();
    flatten(String::new(), &value, MAX_FORM_DEPTH, &mut pairs)?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    Some(form.extend_pairs(pairs).finish().into_bytes())
}

/// Fields within fields as most APIs with forms read them: `a[b]=1`, and `a[]=1` of lists.
fn flatten(
    name: String,
    value: &Value,
    depth: usize,
    pairs: &mut Vec<(String, String)>,
) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(field, value)| {
            let name = if name.is_empty() {
                field.clone()
            } else {
                format!("{name}[{field}]")
            };
            flatten(name, value, depth, pairs)
        }),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| flatten(format!("{name}[]"), item, depth, pairs)),
        Value::Null => Some(()),
        Value::String(text) => {
            pairs.push((name, text.clone()));
            Some(())
        }
        Value::Bool(_) | Value::Number(_) => {
            pairs.push((name, value.to_string()));
            Some(())
        }
    }
}

/// A body as it is shown: as the JSON that it is, to the byte; as a text if it can be one; or else
/// in base64.
pub(crate) fn to_json(
    headers: &HeaderMap,
    body: &[u8],
) -> (Option<Box<RawValue>>, Option<BodyEncoding>) {
    if body.is_empty() {
        return (None, None);
    }
    let media_type = media_type(headers);
    let is_json = media_type == JSON || media_type.ends_with("+json");
    if is_json && let Ok(json) = serde_json::from_slice::<Box<RawValue>>(body) {
        return (Some(json), None);
    }
    let text = |text: &str| serde_json::value::to_raw_value(text).ok();
    match std::str::from_utf8(body) {
        Ok(body) => (text(body), None),
        Err(_) => (text(&STANDARD.encode(body)), Some(BodyEncoding::Base64)),
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    let media_type = value.unwrap_or_default().split(';').next();
    media_type.unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str(json).unwrap()
    }

    fn sent(body: &str, media_type: Option<&'static str>) -> (String, String) {
        let mut headers = HeaderMap::new();
        if let Some(media_type) = media_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        let bytes = to_bytes(&raw(body), None, &mut headers).unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        (text, super::media_type(&headers))
    }

    #[test]
    fn a_body_is_sent_by_its_media_type() {
        let text = |text: &str, media_type: &str| (text.to_owned(), media_type.to_owned());
        let object = r#"{"a": {"b": [1, "x y"]}, "c": true, "d": null}"#;
        assert_eq!(sent(object, None), text(object, JSON));
        assert_eq!(
            sent(object, Some(FORM)),
            text("a%5Bb%5D%5B%5D=1&a%5Bb%5D%5B%5D=x+y&c=true", FORM)
        );
        let xml = sent("\"<a/>\"", Some("text/xml"));
        assert_eq!(xml, text("<a/>", "text/xml"));
        assert_eq!(sent("\"a\"", None), text("a", "text/plain"));
        assert_eq!(sent("null", None), text("", ""));
    }

    #[test]
    fn a_number_is_passed_on_as_it_was_written() {
        for number in ["12345678901234567890123", "1.10", "1e400"] {
            assert_eq!(sent(number, None).0, number);
            let json = HeaderValue::from_static(JSON);
            let headers = [(header::CONTENT_TYPE, json)].into_iter().collect();
            let (shown, _) = to_json(&headers, number.as_bytes());
            assert_eq!(shown.unwrap().get(), number);
        }
    }

    #[test]
    fn bytes_come_and_go_in_base64() {
        let mut headers = HeaderMap::new();
        let base64 = Some(BodyEncoding::Base64);
        let bytes = to_bytes(&raw("\"/wA=\""), base64, &mut headers).unwrap();
        assert_eq!(&bytes[..], [0xff, 0]);
        let (shown, encoding) = to_json(&headers, &bytes);
        assert_eq!((shown.unwrap().get(), encoding), ("\"/wA=\"", base64));
        for body in ["\"/w\"", "{}", "1"] {
            let error = to_bytes(&raw(body), base64, &mut headers).unwrap_err();
            assert!(matches!(error, Error::Invalid(_)), "{body}");
        }
    }

    #[test]
    fn an_answer_is_json_only_if_it_says_so_and_is() {
        let shown = |media_type: &'static str, body: &str| {
            let value = HeaderValue::from_static(media_type);
            let headers = [(header::CONTENT_TYPE, value)].into_iter().collect();
            let (shown, encoding) = to_json(&headers, body.as_bytes());
            assert_eq!(encoding, None);
            shown.map_or_else(String::new, |json| json.get().to_owned())
        };
        let json = "application/json; charset=utf-8";
        assert_eq!(shown(json, "{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(shown("application/problem+json", "[]"), "[]");
        assert_eq!(shown(json, "{"), "\"{\"");
        assert_eq!(shown("text/plain", "1"), "\"1\"");
        assert_eq!(shown("text/plain", ""), "");
    }

    #[test]
    fn a_form_has_its_depth() {
        let deep = format!("{}1{}", "{\"a\":".repeat(20), "}".repeat(20));
        let form = HeaderValue::from_static(FORM);
        let mut headers = [(header::CONTENT_TYPE, form)].into_iter().collect();
        assert!(to_bytes(&raw(&deep), None, &mut headers).is_err());
    }
}
