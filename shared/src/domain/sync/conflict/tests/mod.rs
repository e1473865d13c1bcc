mod paths;
mod situations;

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

const STRATEGIES: [Strategy; 4] = [
    Strategy::SourceWins,
    Strategy::DestinationWins,
    Strategy::Merge,
    Strategy::Manual,
];
