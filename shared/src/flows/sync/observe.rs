//! What a page's JSON says of records.

use std::collections::HashSet;

use serde_json::Value;

use super::settings::EntitySettings;
use crate::domain::sync::{
    ChangeOrigin, ContentError, Mapping, MappingError, Observation, SourceVersion, check_content,
};
use crate::domain::{ExpressionError, Timestamp};

/// The longest id of a record, in bytes.
const MAX_ID_BYTES: usize = 1_024;

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
    /// It holds more than a record may.
    #[error(transparent)]
    Content(#[from] ContentError),
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
    check_content(&content)?;
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
