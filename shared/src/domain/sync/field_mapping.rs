use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::Expression;

/// Where one of our fields comes from. Read from `from` alone, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct FieldMapping {
    /// What of the provider's record it is.
    pub from: Expression,
    /// What it is turned into.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub field_type: Option<FieldType>,
    /// What it is where the provider has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// The provider's name of the field in writes; the field cannot be written, if not given and
    /// `from` is more than a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl From<Expression> for FieldMapping {
    fn from(from: Expression) -> Self {
        Self {
            from,
            field_type: None,
            default: None,
            to: None,
        }
    }
}

impl Serialize for FieldMapping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for FieldMapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = FieldMapping;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an expression, or an object")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FieldMapping, E> {
                let from: Expression = text.parse().map_err(E::custom)?;
                Ok(FieldMapping::from(from))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldMapping, A::Error> {
                FieldMapping::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// How a field's mapping is written.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes a form, and holds nothing")]
pub(super) enum MappingForm {
    /// `from` alone.
    Expression(Expression),
    /// All of it.
    Mapping(FieldMapping),
}

/// The kind of value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// A text.
    String,
    /// A number without a fraction.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An instant of RFC 3339, in UTC.
    Timestamp,
    /// A list.
    Array,
    /// An object.
    Object,
    /// Nothing: all values seen were `null`. No field can be made that.
    Null,
    /// Values of several types were seen. No field can be made that.
    Mixed,
}
