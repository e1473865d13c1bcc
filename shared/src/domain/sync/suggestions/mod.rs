//! Proposals of a mapping: which of the provider's fields may be which of ours. Nothing applies
//! them but a person.
//!
//! A pair of fields has a score from 0 to 1: seven tenths for how alike their names are, three for
//! whether the samples look like what the name or type wants. The best pairs come first, each field
//! is in one of them at most, and what is below [`MIN_SCORE`] is not proposed. The same input has the
//! same proposals.

mod concepts;
mod names;
mod samples;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{FieldMapping, FieldType};
use crate::domain::Expression;

use names::Name;
use samples::{Evidence, Look};

/// A pair with a lower score is not proposed.
pub const MIN_SCORE: f64 = 0.5;
/// So many of the provider's fields are looked at.
const MAX_SOURCES: usize = 500;
/// So many of our fields are looked at.
const MAX_WANTED: usize = 200;
/// So many samples of a field are looked at.
const MAX_SAMPLES: usize = 20;
/// So deep are fields looked for in objects.
const MAX_DEPTH: usize = 4;

/// A field of the provider's records, and some of what it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceField {
    /// The names that lead there; a number stands for the element of a list.
    path: Vec<String>,
    samples: Vec<Value>,
}

/// One of our fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WantedField {
    /// Its name.
    pub name: String,
    /// What it has to be, if that matters.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub field_type: Option<FieldType>,
}

/// A proposal of where one of our fields comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// Our field.
    pub field: String,
    /// How it can be mapped.
    pub mapping: FieldMapping,
    /// How sure that is, from 0.5 to 1, in hundredths.
    pub score: f64,
}

/// The fields that `records` have, as the provider sent them: the members of objects, however nested,
/// and those of the first element of each list of objects.
#[must_use]
pub fn source_fields(records: &[Value]) -> Vec<SourceField> {
    let mut fields = Vec::new();
    for record in records.iter().take(MAX_SAMPLES) {
        gather(record, &mut Vec::new(), &mut fields);
    }
    fields
}

/// Proposes where the fields that are `wanted` come from, best first.
#[must_use]
pub fn suggest(sources: &[SourceField], wanted: &[WantedField]) -> Vec<Suggestion> {
    let mut pairs = scored(sources, wanted);
    // By score, then by what is written the same way everywhere.
    pairs.sort_by(|one, other| {
        let score = other.score.cmp(&one.score);
        score
            .then_with(|| one.wanted.name.cmp(&other.wanted.name))
            .then_with(|| one.source.path.len().cmp(&other.source.path.len()))
            .then_with(|| one.source.path.cmp(&other.source.path))
    });
    let (mut taken, mut given) = (BTreeSet::new(), BTreeSet::new());
    let mut suggestions = Vec::new();
    for pair in pairs {
        if taken.contains(&pair.source.path) || given.contains(&pair.wanted.name) {
            continue;
        }
        if let Some(suggestion) = pair.suggestion() {
            taken.insert(&pair.source.path);
            given.insert(&pair.wanted.name);
            suggestions.push(suggestion);
        }
    }
    suggestions
}

/// A pair that is worth a proposal.
struct Pair<'a> {
    source: &'a SourceField,
    wanted: &'a WantedField,
    /// In hundredths, which compare for certain.
    score: u8,
}

impl Pair<'_> {
    fn suggestion(&self) -> Option<Suggestion> {
        let from: Expression = self.source.expression().parse().ok()?;
        let field_type = self.wanted.field_type;
        Some(Suggestion {
            field: self.wanted.name.clone(),
            mapping: FieldMapping {
                field_type,
                ..FieldMapping::from(from)
            },
            score: f64::from(self.score) / 100.0,
        })
    }
}

fn scored<'a>(sources: &'a [SourceField], wanted: &'a [WantedField]) -> Vec<Pair<'a>> {
    let sources = sources.iter().take(MAX_SOURCES);
    let sources: Vec<_> = sources
        .map(|source| {
            (
                source,
                Name::of_path(&source.path),
                Look::of(&source.samples),
            )
        })
        .collect();
    let mut pairs = Vec::new();
    for wanted in wanted.iter().take(MAX_WANTED) {
        let name = Name::of(&wanted.name);
        for (source, source_name, look) in &sources {
            let evidence = look.evidence(&name, wanted.field_type, &source.samples);
            let score = score(name.likeness(source_name), evidence);
            if score >= hundredths(MIN_SCORE) {
                pairs.push(Pair {
                    source,
                    wanted,
                    score,
                });
            }
        }
    }
    pairs
}

fn score(likeness: f64, evidence: Evidence) -> u8 {
    let score = match evidence {
        Evidence::For => 0.7 * likeness + 0.3,
        // What hardly anything else looks like: an address, whatever the field is called.
        Evidence::Distinct => (0.7 * likeness + 0.3).max(0.55),
        Evidence::None => 0.7 * likeness + 0.15,
        Evidence::Against => 0.35 * likeness,
    };
    hundredths(score)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped to what fits"
)]
fn hundredths(score: f64) -> u8 {
    (score.clamp(0.0, 1.0) * 100.0).round() as u8
}

impl SourceField {
    /// A member of the record, with samples of what it holds.
    #[must_use]
    pub fn new(name: &str, samples: Vec<Value>) -> Self {
        Self {
            path: vec![name.to_owned()],
            samples,
        }
    }

    /// What leads there, in JMESPath.
    fn expression(&self) -> String {
        let mut text = String::new();
        for name in &self.path {
            if name == ELEMENT {
                text.push_str("[0]");
                continue;
            }
            if !text.is_empty() {
                text.push('.');
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
                text.push_str(name);
            } else {
                text.push_str(&Value::from(name.as_str()).to_string());
            }
        }
        text
    }
}

/// Stands in a path for the first element of a list. No member that is looked at has this name.
const ELEMENT: &str = "\0first";

fn gather(value: &Value, path: &mut Vec<String>, fields: &mut Vec<SourceField>) {
    match value {
        Value::Object(members) if path.len() < MAX_DEPTH => {
            for (name, member) in members {
                if !name.is_empty() && !name.chars().any(char::is_control) {
                    path.push(name.clone());
                    gather(member, path, fields);
                    path.pop();
                }
            }
        }
        Value::Array(elements) if path.len() < MAX_DEPTH => match elements.first() {
            Some(first @ Value::Object(_)) => {
                path.push(ELEMENT.to_owned());
                gather(first, path, fields);
                path.pop();
            }
            _ => sample(value, path, fields),
        },
        _ => sample(value, path, fields),
    }
}

fn sample(value: &Value, path: &[String], fields: &mut Vec<SourceField>) {
    if path.is_empty() {
        return;
    }
    let has_room = fields.len() < MAX_SOURCES;
    match fields.iter_mut().find(|field| field.path == path) {
        Some(field) => field.samples.push(value.clone()),
        None if has_room => fields.push(SourceField {
            path: path.to_vec(),
            samples: vec![value.clone()],
        }),
        None => {}
    }
}
