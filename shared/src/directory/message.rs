//! The few messages of LDAP (RFC 4511) that are sent and read.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::DirectoryError;
use super::ber::{
    BOOLEAN, ENUMERATED, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET, number, tagged,
};

const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const UNBIND_REQUEST: u8 = 0x42;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const SIMPLE: u8 = 0x80;
const AND: u8 = 0xa0;
const EQUALITY: u8 = 0xa3;
const PRESENT: u8 = 0x87;
const VERSION: u32 = 3;
/// Aliases are not followed: one could lead to anywhere.
const NEVER_DEREFERENCE: u32 = 0;

/// What entries are looked for. It is never a text, so no value can be read as a part of it: there
/// is nothing to be escaped (RFC 4515 is about the text).
#[derive(Clone, Debug)]
pub(super) enum Filter<'a> {
    /// All of these.
    All(Vec<Filter<'a>>),
    /// The attribute has this value.
    Is(&'a str, &'a str),
    /// The attribute is there.
    Has(&'a str),
}

/// A search.
#[derive(Clone, Debug)]
pub(super) struct Search<'a> {
    /// Where it begins.
    pub(super) base: &'a str,
    /// Below that, too; else only there.
    pub(super) whole_subtree: bool,
    pub(super) size_limit: u32,
    pub(super) time_limit_seconds: u32,
    pub(super) filter: Filter<'a>,
    pub(super) attributes: &'a [&'a str],
}

/// How an operation ended (RFC 4511 section 4.1.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) code: u32,
    pub(super) diagnostic: String,
}

/// Attributes by their names in lower case, each with its values.
pub(super) type Attributes = BTreeMap<String, Vec<Vec<u8>>>;

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Bound(Outcome),
    Entry(String, Attributes),
    /// Look elsewhere for more. Nobody does.
    Reference,
    Done(Outcome),
}

/// Credentials of a service account; an empty password would be an anonymous bind (RFC 4513
/// section 5.1.2), so it is refused before this.
pub(super) fn bind(id: u32, name: &str, password: &[u8]) -> Zeroizing<Vec<u8>> {
    let password = Zeroizing::new(tagged(SIMPLE, password));
    // Of its full size at once: a list that grows leaves copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(password.len() + name.len() + 16));
    body.extend(number(INTEGER, VERSION));
    body.extend(tagged(OCTET_STRING, name.as_bytes()));
    body.extend_from_slice(&password);
    let operation = Zeroizing::new(tagged(BIND_REQUEST, &body));
    Zeroizing::new(message(id, &operation))
}

pub(super) fn unbind(id: u32) -> Vec<u8> {
    message(id, &tagged(UNBIND_REQUEST, &[]))
}

pub(super) fn search(id: u32, search: &Search<'_>) -> Vec<u8> {
    let mut body = tagged(OCTET_STRING, search.base.as_bytes());
    body.extend(number(ENUMERATED, if search.whole_subtree { 2 } else { 0 }));
    body.extend(number(ENUMERATED, NEVER_DEREFERENCE));
    body.extend(number(INTEGER, search.size_limit));
    body.extend(number(INTEGER, search.time_limit_seconds));
    body.extend(tagged(BOOLEAN, &[0]));
    body.extend(search.filter.encode());
    let names = search.attributes.iter();
    let names: Vec<u8> = names
        .flat_map(|name| tagged(OCTET_STRING, name.as_bytes()))
        .collect();
    body.extend(tagged(SEQUENCE, &names));
    message(id, &tagged(SEARCH_REQUEST, &body))
}

fn message(id: u32, operation: &[u8]) -> Vec<u8> {
    let mut body = Zeroizing::new(Vec::with_capacity(operation.len() + 8));
    body.extend(number(INTEGER, id));
    body.extend_from_slice(operation);
    tagged(SEQUENCE, &body)
}

impl Filter<'_> {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::All(filters) => {
                let filters: Vec<u8> = filters.iter().flat_map(Self::encode).collect();
                tagged(AND, &filters)
            }
            Self::Is(attribute, value) => {
                let mut pair = tagged(OCTET_STRING, attribute.as_bytes());
                pair.extend(tagged(OCTET_STRING, value.as_bytes()));
                tagged(EQUALITY, &pair)
            }
            Self::Has(attribute) => tagged(PRESENT, attribute.as_bytes()),
        }
    }
}

