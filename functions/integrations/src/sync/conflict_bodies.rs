//! What comes in and goes out of conflicts.

use std::collections::BTreeMap;

use gatehouse::domain::sync::conflict::{Choice, ConflictRule, FieldConflict, FieldPath};
use gatehouse::domain::sync::{ConflictSides, ConflictStatus, EntityName, RecordConflict};
use gatehouse::domain::{ConflictId, Error, FieldError, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A conflict: fields of one record that both sides have changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "cfl_01K72Z5QSW0123456789ABCDEF", "entity": "contacts", "recordId": "0035g00000XyZ",
    "status": "open", "openedAt": "2026-01-31T09:30:09.120Z",
    "fields": [{"field": "phone", "base": "+1 555 0100", "source": "+1 555 0101",
        "destination": "+1 555 0102", "reason": "strategy"}]
}))]
pub(crate) struct ConflictView {
    pub(crate) id: ConflictId,
    pub(crate) entity: EntityName,
    pub(crate) record_id: String,
    pub(crate) status: ConflictStatus,
    pub(crate) opened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolved_at: Option<Timestamp>,
    /// Who settled it: the caller's subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolved_by: Option<String>,
    /// Each field with its base and both sides: `source` is the provider's, `destination` ours.
    pub(crate) fields: Vec<FieldConflict>,
}

impl ConflictView {
    pub(crate) fn of(conflict: RecordConflict, sides: ConflictSides) -> Self {
        Self {
            id: conflict.id,
            entity: conflict.entity,
            record_id: sides.id,
            status: conflict.status,
            opened_at: conflict.opened_at,
            resolved_at: conflict.resolved_at,
            resolved_by: conflict.resolved_by,
            fields: sides.fields,
        }
    }
}

/// Which conflicts are listed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConflictQuery {
    pub(crate) entity: Option<EntityName>,
    pub(crate) status: Option<ConflictStatus>,
    pub(crate) limit: Option<u16>,
    pub(crate) cursor: Option<String>,
}

/// What becomes of a conflict.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "fields": [{"field": "phone", "side": "source"}, {"field": "title", "value": "Dr."}],
    "rule": {"field": "phone", "action": "overwrite"}
}))]
pub(crate) struct ConflictDecision {
    /// What is decided, by field. Fields that are left out stay open.
    #[schema(min_items = 1)]
    pub(crate) fields: Vec<FieldDecision>,
    /// What is done with such conflicts from now on. It is added to the integration's `syncConfig`
    /// before all other rules, which needs the right to change the integration.
    pub(crate) rule: Option<ConflictRule>,
}

/// What becomes of a field: it is one side's, or has another value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FieldDecision {
    /// Which, as the conflict has it.
    pub(crate) field: FieldPath,
    pub(crate) side: Option<DecidedSide>,
    /// Instead of `side`. `null` is a value.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Value>)]
    pub(crate) value: Option<Value>,
}

/// Which side is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecidedSide {
    /// The provider: the field is what it has there.
    Source,
    /// We: the field stays as it is here, and the provider is told.
    Destination,
}

/// Reads a value that is there, though it may be `null`.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl ConflictDecision {
    /// The choices, by field.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], if there are none, or one is not one choice.
    pub(crate) fn choices(&self) -> Result<BTreeMap<FieldPath, Choice>, Error> {
        let mut errors = Vec::new();
        if self.fields.is_empty() {
            errors.push(FieldError::new("/fields", "expected at least one field"));
        }
        let mut choices = BTreeMap::new();
        for (index, decision) in self.fields.iter().enumerate() {
            let pointer = format!("/fields/{index}");
            let choice = match (decision.side, &decision.value) {
                (Some(DecidedSide::Source), None) => Choice::Source {},
                (Some(DecidedSide::Destination), None) => Choice::Destination {},
                (None, Some(value)) => Choice::Value {
                    value: value.clone(),
                },
                (Some(_), Some(_)) | (None, None) => {
                    errors.push(FieldError::new(
                        pointer,
                        "expected either `side` or `value`",
                    ));
                    continue;
                }
            };
            if choices.insert(decision.field.clone(), choice).is_some() {
                let message = "is decided on more than once";
                errors.push(FieldError::new(format!("{pointer}/field"), message));
            }
        }
        if errors.is_empty() {
            Ok(choices)
        } else {
            Err(Error::Invalid(errors))
        }
    }

    /// Where the decision on `field` stands.
    pub(crate) fn pointer(&self, field: &FieldPath) -> String {
        let place = self.fields.iter().position(|one| one.field == *field);
        place.map_or_else(|| "/fields".to_owned(), |place| format!("/fields/{place}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(fields: Value) -> ConflictDecision {
        serde_json::from_value(json!({"fields": fields})).unwrap()
    }

    #[test]
    fn a_decision_is_a_side_or_a_value_and_null_is_one() {
        let decision = read(json!([
            {"field": "a", "side": "source"},
            {"field": "b.c", "side": "destination"},
            {"field": "d", "value": null},
        ]));
        let choices = decision.choices().unwrap();
        let of = |field: &str| choices[&field.parse().unwrap()].clone();
        assert_eq!(of("a"), Choice::Source {});
        assert_eq!(of("b.c"), Choice::Destination {});
        assert_eq!(of("d"), Choice::Value { value: Value::Null });
    }

    #[test]
    fn what_is_no_decision_is_named() {
        for (fields, pointer) in [
            (json!([]), "/fields"),
            (json!([{"field": "a"}]), "/fields/0"),
            (
                json!([{"field": "b", "value": 1}, {"field": "a", "side": "source", "value": 1}]),
                "/fields/1",
            ),
            (
                json!([{"field": "a", "value": 1}, {"field": "a", "side": "source"}]),
                "/fields/1/field",
            ),
        ] {
            match read(fields).choices() {
                Err(Error::Invalid(errors)) => assert_eq!(errors[0].pointer, pointer),
                other => panic!("{other:?}"),
            }
        }
    }
}
