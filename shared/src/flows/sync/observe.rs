//! What a page's JSON says of records.

use std::collections::HashSet;

use serde_json::Value;

use super::settings::EntitySettings;
use crate::domain::sync::{ChangeOrigin, Mapping, MappingError, Observation, SourceVersion};
use crate::domain::{ExpressionError, Timestamp};

/// The longest id of a record, in bytes.
const MAX_ID_BYTES: usize = 1_024;
/// The largest content of a record, as JSON, in bytes: with what both sides last agreed on it has to
/// fit into one item of the table.
const MAX_CONTENT_BYTES: usize = 128 * 1024;
/// How deep the fields of a record may be nested.
const MAX_DEPTH: u8 = 64;

/// What a page says.
#[derive(Debug, Default)]
pub struct Observed {
    /// Its records, each once: what stands last of one counts.
    pub records: Vec<Observation>,
    /// The records that cannot be taken.
    pub bad: Vec<BadRecord>,
    /// The newest version that any of them has.
    pub newest: Option<SourceVersion>,
}

/// A record that cannot be taken.
#[derive(Debug)]
pub struct BadRecord {
    /// Its place on the page, counted from 0.
    pub place: u32,
    /// Why.
    pub error: RecordError,
}

/// Why a record cannot be taken. Says nothing of what it holds.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Its id is missing, or is none.
    #[error("its id is neither a text of 1 to {MAX_ID_BYTES} bytes nor a number")]
    Id,
    /// Where its id, its version or its deletion are found fails on it.
    #[error("`{0}` fails: {1}")]
    Expression(&'static str, #[source] ExpressionError),
    /// Its fields cannot be mapped.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// It is too large.
    #[error("it is larger than {MAX_CONTENT_BYTES} bytes")]
    TooLarge,
    /// It is nested too deeply.
    #[error("it is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// Reads the records of a page that was called for at `called_at`.
#[must_use]
pub fn observe(
    items: &[Value],
    settings: &EntitySettings,
    called_at: Timestamp,
    origin: ChangeOrigin,
) -> Observed {
    let mapping = settings.rules.mapper();
    let mut observed = Observed::default();
    for (place, item) in items.iter().enumerate() {
        match record(item, settings, &mapping, (called_at, origin)) {
            Ok(record) => {
                let version = record.source_version.clone();
                observed.newest = newer(observed.newest.take(), version);
                observed.records.push(record);
            }
            Err(error) => observed.bad.push(BadRecord {
                place: u32::try_from(place).unwrap_or(u32::MAX),
                error,
            }),
        }
    }
    let mut known = HashSet::new();
    observed.records.reverse();
    observed
        .records
        .retain(|record| known.insert(record.id.clone()));
    observed.records.reverse();
    observed
}

/// The newer of two versions; the first, if they cannot be compared.
pub(super) fn newer(
    one: Option<SourceVersion>,
    other: Option<SourceVersion>,
) -> Option<SourceVersion> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let is_newer = other.compare(&one) == Some(std::cmp::Ordering::Greater);
            Some(if is_newer { other } else { one })
        }
        (one, other) => one.or(other),
    }
}

fn record(
    item: &Value,
    settings: &EntitySettings,
    mapping: &Mapping<'_>,
    (at, origin): (Timestamp, ChangeOrigin),
) -> Result<Observation, RecordError> {
    let source = &settings.source;
    let id = id_of(item, settings)?;
    let version = match &source.cursor_field {
        Some(field) => field
            .evaluate(item)
            .map_err(|error| RecordError::Expression("cursorField", error))?,
        None => Value::Null,
    };
    let version = SourceVersion::of(&version);
    let deleted = match &source.deleted {
        Some(deleted) => deleted
            .matches(item)
            .map_err(|error| RecordError::Expression("deleted", error))?,
        None => false,
    };
    if deleted {
        return Ok(Observation::deleted(id, version, at, origin));
    }
    let content = mapping.read(item)?;
    if content.values().any(|value| is_deeper(value, MAX_DEPTH)) {
        return Err(RecordError::TooDeep);
    }
    let bytes = serde_json::to_vec(&content).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_CONTENT_BYTES {
        return Err(RecordError::TooLarge);
    }
    Ok(Observation::present(id, content, version, at, origin))
}

/// The id of a record of which nothing else may be there.
pub(super) fn id_of(item: &Value, settings: &EntitySettings) -> Result<String, RecordError> {
    let found = settings.source.id.evaluate(item);
    id(&found.map_err(|error| RecordError::Expression("id", error))?)
}

fn id(found: &Value) -> Result<String, RecordError> {
    let id = match found {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(RecordError::Id),
    };
    let fits = (1..=MAX_ID_BYTES).contains(&id.len());
    fits.then_some(id).ok_or(RecordError::Id)
}

fn is_deeper(value: &Value, than: u8) -> bool {
    let Some(than) = than.checked_sub(1) else {
        return value.is_array() || value.is_object();
    };
    match value {
        Value::Array(elements) => elements.iter().any(|element| is_deeper(element, than)),
        Value::Object(members) => members.values().any(|member| is_deeper(member, than)),
        _ => false,
    }
}