/// Reads the content of a message, which has to answer the request called `id`.
pub(super) fn read(content: &[u8], id: u32) -> Result<Answer, DirectoryError> {
    let mut reader = Reader(content);
    if reader.expect_number(INTEGER)? != id {
        // Such as the notice that the connection is about to be closed.
        return Err(DirectoryError::Protocol("an answer to another request"));
    }
    let (tag, body) = reader.next()?;
    match tag {
        BIND_RESPONSE => Ok(Answer::Bound(outcome(body)?)),
        SEARCH_DONE => Ok(Answer::Done(outcome(body)?)),
        SEARCH_REFERENCE => Ok(Answer::Reference),
        SEARCH_ENTRY => entry(body),
        _ => Err(DirectoryError::Protocol("an answer of another kind")),
    }
}

fn outcome(body: &[u8]) -> Result<Outcome, DirectoryError> {
    let mut reader = Reader(body);
    let code = reader.expect_number(ENUMERATED)?;
    reader.expect(OCTET_STRING)?;
    let diagnostic = reader.expect(OCTET_STRING)?;
    Ok(Outcome {
        code,
        diagnostic: String::from_utf8_lossy(diagnostic).into_owned(),
    })
}

fn entry(body: &[u8]) -> Result<Answer, DirectoryError> {
    let mut reader = Reader(body);
    let name = text(reader.expect(OCTET_STRING)?)?;
    let mut list = Reader(reader.expect(SEQUENCE)?);
    let mut attributes = Attributes::new();
    while !list.is_empty() {
        let mut pair = Reader(list.expect(SEQUENCE)?);
        let attribute = text(pair.expect(OCTET_STRING)?)?.to_ascii_lowercase();
        let mut set = Reader(pair.expect(SET)?);
        let values = attributes.entry(attribute).or_default();
        while !set.is_empty() {
            values.push(set.expect(OCTET_STRING)?.to_vec());
        }
    }
    Ok(Answer::Entry(name, attributes))
}

fn text(bytes: &[u8]) -> Result<String, DirectoryError> {
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|_| DirectoryError::Protocol("a name is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_stays_a_value_whatever_it_holds() {
        let hostile = "*)(objectClass=*))(|(a=\0";
        let filter = Filter::All(vec![
            Filter::Has("objectClass"),
            Filter::Is("mail", hostile),
        ]);
        let bytes = filter.encode();
        let mut all = Reader(&bytes);
        let mut inner = Reader(all.expect(AND).unwrap());
        assert_eq!(inner.expect(PRESENT).unwrap(), b"objectClass");
        let mut pair = Reader(inner.expect(EQUALITY).unwrap());
        assert_eq!(pair.expect(OCTET_STRING).unwrap(), b"mail");
        assert_eq!(pair.expect(OCTET_STRING).unwrap(), hostile.as_bytes());
        assert!(all.is_empty() && inner.is_empty() && pair.is_empty());
    }

    #[test]
    fn an_answer_to_another_request_or_of_another_kind_is_refused() {
        let mut done = number(ENUMERATED, 0);
        done.extend(tagged(OCTET_STRING, b""));
        done.extend(tagged(OCTET_STRING, b"why"));
        let answer = |id, tag| {
            let mut body = number(INTEGER, id);
            body.extend(tagged(tag, &done));
            body
        };
        let outcome = Outcome {
            code: 0,
            diagnostic: "why".to_owned(),
        };
        assert_eq!(
            read(&answer(2, SEARCH_DONE), 2).unwrap(),
            Answer::Done(outcome)
        );
        assert!(read(&answer(0, 0x78), 2).is_err());
        assert!(read(&answer(2, 0x78), 2).is_err());
        assert!(read(&answer(2, SEARCH_ENTRY), 2).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_more_than_an_error(bytes: Vec<u8>, tag: u8) {
            let mut body = number(INTEGER, 1);
            body.extend(tagged(tag, &bytes));
            let _ = read(&body, 1);
            let _ = read(&bytes, 1);
        }
    }
}
