//! XML as JSON, so that one kind of expression finds pages, records and errors in both.
//!
//! Each element is an object with its children by name, each an array, however many there are; a
//! `@` before the name marks an attribute. An element with nothing but text is that text. So
//! `<a><b c="1">x</b><d>y</d></a>` reads as `{"a": {"b": [{"@c": "1", "#text": "x"}], "d": ["y"]}}`.
//! Prefixes of names are left out: `<s:b>` is `b`.
//!
//! A document type is refused, and with it every entity that it could define.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value};

/// How deep elements may stand in each other.
const MAX_DEPTH: usize = 64;
/// How many elements and attributes there may be.
const MAX_NODES: usize = 1_000_000;
const TEXT: &str = "#text";

/// Why a document is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// It is no well-formed XML in UTF-8.
    #[error("the document is no well-formed XML")]
    Malformed,
    /// It has a document type.
    #[error("documents with a document type are not read")]
    DocumentType,
    /// It goes deeper, or has more in it, than is read.
    #[error("the document is too deep or has too many elements")]
    TooLarge,
}

impl From<quick_xml::Error> for XmlError {
    fn from(_: quick_xml::Error) -> Self {
        Self::Malformed
    }
}

/// An element whose end has not come yet.
#[derive(Default)]
struct Open {
    name: String,
    children: Map<String, Value>,
    text: String,
}

impl Open {
    fn close(mut self) -> (String, Value) {
        if self.children.is_empty() {
            return (self.name, Value::String(self.text));
        }
        if !self.text.trim().is_empty() {
            self.children
                .insert(TEXT.to_owned(), Value::String(self.text));
        }
        (self.name, Value::Object(self.children))
    }

    fn add(&mut self, name: String, child: Value) {
        let place = self.children.entry(name);
        if let Value::Array(list) = place.or_insert_with(|| Value::Array(Vec::new())) {
            list.push(child);
        }
    }
}

/// Reads a document of XML.
///
/// # Errors
///
/// If it is no well-formed XML in UTF-8, has a document type, or is too large.
pub fn read_xml(document: &[u8]) -> Result<Value, XmlError> {
    let document = std::str::from_utf8(document).map_err(|_| XmlError::Malformed)?;
    let mut reader = Reader::from_str(document.trim_start_matches('\u{feff}'));
    reader.config_mut().check_end_names = true;
    // What is outside of the root stands in here.
    let mut open = vec![Open::default()];
    let mut nodes = 0_usize;
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                let element = started(&start, &mut nodes)?;
                open.push(element);
                if open.len() > MAX_DEPTH {
                    return Err(XmlError::TooLarge);
                }
            }
            Event::Empty(start) => {
                let element = started(&start, &mut nodes)?;
                close(&mut open, element)?;
            }
            Event::End(_) => {
                let element = open.pop().ok_or(XmlError::Malformed)?;
                close(&mut open, element)?;
            }
            Event::Text(text) => append(&mut open, &text.xml10_content())?,
            Event::CData(text) => append(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => append(&mut open, &referred(&reference)?)?,
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    whole(open)
}

/// The one root, if every element has ended.
fn whole(mut open: Vec<Open>) -> Result<Value, XmlError> {
    let outside = open.pop().ok_or(XmlError::Malformed)?;
    if !open.is_empty() || outside.children.len() != 1 || !outside.text.trim().is_empty() {
        return Err(XmlError::Malformed);
    }
    let mut document = Map::new();
    for (name, roots) in outside.children {
        let Value::Array(mut roots) = roots else {
            return Err(XmlError::Malformed);
        };
        let (Some(root), true) = (roots.pop(), roots.is_empty()) else {
            return Err(XmlError::Malformed);
        };
        document.insert(name, root);
    }
    Ok(Value::Object(document))
}

fn started(start: &BytesStart<'_>, nodes: &mut usize) -> Result<Open, XmlError> {
    let mut element = Open {
        name: start.local_name().as_ref().to_owned(),
        ..Open::default()
    };
    count(nodes)?;
    for attribute in start.attributes() {
        count(nodes)?;
        let attribute = attribute.map_err(|_| XmlError::Malformed)?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let name = format!("@{}", attribute.key.local_name().as_ref());
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|_| XmlError::Malformed)?;
        element
            .children
            .insert(name, Value::String(value.into_owned()));
    }
    Ok(element)
}

fn close(open: &mut [Open], element: Open) -> Result<(), XmlError> {
    let (name, value) = element.close();
    let parent = open.last_mut().ok_or(XmlError::Malformed)?;
    parent.add(name, value);
    Ok(())
}

fn append(open: &mut [Open], text: &str) -> Result<(), XmlError> {
    let element = open.last_mut().ok_or(XmlError::Malformed)?;
    element.text.push_str(text);
    Ok(())
}

/// A character by its number, or one of the five that have names.
fn referred(reference: &BytesRef<'_>) -> Result<String, XmlError> {
    if let Some(character) = reference.resolve_char_ref()? {
        return Ok(character.to_string());
    }
    let text = resolve_predefined_entity(reference).ok_or(XmlError::Malformed)?;
    Ok(text.to_owned())
}

fn count(nodes: &mut usize) -> Result<(), XmlError> {
    *nodes += 1;
    if *nodes > MAX_NODES {
        return Err(XmlError::TooLarge);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listing_reads_alike_with_one_item_and_with_more() {
        let one = read_xml(
            b"<?xml version=\"1.0\"?>\n<L xmlns=\"urn:x\"><C><Key>a &amp; b</Key><E/></C><N/></L>",
        );
        let expected = json!({"L": {"C": [{"Key": ["a & b"], "E": [""]}], "N": [""]}});
        assert_eq!(one.unwrap(), expected);
        let two = read_xml(b"<L><C><Key>a</Key></C>\n<C><Key><![CDATA[<b>]]></Key></C></L>");
        let expected = json!({"L": {"C": [{"Key": ["a"]}, {"Key": ["<b>"]}]}});
        assert_eq!(two.unwrap(), expected);
    }

    #[test]
    fn attributes_are_marked_and_prefixes_left_out() {
        let read = read_xml(br#"<s:a xmlns:s="u"><s:b c="1 &lt; 2">x&#65;</s:b></s:a>"#);
        let expected = json!({"a": {"b": [{"@c": "1 < 2", "#text": "xA"}]}});
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn what_could_expand_or_is_broken_is_refused() {
        let bomb = b"<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>";
        assert_eq!(read_xml(bomb), Err(XmlError::DocumentType));
        for broken in [
            &b""[..],
            b"text",
            b"<a>",
            b"<a></b>",
            b"</a>",
            b"<a/><b/>",
            b"<a/><a/>",
            b"<a/>text",
            b"<a>&nobody;</a>",
            b"<a b=c/>",
            b"<a b=\"1\" b=\"2\"/>",
            b"<a>\xff</a>",
        ] {
            let text = String::from_utf8_lossy(broken);
            assert_eq!(read_xml(broken), Err(XmlError::Malformed), "{text}");
        }
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        assert_eq!(read_xml(deep.as_bytes()), Err(XmlError::TooLarge));
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(document in "[<>/a-c&;=\"' !\\[\\]-]{0,64}") {
            let _ = read_xml(document.as_bytes());
        }

        #[test]
        fn any_text_comes_out_as_it_went_in(text in "[^\\p{C}\r\n]{1,32}") {
            let document = format!("<a><b>{}</b></a>", quick_xml::escape::escape(&text));
            let read = read_xml(document.as_bytes()).unwrap();
            prop_assert_eq!(read, json!({"a": {"b": [text]}}));
        }
    }
}
