//! The tables of `docs/conflicts.md`: what they say is asked of the code.

use std::fs;
use std::path::Path;

use super::*;
use crate::domain::sync::conflict::{condition, elements, lines, merge, policy as policies};

const END: &str = "<!-- The end of what is written. -->\n";

fn start(table: &str) -> String {
    format!("<!-- {table}, written from shared/src/domain/sync/conflict: change that. -->\n")
}

#[test]
fn the_tables_of_the_documentation_are_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conflicts.md");
    let page = fs::read_to_string(&path).unwrap();
    let tables = [
        ("Fields", of_fields()),
        ("Records", of_records()),
        ("Merging", of_merging()),
        ("Rules", of_rules()),
        ("Limits", of_limits()),
    ];
    let renewed = tables
        .into_iter()
        .fold(page.clone(), |page, (name, table)| {
            let start = start(name);
            let (before, rest) = page.split_once(&start).unwrap();
            let (_, after) = rest.split_once(END).unwrap();
            format!("{before}{start}\n{table}\n{END}{after}")
        });
    if renewed != page {
        fs::write(&path, renewed).unwrap();
        panic!("docs/conflicts.md was out of date; its tables are written anew");
    }
}

fn row<const N: usize>(cells: [String; N]) -> String {
    format!(
        "| {} |\n",
        cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
    )
}

fn head<const N: usize>(cells: [&str; N]) -> String {
    row(cells.map(str::to_owned)) + "|" + &"---|".repeat(N) + "\n"
}

/// A value as it stands in a table.
fn cell(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "–".to_owned();
    };
    let text = shown(value);
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}

/// JSON with spaces.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(shown).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, member)| format!("\"{name}\": {}", shown(member)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// All that three values can be to each other, `None` for absence. Which values they are does not
/// count, so each new one is the next number.
fn situations() -> Vec<[Option<Value>; 3]> {
    let mut situations = Vec::new();
    let next = |so_far: &[Option<i32>]| so_far.iter().flatten().max().map_or(1, |max| max + 1);
    let choices = |so_far: &[Option<i32>]| {
        let numbers = (1..=next(so_far)).map(Some);
        std::iter::once(None).chain(numbers).collect::<Vec<_>>()
    };
    for base in choices(&[]) {
        for source in choices(&[base]) {
            for destination in choices(&[base, source]) {
                let situation = [base, source, destination];
                if situation != [None; 3] {
                    situations.push(situation.map(|value| value.map(Value::from)));
                }
            }
        }
    }
    situations
}

/// What becomes of the records, with one of the sides changed later.
fn later(policy: &ConflictPolicy, records: &[Option<Fields>; 3], is_source: bool) -> Resolution {
    let [base, source, destination] = records.each_ref().map(Option::as_ref);
    let side = |fields, is_later| Side {
        fields,
        changed_at: at(if is_later { 2 } else { 1 }),
    };
    resolve(
        base,
        side(source, is_source),
        side(destination, !is_source),
        policy,
    )
}

/// What becomes of records, in words; `value` shows one.
fn outcome(
    policy: &ConflictPolicy,
    records: &[Option<Fields>; 3],
    value: fn(Option<&Fields>) -> String,
) -> String {
    let [one, other] = [true, false].map(|is_source| later(policy, records, is_source));
    if one.content != other.content {
        let [one, other] = [one, other].map(|one| value(one.content.as_ref()));
        return format!("the later of {one} and {other}");
    }
    let now = value(one.content.as_ref());
    match (one.conflicts.is_empty(), one.to_source) {
        (false, _) => format!("**a person**; {now} meanwhile"),
        (true, Some(_)) => format!("{now}, sent to the source"),
        (true, None) => now,
    }
}

