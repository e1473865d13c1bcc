//! The places of a request where a credential can be.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;
use url::Url;
use zeroize::Zeroizing;

use super::AuthError;
use super::fields::{Fields, sensitive};
use crate::domain::{ApiKeyAuth, BasicAuth};
use crate::egress::OutboundRequest;

/// All but the unreserved characters of RFC 3986: nobody reads what is left in two ways.
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(super) fn api_key(
    auth: &ApiKeyAuth,
    fields: &Fields<'_>,
    request: &mut OutboundRequest,
) -> Result<(), AuthError> {
    match auth {
        ApiKeyAuth::Header {
            key_header,
            value_template,
        } => put_header(request, key_header, fields.header(value_template)?),
        ApiKeyAuth::Query {
            key_param,
            value_template,
        } => {
            put_parameter(&mut request.url, key_param, &fields.fill(value_template)?);
            Ok(())
        }
        ApiKeyAuth::Body {
            key_field,
            value_template,
        } => put_field(request, key_field, &fields.fill(value_template)?),
    }
}

/// RFC 7617, in UTF-8.
pub(super) fn basic(
    auth: &BasicAuth,
    fields: &Fields<'_>,
    request: &mut OutboundRequest,
) -> Result<(), AuthError> {
    put_authorization(request, &pair(auth, fields)?)
}

/// User name and password, as the header has them.
pub(super) fn pair(auth: &BasicAuth, fields: &Fields<'_>) -> Result<Zeroizing<String>, AuthError> {
    let username = fields.fill(&auth.username_template)?;
    let password = fields.fill(&auth.password_template)?;
    let unusable = |template: &crate::domain::ValueTemplate, expected| AuthError::UnusableField {
        field: template.fields().next().unwrap_or_default().to_owned(),
        expected,
    };
    if username.contains(|c: char| c == ':' || c.is_control()) {
        let expected = "a user name without colons or control characters";
        return Err(unusable(&auth.username_template, expected));
    }
    if password.contains(char::is_control) {
        let expected = "a password without control characters";
        return Err(unusable(&auth.password_template, expected));
    }
    let pair = Zeroizing::new(format!("{}:{}", *username, *password));
    Ok(Zeroizing::new(format!(
        "Basic {}",
        STANDARD.encode(pair.as_bytes())
    )))
}

/// `Authorization: Bearer`.
pub(super) fn bearer(request: &mut OutboundRequest, token: &str) -> Result<(), AuthError> {
    put_authorization(request, &Zeroizing::new(format!("Bearer {token}")))
}

pub(super) fn put_authorization(
    request: &mut OutboundRequest,
    value: &str,
) -> Result<(), AuthError> {
    let unfit = AuthError::Configuration("what it makes does not fit into a header");
    let value = sensitive(value).ok_or(unfit)?;
    request.headers.insert(header::AUTHORIZATION, value);
    Ok(())
}

pub(super) fn put_header(
    request: &mut OutboundRequest,
    name: &str,
    value: HeaderValue,
) -> Result<(), AuthError> {
    let unfit = |_| AuthError::Configuration("it names a header that cannot be sent");
    let name: HeaderName = name.parse().map_err(unfit)?;
    request.headers.insert(name, value);
    Ok(())
}

pub(super) fn remove_parameter(url: &mut Url, name: &str) {
    let pairs = url.query().map(|query| others(query, name).join("&"));
    url.set_query(pairs.as_deref().filter(|pairs| !pairs.is_empty()));
}

pub(super) fn put_parameter(url: &mut Url, name: &str, value: &str) {
    let pairs = with_pair(url.query().unwrap_or_default(), name, value);
    url.set_query(Some(&pairs));
}

