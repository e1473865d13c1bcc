//! Scalars, by brute force, against what the documentation says in other words.

use super::*;

/// What becomes of a field or a record, by its three states: `None` if it is not there.
#[derive(Debug, PartialEq)]
enum Expected {
    Is(Option<u8>),
    Open,
}

/// The model: a change is a value that is not the base's. It knows nothing of how it is found.
fn expected(
    base: Option<u8>,
    sides: [Option<u8>; 2],
    strategy: Strategy,
    merged: Expected,
) -> Expected {
    let changes: Vec<Option<u8>> = sides.into_iter().filter(|side| *side != base).collect();
    match changes.as_slice() {
        [] => Expected::Is(base),
        [change] => Expected::Is(*change),
        [one, other] if one == other => Expected::Is(*one),
        _ => match strategy {
            Strategy::SourceWins => Expected::Is(sides[0]),
            Strategy::DestinationWins => Expected::Is(sides[1]),
            Strategy::Merge => merged,
            Strategy::Manual => Expected::Open,
        },
    }
}

const STATES: [Option<u8>; 4] = [None, Some(1), Some(2), Some(3)];
const TIMES: [Option<i64>; 3] = [None, Some(1), Some(2)];

/// Calls `check` with every base, every pair of sides, all times, and every strategy.
fn for_all(check: impl Fn(Option<u8>, [Option<u8>; 2], [Option<i64>; 2], Strategy)) {
    for base in STATES {
        for sides in pairs(&STATES) {
            for times in pairs(&TIMES) {
                for strategy in STRATEGIES {
                    check(base, sides, times, strategy);
                }
            }
        }
    }
}

fn pairs<T: Copy>(of: &[T]) -> Vec<[T; 2]> {
    let ones = of.iter();
    ones.flat_map(|one| of.iter().map(|other| [*one, *other]))
        .collect()
}

fn run(records: [Option<Fields>; 3], times: [Option<i64>; 2], strategy: Strategy) -> Resolution {
    let [base, source, destination] = records.each_ref().map(Option::as_ref);
    let [source_at, destination_at] = times.map(|time| time.and_then(at));
    let side = |fields, changed_at| Side { fields, changed_at };
    let policy = ConflictPolicy::of(strategy);
    resolve(
        base,
        side(source, source_at),
        side(destination, destination_at),
        &policy,
    )
}

#[test]
fn every_field_of_scalars_is_what_the_model_says() {
    for_all(|base, sides, times, strategy| {
        let field = |value: Option<u8>| match value {
            Some(value) => Some(fields(json!({"f": value}))),
            None => Some(Fields::new()),
        };
        let records = [base, sides[0], sides[1]].map(field);
        let resolution = run(records, times, strategy);
        let later = match times {
            [Some(source), Some(destination)] if destination > source => sides[1],
            _ => sides[0],
        };
        let found = match resolution.conflicts.as_slice() {
            [] => {
                let content = resolution.content.unwrap();
                Expected::Is(
                    content
                        .get("f")
                        .map(|value| serde_json::from_value(value.clone()).unwrap()),
                )
            }
            _ => Expected::Open,
        };
        let expected = expected(base, sides, strategy, Expected::Is(later));
        assert_eq!(found, expected, "{base:?} {sides:?} {times:?} {strategy:?}");
    });
}

#[test]
fn every_record_that_is_there_or_not_is_what_the_model_says() {
    for_all(|base, sides, times, strategy| {
        if sides.iter().all(Option::is_some) {
            return;
        }
        let records =
            [base, sides[0], sides[1]].map(|value| value.map(|value| fields(json!({"f": value}))));
        let resolution = run(records, times, strategy);
        let found = match resolution.conflicts.as_slice() {
            [] => Expected::Is(
                resolution
                    .content
                    .map(|content| serde_json::from_value(content["f"].clone()).unwrap()),
            ),
            _ => Expected::Open,
        };
        let expected = expected(base, sides, strategy, Expected::Open);
        assert_eq!(found, expected, "{base:?} {sides:?} {times:?} {strategy:?}");
    });
}
