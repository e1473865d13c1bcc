//! A provider may name its fields as it likes, and the table takes no attribute without a name: so they
//! are kept as a list.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RecordSchema;
use crate::domain::sync::FieldType;

pub(in crate::domain::sync) fn serialize<S: Serializer>(
    schema: &RecordSchema,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let pairs: Vec<(&String, &FieldType)> = schema.iter().collect();
    pairs.serialize(serializer)
}

pub(in crate::domain::sync) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<RecordSchema, D::Error> {
    let pairs: Vec<(String, FieldType)> = Vec::deserialize(deserializer)?;
    Ok(pairs.into_iter().collect())
}