/// Puts a field into the body, which its content type says how to read. Where there is neither, the
/// body becomes a JSON object.
fn put_field(request: &mut OutboundRequest, name: &str, value: &str) -> Result<(), AuthError> {
    if request.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(AuthError::NoPlaceInBody);
    }
    if request.body.is_empty() && !request.headers.contains_key(header::CONTENT_TYPE) {
        let json = HeaderValue::from_static("application/json");
        request.headers.insert(header::CONTENT_TYPE, json);
    }
    let media_type = request.headers.get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next());
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        request.body = with_member(&request.body, name, value)?.into();
        return Ok(());
    }
    if essence == "application/x-www-form-urlencoded" {
        let form = std::str::from_utf8(&request.body).map_err(|_| AuthError::NoPlaceInBody)?;
        request.body = with_pair(form, name, value).into();
        return Ok(());
    }
    Err(AuthError::NoPlaceInBody)
}

/// The pairs of a query or a form, in which `name` has this value and no other. The other pairs
/// stay as they are, to the byte.
fn with_pair(pairs: &str, name: &str, value: &str) -> String {
    let mut pairs = others(pairs, name);
    let [name, value] = [name, value].map(|text| utf8_percent_encode(text, RESERVED).to_string());
    let pair = format!("{name}={value}");
    pairs.push(&pair);
    pairs.join("&")
}

/// The pairs of another name, however it is spelled.
fn others<'p>(pairs: &'p str, name: &str) -> Vec<&'p str> {
    let is_other = |pair: &&str| {
        let spelled = pair.split('=').next().unwrap_or_default().replace('+', " ");
        !pair.is_empty() && percent_decode_str(&spelled).ne(name.bytes())
    };
    pairs.split('&').filter(is_other).collect()
}

/// A JSON object in which `name` has this value and no other. The other members stay in their
/// order and as they are written: a number may have more digits than we could keep.
fn with_member(body: &[u8], name: &str, value: &str) -> Result<Vec<u8>, AuthError> {
    let no_place = |_| AuthError::NoPlaceInBody;
    let body = if body.trim_ascii().is_empty() {
        b"{}"
    } else {
        body
    };
    let mut members: Members<'_> = serde_json::from_slice(body).map_err(no_place)?;
    members.0.retain(|(other, _)| other != name);
    let value = serde_json::value::to_raw_value(value).map_err(no_place)?;
    members.0.push((Cow::Borrowed(name), &value));
    serde_json::to_vec(&members).map_err(no_place)
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((Cow::Owned(name), value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_replaced_in_every_spelling_and_the_others_stay() {
        for (pairs, with) in [
            ("", "the%20key=a%2Bb%26c"),
            ("a=1&b", "a=1&b&the%20key=a%2Bb%26c"),
            ("the+key=x&a=%7e", "a=%7e&the%20key=a%2Bb%26c"),
            ("the%20key&a=b+c", "a=b+c&the%20key=a%2Bb%26c"),
            ("%74he+key=x&the%20key=y&&z=", "z=&the%20key=a%2Bb%26c"),
        ] {
            assert_eq!(with_pair(pairs, "the key", "a+b&c"), with);
        }
    }

    #[test]
    fn a_member_is_replaced_in_every_spelling_and_the_others_stay() {
        for (body, with) in [
            ("", r#"{"key":"\"x"}"#),
            ("{}", r#"{"key":"\"x"}"#),
            (
                r#"{"z": 1.000000000000000000001, "key": {"a": 1}, "a": [ ]}"#,
                r#"{"z":1.000000000000000000001,"a":[ ],"key":"\"x"}"#,
            ),
            (r#"{"k\u0065y": 1, "key": 2}"#, r#"{"key":"\"x"}"#),
        ] {
            let changed = with_member(body.as_bytes(), "key", "\"x").unwrap();
            assert_eq!(String::from_utf8(changed).unwrap(), with);
        }
        for body in ["[]", "1", "null", "\"x\"", "{", "{} {}", "a=b"] {
            let refused = with_member(body.as_bytes(), "key", "x");
            assert!(matches!(refused, Err(AuthError::NoPlaceInBody)), "{body}");
        }
    }
}
