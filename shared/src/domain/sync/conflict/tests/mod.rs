mod merging;
mod model;
mod paths;
mod policies;
mod properties;
mod rules;
mod settling;
mod situations;
mod table;

use serde_json::{Value, json};

use super::*;

fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is no record"),
    }
}

/// A record, or `null` for none.
fn record(value: Value) -> Option<Fields> {
    (!value.is_null()).then(|| fields(value))
}

fn at(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second)
}

/// What becomes of three records, each `null` if it is not there; who was later is not known.
fn resolved(policy: &ConflictPolicy, base: Value, source: Value, destination: Value) -> Resolution {
    let [base, source, destination] = [base, source, destination].map(record);
    let side = |fields| Side {
        fields,
        changed_at: None,
    };
    resolve(
        base.as_ref(),
        side(source.as_ref()),
        side(destination.as_ref()),
        policy,
    )
}

/// What becomes of a field in conflict, whose values are these, if it is merged: the value, or why
/// it is not.
fn merged(base: Value, source: Value, destination: Value) -> Result<Value, FlagReason> {
    let policy = ConflictPolicy::of(Strategy::Merge);
    let [base, source, destination] = [base, source, destination].map(|value| json!({"f": value}));
    let resolution = resolved(&policy, base, source, destination);
    match resolution.conflicts.first() {
        Some(conflict) => Err(conflict.reason),
        None => Ok(resolution.content.unwrap()["f"].clone()),
    }
}

fn policy(value: Value) -> ConflictPolicy {
    serde_json::from_value(value).unwrap()
}

const STRATEGIES: [Strategy; 4] = [
    Strategy::SourceWins,
    Strategy::DestinationWins,
    Strategy::Merge,
    Strategy::Manual,
];
