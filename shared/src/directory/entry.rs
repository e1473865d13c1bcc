use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;

use super::message::Attributes;

/// What is asked of an entry, and shown: nothing else leaves the directory.
pub(super) const SHOWN: [&str; 18] = [
    "cn",
    "department",
    "displayName",
    "employeeID",
    "givenName",
    "mail",
    "manager",
    "memberOf",
    "objectGUID",
    "objectSid",
    "sAMAccountName",
    "sn",
    "telephoneNumber",
    "title",
    "uid",
    "userAccountControl",
    "userPrincipalName",
    "whenChanged",
];

/// An entry of a directory: a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryEntry {
    /// Its distinguished name.
    pub distinguished_name: String,
    /// Its attributes, each with its values. `objectGUID` and `objectSid` are in their usual
    /// spelling; what is no text otherwise is in base64.
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl DirectoryEntry {
    pub(super) fn new(distinguished_name: String, found: &Attributes) -> Self {
        let attributes = SHOWN.iter().filter_map(|name| {
            let values = found.get(&name.to_ascii_lowercase())?;
            let values = values.iter().map(|value| spelled(name, value));
            Some(((*name).to_owned(), values.collect()))
        });
        Self {
            distinguished_name,
            attributes: attributes.collect(),
        }
    }
}

fn spelled(attribute: &str, value: &[u8]) -> String {
    let usual = match attribute {
        "objectGUID" => guid(value),
        "objectSid" => sid(value),
        _ => None,
    };
    usual.unwrap_or_else(|| match std::str::from_utf8(value) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => STANDARD.encode(value),
    })
}

/// The first three parts are little-endian (MS-DTYP section 2.3.4.2).
fn guid(value: &[u8]) -> Option<String> {
    let [a, b, c, d, e, f, g, h, rest @ ..] = value else {
        return None;
    };
    let ([i, j], last) = rest.split_first_chunk::<2>()?;
    let last: [u8; 6] = last.try_into().ok()?;
    Some(format!(
        "{}-{}-{}-{}-{}",
        hex::encode([d, c, b, a].map(|byte| *byte)),
        hex::encode([*f, *e]),
        hex::encode([*h, *g]),
        hex::encode([*i, *j]),
        hex::encode(last),
    ))
}

/// MS-DTYP sections 2.4.2.1 and 2.4.2.2.
fn sid(value: &[u8]) -> Option<String> {
    let [1, count, rest @ ..] = value else {
        return None;
    };
    let (authority, parts) = rest.split_first_chunk::<6>()?;
    let [high, low, a, b, c, d] = *authority;
    let authority = u64::from_be_bytes([0, 0, high, low, a, b, c, d]);
    let (parts, left) = parts.as_chunks::<4>();
    if !left.is_empty() || parts.len() != usize::from(*count) {
        return None;
    }
    let parts = parts
        .iter()
        .map(|part| u32::from_le_bytes(*part).to_string());
    let parts: Vec<String> = parts.collect();
    Some(format!("S-1-{authority}-{}", parts.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_their_usual_spelling() {
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(
            spelled("objectGUID", &bytes),
            "03020100-0504-0706-0809-0a0b0c0d0e0f"
        );
        let administrator = [
            1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xf4, 1, 0, 0,
        ];
        assert_eq!(spelled("objectSid", &administrator), "S-1-5-21-1-2-3-500");
        for broken in [[].as_slice(), &[1, 5, 0], &[2; 28], &[7; 15]] {
            assert_eq!(spelled("objectSid", broken), STANDARD.encode(broken));
        }
        assert_eq!(spelled("objectGUID", &[7; 15]), STANDARD.encode([7; 15]));
    }

    #[test]
    fn what_is_no_text_is_in_base64_and_what_was_not_asked_for_is_left_out() {
        let found = Attributes::from([
            ("cn".to_owned(), vec!["J\u{f6}rg".into(), vec![0xff]]),
            ("title".to_owned(), vec![b"a\0b".to_vec()]),
            ("userpassword".to_owned(), vec![b"canary".to_vec()]),
        ]);
        let entry = DirectoryEntry::new("cn=a".to_owned(), &found);
        assert_eq!(entry.attributes["cn"], ["J\u{f6}rg", "/w=="]);
        assert_eq!(entry.attributes["title"], ["YQBi"]);
        assert_eq!(entry.attributes.len(), 2);
    }
}