fn of_fields() -> String {
    let mut table = head([
        "Base",
        "Source",
        "Destination",
        "`source_wins`",
        "`destination_wins`",
        "`merge`",
        "`manual`",
    ]);
    for situation in situations() {
        let field = |value: Option<Value>| {
            let field = value.map(|value| ("f".to_owned(), value));
            Some(field.into_iter().collect::<Fields>())
        };
        let records = situation.clone().map(field);
        let value = |fields: Option<&Fields>| cell(fields.and_then(|fields| fields.get("f")));
        let cells =
            STRATEGIES.map(|strategy| outcome(&ConflictPolicy::of(strategy), &records, value));
        let [base, source, destination] = situation.each_ref().map(|value| cell(value.as_ref()));
        let [source_wins, destination_wins, merge, manual] = cells;
        table += &row([
            base,
            source,
            destination,
            source_wins,
            destination_wins,
            merge,
            manual,
        ]);
    }
    table
}

fn of_records() -> String {
    let mut table = head([
        "Base",
        "Source",
        "Destination",
        "`source_wins`",
        "`destination_wins`",
        "`merge`",
        "`manual`",
    ]);
    let shown = |fields: Option<&Fields>| match fields {
        Some(fields) => format!("record {}", fields["f"]),
        None => "–".to_owned(),
    };
    for situation in situations() {
        let record = |value: Option<Value>| value.map(|value| fields(json!({"f": value})));
        let records = situation.map(record);
        let [base, source, destination] = &records;
        if [source, destination].iter().all(|side| side.is_some()) {
            continue;
        }
        let cells =
            STRATEGIES.map(|strategy| outcome(&ConflictPolicy::of(strategy), &records, shown));
        let [base, source, destination] =
            [base, source, destination].map(|side| shown(side.as_ref()));
        let [source_wins, destination_wins, merge, manual] = cells;
        table += &row([
            base,
            source,
            destination,
            source_wins,
            destination_wins,
            merge,
            manual,
        ]);
    }
    table
}

