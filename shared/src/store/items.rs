//! The stored shape of an item: its key, `item_type`, `schema_version`, `version`, `expires_at`
//! and, as `data`, the domain type itself.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::{from_attribute_value, to_attribute_value};

use crate::domain::Timestamp;

use super::error::StoreError;
use super::keys::ItemKey;

/// Attributes by name.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

pub(crate) const ITEM_TYPE: &str = "item_type";
pub(crate) const SCHEMA_VERSION: &str = "schema_version";
pub(crate) const VERSION: &str = "version";
pub(crate) const EXPIRES_AT: &str = "expires_at";
pub(crate) const DATA: &str = "data";

/// What this code writes. A reader refuses what is newer, and owns the conversion of what is older.
const CURRENT_SCHEMA: u64 = 1;

/// An item as it was read, with what a conditional update of it demands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The item.
    pub item: T,
    /// Counted from 1; each update adds 1. 0, where there is no item.
    pub version: u64,
}

impl<T> Versioned<T> {
    /// The item in this version.
    #[must_use]
    pub fn new(item: T, version: u64) -> Self {
        Self { item, version }
    }
}

/// An item with all that is stored of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored<T> {
    pub(crate) version: u64,
    /// When it stops existing. DynamoDB deletes some time after that, so readers check it too.
    pub(crate) expires_at: Option<i64>,
    pub(crate) data: T,
}

impl<T> Stored<T> {
    /// An item in its first version that never expires.
    pub(crate) fn first(data: T) -> Self {
        Self {
            version: 1,
            expires_at: None,
            data,
        }
    }

    /// The same, expiring at `instant`.
    pub(crate) fn until(self, instant: Timestamp) -> Self {
        Self {
            expires_at: Some(instant.as_second()),
            ..self
        }
    }

    /// Whether it still exists at `now`.
    pub(crate) fn is_alive(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now.as_second() < end)
    }

    /// The item as callers see it.
    pub(crate) fn into_versioned(self) -> Versioned<T> {
        Versioned {
            item: self.data,
            version: self.version,
        }
    }
}

/// A number as an attribute.
pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A text as an attribute.
pub(crate) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// The serde form of `value`, as it stands in `data`.
pub(crate) fn encode<T: Serialize>(key: ItemKey, value: &T) -> Result<AttributeValue, StoreError> {
    to_attribute_value(value).map_err(|_| StoreError::corrupt(key, DATA))
}

/// All attributes of an item.
pub(crate) fn write<T: Serialize>(
    key: ItemKey,
    stored: &Stored<T>,
) -> Result<Attributes, StoreError> {
    let mut attributes = key.attributes();
    attributes.insert(ITEM_TYPE.to_owned(), text(key.item_type()));
    attributes.insert(SCHEMA_VERSION.to_owned(), number(CURRENT_SCHEMA));
    attributes.insert(VERSION.to_owned(), number(stored.version));
    if let Some(end) = stored.expires_at {
        attributes.insert(EXPIRES_AT.to_owned(), number(end));
    }
    attributes.insert(DATA.to_owned(), encode(key, &stored.data)?);
    Ok(attributes)
}

/// Reads what [`write`] wrote, and trusts none of it.
pub(crate) fn read<T: DeserializeOwned>(
    key: ItemKey,
    mut attributes: Attributes,
) -> Result<Stored<T>, StoreError> {
    let corrupt = |field| StoreError::corrupt(key, field);
    match attributes.get(ITEM_TYPE) {
        Some(AttributeValue::S(found)) if found == key.item_type() => {}
        _ => return Err(corrupt(ITEM_TYPE)),
    }
    match integer::<u64>(&attributes, SCHEMA_VERSION) {
        Some(CURRENT_SCHEMA) => {}
        _ => return Err(corrupt(SCHEMA_VERSION)),
    }
    let version = integer(&attributes, VERSION).ok_or_else(|| corrupt(VERSION))?;
    let expires_at = match attributes.get(EXPIRES_AT) {
        None => None,
        Some(_) => Some(integer(&attributes, EXPIRES_AT).ok_or_else(|| corrupt(EXPIRES_AT))?),
    };
    let data = attributes.remove(DATA).ok_or_else(|| corrupt(DATA))?;
    let data = from_attribute_value(data).map_err(|_| corrupt(DATA))?;
    Ok(Stored {
        version,
        expires_at,
        data,
    })
}

fn integer<T: std::str::FromStr>(attributes: &Attributes, name: &str) -> Option<T> {
    match attributes.get(name) {
        Some(AttributeValue::N(digits)) => digits.parse().ok(),
        _ => None,
    }
}
