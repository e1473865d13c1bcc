//! The stored shape of an item: its key, what is the same for all, and `data`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use super::keys::{ItemKey, SK};
use crate::domain::Timestamp;

pub(super) const VERSION: &str = "version";
pub(super) const DATA: &str = "data";
pub(super) const EXPIRES_AT: &str = "expires_at";
const ITEM_TYPE: &str = "item_type";
const SCHEMA_VERSION: &str = "schema_version";

pub(super) type Item = HashMap<String, AttributeValue>;

/// Something stored, with the version that an update has to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<T> {
    /// What is stored.
    pub item: T,
    /// Counted from 1.
    pub version: u64,
}

/// An item of `version` that holds `data`.
pub(super) fn item<T: Serialize>(
    key: ItemKey<'_>,
    data: &T,
    version: u64,
    expires_at: Option<Timestamp>,
) -> Result<Item, StoreError> {
    let mut item = key.attributes();
    item.insert(
        ITEM_TYPE.to_owned(),
        AttributeValue::S(item_type(key).to_owned()),
    );
    item.insert(SCHEMA_VERSION.to_owned(), number(1));
    item.insert(VERSION.to_owned(), number(version));
    item.insert(DATA.to_owned(), value(data)?);
    if let Some(expires_at) = expires_at {
        item.insert(EXPIRES_AT.to_owned(), seconds(expires_at));
    }
    Ok(item)
}

/// What an item holds, if it is of the kind of `key`.
pub(super) fn read<T: DeserializeOwned>(
    key: ItemKey<'_>,
    item: Item,
) -> Result<Versioned<T>, StoreError> {
    read_as(item_type(key), item)
}

/// What an item of a query holds.
pub(super) fn read_as<T: DeserializeOwned>(
    expected: &'static str,
    mut item: Item,
) -> Result<Versioned<T>, StoreError> {
    let key = match item.get(SK) {
        Some(AttributeValue::S(sk)) => sk.clone(),
        _ => String::new(),
    };
    let corrupt = |field: &str| StoreError::Corrupt {
        key: key.clone(),
        field: field.to_owned(),
    };
    match item.get(ITEM_TYPE) {
        Some(AttributeValue::S(found)) if found == expected => {}
        _ => return Err(corrupt(ITEM_TYPE)),
    }
    let version = match item.get(VERSION) {
        Some(AttributeValue::N(version)) => version.parse().map_err(|_| corrupt(VERSION))?,
        _ => return Err(corrupt(VERSION)),
    };
    let data = item.remove(DATA).ok_or_else(|| corrupt(DATA))?;
    let item = serde_dynamo::from_attribute_value(data)
        .map_err(|error| corrupt(&format!("{DATA}: {error}")))?;
    Ok(Versioned { item, version })
}

/// Whether DynamoDB may delete the item at any time: it reads as absent from that second on.
pub(super) fn is_expired(item: &Item, now: Timestamp) -> bool {
    match item.get(EXPIRES_AT) {
        Some(AttributeValue::N(end)) => end.parse().is_ok_and(|end: i64| end <= now.as_second()),
        _ => false,
    }
}

/// The `item_type` of what `key` names.
pub(super) fn item_type(key: ItemKey<'_>) -> &'static str {
    match key {
        ItemKey::Integration(..) => "integration",
        ItemKey::Endpoint(..) => "endpoint",
        ItemKey::EndpointPath(..) => "endpoint_path",
        ItemKey::Destination(..) => "destination",
        ItemKey::EventClaim(..) => "event_claim",
        ItemKey::Event(..) => "event",
        ItemKey::EventPart(..) => "event_part",
        ItemKey::Attempt(..) => "attempt",
        ItemKey::DataKey(..) => "data_key",
        ItemKey::Idempotency(..) => "idempotency",
    }
}

pub(super) fn value<T: Serialize>(data: &T) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(data).map_err(|error| StoreError::Refused(error.into()))
}

pub(super) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn seconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_second().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::OrganizationId;

    fn key() -> ItemKey<'static> {
        let organization: OrganizationId = "org_01K72Z5QSW0123456789ABCDEF".parse().unwrap();
        ItemKey::DataKey(organization, 1)
    }

    #[test]
    fn an_item_reads_back_as_it_was_written() {
        let written = item(key(), &vec!["a"], 3, None).unwrap();
        let read: Versioned<Vec<String>> = read(key(), written).unwrap();
        assert_eq!(
            read,
            Versioned {
                item: vec!["a".to_owned()],
                version: 3
            }
        );
    }

    #[test]
    fn a_corrupt_item_is_named_with_the_field() {
        let whole = item(key(), &vec!["a"], 3, None).unwrap();
        for (field, broken) in [
            (ITEM_TYPE, Some(AttributeValue::S("event".to_owned()))),
            (VERSION, Some(AttributeValue::N("many".to_owned()))),
            (VERSION, None),
            (DATA, Some(AttributeValue::Bool(true))),
            (DATA, None),
        ] {
            let mut item = whole.clone();
            match broken {
                Some(value) => item.insert(field.to_owned(), value),
                None => item.remove(field),
            };
            let error = read::<Vec<String>>(key(), item).unwrap_err();
            let StoreError::Corrupt { key, field: named } = error else {
                panic!("{error}")
            };
            assert_eq!(key, "DATA_KEY#00001");
            assert!(named.starts_with(field), "{named}");
        }
    }

    #[test]
    fn an_item_is_expired_from_its_second_on() {
        let end = Timestamp::from_second(1_760_000_000).unwrap();
        let item = item(key(), &1, 1, Some(end)).unwrap();
        assert!(is_expired(&item, end));
        assert!(!is_expired(
            &item,
            Timestamp::from_second(1_759_999_999).unwrap()
        ));
    }
}
