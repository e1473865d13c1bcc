//! Looking into a JSON document without taking it apart. What a sender has signed and sent is an event, even
//! where it holds what is no text (half of a surrogate pair, as programs leave it that cut strings), numbers
//! beyond all types, or more levels than a parser has stack for: only what is asked for has to be readable.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The text or the number at a JSON Pointer (RFC 6901), a number as it is written. Of members of one name,
/// the last one counts.
pub(super) fn text_at(json: &[u8], pointer: &str) -> Option<String> {
    let json = at(json, pointer)?;
    match json.bytes().next()? {
        b'"' => serde_json::from_str(json).ok(),
        b'-' | b'0'..=b'9' => Some(json.to_owned()),
        _ => None,
    }
}

/// The names of an object's members.
pub(super) fn names(json: &[u8]) -> Option<Vec<String>> {
    let members: BTreeMap<String, IgnoredAny> = serde_json::from_slice(json).ok()?;
    Some(members.into_keys().collect())
}

fn at<'a>(json: &'a [u8], pointer: &str) -> Option<&'a str> {
    let Some(tokens) = pointer.strip_prefix('/') else {
        return serde_json::from_slice(json).ok().map(RawValue::get);
    };
    let mut found = json;
    let mut text = None;
    for token in tokens.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        let mut parser = serde_json::Deserializer::from_slice(found);
        let value = parser.deserialize_any(Step(&token)).ok()??;
        parser.end().ok()?;
        found = value.get().as_bytes();
        text = Some(value.get());
    }
    text
}

/// To the member of this name, or to the item of this index.
struct Step<'t>(&'t str);

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Is(self.0))? {
            if is_it {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let index: usize = self.0.parse().map_err(A::Error::custom)?;
        for _ in 0..index {
            list.next_element::<IgnoredAny>()?;
        }
        let found = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        // Neither a sign nor a zero before it.
        Ok(found.filter(|_| index.to_string() == self.0))
    }
}

/// Whether a name is this one. Names are compared as bytes, as others than this one may be no text.
struct Is<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<bool, E> {
        Ok(name == self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str, pointer: &str) -> Option<String> {
        text_at(json.as_bytes(), pointer)
    }

    #[test]
    fn texts_and_numbers_are_found_where_the_pointer_says() {
        let json = r#" {"a": [{"b/c": "one", "~": 2.50}], "d\u0065": "\u00e9", "e": "1", "e": "2",
            "": {"": -1}, "f": [0, [7]], "g": null, "h": true} "#;
        for (pointer, found) in [
            ("/a/0/b~1c", Some("one")),
            ("/a/0/~0", Some("2.50")),
            ("/de", Some("é")),
            ("/e", Some("2")),
            ("//", Some("-1")),
            ("/f/1/0", Some("7")),
            ("/f/01/0", None),
            ("/f/+1/0", None),
            ("/f/2", None),
            ("/f/-", None),
            ("/f/18446744073709551616", None),
            ("/a", None),
            ("/g", None),
            ("/h", None),
            ("/e/0", None),
            ("/z", None),
            ("a", None),
        ] {
            assert_eq!(text(json, pointer).as_deref(), found, "{pointer}");
        }
        assert_eq!(text(" \"x\" ", "").as_deref(), Some("x"));
    }

    #[test]
    fn what_is_not_asked_for_need_not_be_readable() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for other in [r#""\ud83d""#, "1e999", "-1e-999", &deep] {
            for json in [
                format!(r#"{{"other": {other}, "id": "one"}}"#),
                format!(r#"{{"id": "one", "other": {other}}}"#),
                format!(r#"{{"id": "one", "\udc00": {other}}}"#),
            ] {
                assert_eq!(text(&json, "/id").as_deref(), Some("one"));
            }
        }
        let latin1 = b"{\"id\": \"one\", \"name\": \"\xe9\"}";
        assert_eq!(text_at(latin1, "/id").as_deref(), Some("one"));
    }

    #[test]
    fn what_is_no_document_holds_nothing() {
        for json in [
            "",
            "{",
            r#"{"id": "one""#,
            r#"{"id": "one"} {"id": "two"}"#,
            r#"{"id": "one",}"#,
            r#"{"id": "\ud83d"}"#,
            r#"{"id": "one", "a": nul}"#,
            "id=one",
        ] {
            assert_eq!(text(json, "/id"), None, "{json}");
        }
    }
}