/// Kinds of values, with an example each: base, source, destination.
const EXAMPLES: [(&str, [&str; 3]); 14] = [
    ("scalars of one type", [r#""new""#, r#""open""#, r#""won""#]),
    ("a scalar and `null`", [r#""new""#, "null", r#""won""#]),
    ("scalars of two types", [r#""new""#, "1", r#""won""#]),
    (
        "sets of scalars",
        [r#"["a", "b"]"#, r#"["a", "c"]"#, r#"["d", "b", "a"]"#],
    ),
    (
        "sets in another order",
        ["[1, 2, 3]", "[3, 2, 1]", "[2, 1, 3]"],
    ),
    ("a list with an element twice", ["[1]", "[1, 1]", "[1, 2]"]),
    (
        "objects with an `id`",
        [
            r#"[{"id": 1, "n": "x", "m": 0}, {"id": 2}]"#,
            r#"[{"id": 1, "n": "y", "m": 0}, {"id": 3}]"#,
            r#"[{"id": 1, "n": "x", "m": 5}, {"id": 2}]"#,
        ],
    ),
    (
        "one removed what the other changed",
        [r#"[{"id": 1, "n": "x"}]"#, "[]", r#"[{"id": 1, "n": "y"}]"#],
    ),
    (
        "objects without an `id`",
        ["[]", r#"[{"n": 1}]"#, r#"[{"n": 2}]"#],
    ),
    (
        "objects",
        [
            r#"{"city": "Biel", "zip": 1}"#,
            r#"{"city": "Bern", "zip": 1}"#,
            r#"{"city": "Biel", "zip": 2}"#,
        ],
    ),
    (
        "a text, lines apart",
        [r#""a\nb\nc""#, r#""A\nb\nc""#, r#""a\nb\nC""#],
    ),
    (
        "a text, the same line",
        [r#""a\nb\nc""#, r#""a\nB\nc""#, r#""a\nX\nc""#],
    ),
    (
        "a text, lines side by side",
        [r#""a\nb""#, r#""A\nb""#, r#""a\nB""#],
    ),
    ("a list and a scalar", ["[1]", "[1, 2]", "3"]),
];

/// Why, as the API says it.
fn reason(conflict: &FieldConflict) -> String {
    let reason = serde_json::to_value(conflict.reason).unwrap();
    format!("**a person**: `{}`", reason.as_str().unwrap())
}

fn of_merging() -> String {
    let mut table = head(["", "Base", "Source", "Destination", "Merged"]);
    let policy = ConflictPolicy::of(Strategy::Merge);
    for (kind, values) in EXAMPLES {
        let values = values.map(|value| serde_json::from_str(value).unwrap());
        let [base, source, destination] = values.each_ref().map(|value| cell(Some(value)));
        let records = values.map(|value| record(json!({"f": value})));
        let [one, other] = [true, false].map(|is_source| later(&policy, &records, is_source));
        let value = |resolution: &Resolution| cell(resolution.content.as_ref().unwrap().get("f"));
        let merged = match one.conflicts.first() {
            Some(conflict) => reason(conflict),
            None if one.content != other.content => {
                format!("the later of {} and {}", value(&one), value(&other))
            }
            None => value(&one),
        };
        table += &row([kind.to_owned(), base, source, destination, merged]);
    }
    table
}

/// Rules, over a strategy of `source_wins`.
fn sets_of_rules() -> Vec<Value> {
    let preserve = json!({"field": "address.city", "action": "preserve"});
    let merge = json!({"field": "address", "action": "merge"});
    let flag = json!({"field": "*", "action": "flag"});
    vec![
        json!([]),
        json!([{"field": "name", "action": "preserve"}]),
        json!([preserve]),
        json!([flag, preserve]),
        json!([preserve, flag]),
        json!([merge]),
        json!([merge, flag]),
        json!([{"field": "*", "condition": "later == 'destination'", "action": "preserve"}]),
        json!([{"field": "name", "condition": "length(source.value) < length(destination.value)", "action": "preserve"}]),
        json!([{"field": "address", "condition": "length(source.value.zip) > `4`", "action": "overwrite"}]),
    ]
}

fn of_rules() -> String {
    let records = [
        json!({"name": "Ann", "address": {"city": "Biel", "zip": 1}}),
        json!({"name": "Anna", "address": {"city": "Bern", "zip": 1}}),
        json!({"name": "Annabel", "address": {"city": "Basel", "zip": 2}}),
    ];
    let records = records.map(record);
    let mut table = head(["Rules", "`name`", "`address`", "For a person"]);
    for rules in sets_of_rules() {
        let policy = policy(json!({"rules": rules}));
        let resolution = later(&policy, &records, false);
        let content = resolution.content.unwrap();
        let open = resolution.conflicts.iter();
        let open = open
            .map(|open| format!("`{}`", open.field))
            .collect::<Vec<_>>()
            .join(", ");
        let rules = rules.as_array().unwrap().iter();
        let rules = rules
            .map(|rule| cell(Some(rule)))
            .collect::<Vec<_>>()
            .join("<br>");
        let [name, address] = ["name", "address"].map(|name| cell(content.get(name)));
        table += &row([rules, name, address, open]);
    }
    table
}

fn of_limits() -> String {
    let limits = [
        (
            "rules of a policy",
            policies::MAX_RULES.to_string(),
            "refused",
        ),
        (
            "a rule's `field`",
            format!("{} bytes", FieldPattern::MAX_LENGTH),
            "refused",
        ),
        (
            "a scalar text",
            format!("{} bytes, one line", merge::MAX_SCALAR_BYTES),
            "merged by lines",
        ),
        (
            "a text that is merged",
            format!(
                "{} KiB, {} lines",
                lines::MAX_BYTES / 1024,
                lines::MAX_LINES
            ),
            "a person",
        ),
        (
            "texts of a record that are merged at once",
            merge::MAX_TEXTS.to_string(),
            "a person",
        ),
        (
            "elements of a list that is merged",
            elements::MAX_ELEMENTS.to_string(),
            "a person",
        ),
        (
            "objects and lists within each other that are merged",
            merge::MAX_DEPTH.to_string(),
            "a person",
        ),
        (
            "what the changes of both sides make of a record",
            format!("{} KiB", crate::domain::sync::MAX_CONTENT_BYTES / 1024),
            "a person, of the record as a whole",
        ),
        (
            "documents that the conditions for one record read",
            format!("{} MiB, all together", condition::BUDGET / 1024 / 1024),
            "a person",
        ),
    ];
    let mut table = head(["What", "At most", "Beyond"]);
    for (what, limit, beyond) in limits {
        table += &row([what.to_owned(), limit, beyond.to_owned()]);
    }
    table
}
