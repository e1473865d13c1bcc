use serde_json::json;

use super::*;

fn assert_made(wanted: FieldType, cases: &[(Value, Value)]) {
    for (value, expected) in cases {
        assert_eq!(wanted.convert(value).as_ref(), Some(expected), "{value}");
        let again = wanted.convert(expected);
        assert_eq!(again.as_ref(), Some(expected), "twice: {value}");
    }
}

fn assert_refused(wanted: FieldType, values: &[Value]) {
    for value in values {
        assert_eq!(wanted.convert(value), None, "{value}");
    }
}

#[test]
fn texts() {
    assert_made(
        FieldType::String,
        &[
            (json!(" a "), json!(" a ")),
            (json!(""), json!("")),
            (json!(1.0), json!("1")),
            (json!(-7), json!("-7")),
            (json!(2.5), json!("2.5")),
            (json!(u64::MAX), json!("18446744073709551615")),
            (json!(true), json!("true")),
            (json!(null), json!(null)),
        ],
    );
    assert_refused(FieldType::String, &[json!([]), json!({}), json!(["a"])]);
}

#[test]
fn integers() {
    assert_made(
        FieldType::Integer,
        &[
            (json!("12"), json!(12)),
            (json!(" -12 "), json!(-12)),
            (json!("+12"), json!(12)),
            (json!("007"), json!(7)),
            (json!(3.0), json!(3)),
            (json!(-0.0), json!(0)),
            (json!("18446744073709551615"), json!(u64::MAX)),
            (json!("-9223372036854775808"), json!(i64::MIN)),
            (
                json!(9_007_199_254_740_992.0),
                json!(9_007_199_254_740_992_i64),
            ),
            (json!("  "), json!(null)),
        ],
    );
    assert_refused(
        FieldType::Integer,
        &[
            json!(1.5),
            json!("1.5"),
            json!("1e3"),
            json!("1,000"),
            json!("0x10"),
            json!("18446744073709551616"),
            json!(1e19),
            json!(true),
            json!("a"),
            json!([1]),
        ],
    );
}

#[test]
fn numbers() {
    assert_made(
        FieldType::Number,
        &[
            (json!("12.50"), json!(12.5)),
            (json!(" 1e3 "), json!(1000.0)),
            (json!("12"), json!(12)),
            (json!(7), json!(7)),
            (json!(""), json!(null)),
        ],
    );
    let refused = ["1,5", "inf", "NaN", "0x1", "1e999", "1 2", ".5", "€5"];
    assert_refused(FieldType::Number, &refused.map(Value::from));
    assert_refused(FieldType::Number, &[json!(true), json!([1])]);
}

#[test]
fn booleans() {
    let yes = [
        json!(true),
        json!("TRUE"),
        json!("1"),
        json!(1),
        json!(1.0),
        json!("Yes"),
    ];
    let no = [
        json!(false),
        json!("False"),
        json!("0"),
        json!(0),
        json!("no"),
    ];
    assert_made(FieldType::Boolean, &yes.map(|value| (value, json!(true))));
    assert_made(FieldType::Boolean, &no.map(|value| (value, json!(false))));
    assert_refused(
        FieldType::Boolean,
        &[json!(2), json!("on"), json!("x"), json!([])],
    );
}

#[test]
fn instants() {
    let at = |text: &str| json!(text);
    assert_made(
        FieldType::Timestamp,
        &[
            (
                json!("2026-01-31T09:30:00Z"),
                at("2026-01-31T09:30:00.000Z"),
            ),
            (
                json!("2026-01-31T09:30:00.1239+02:00"),
                at("2026-01-31T07:30:00.123Z"),
            ),
            (
                json!("2026-01-31T09:30:00.000+0000"),
                at("2026-01-31T09:30:00.000Z"),
            ),
            (json!("2026-01-31 09:30:00"), at("2026-01-31T09:30:00.000Z")),
            (json!("2026-01-31"), at("2026-01-31T00:00:00.000Z")),
            (json!("2024-02-29"), at("2024-02-29T00:00:00.000Z")),
            (json!(1_760_000_000), at("2025-10-09T08:53:20.000Z")),
            (json!(1_760_000_000.5), at("2025-10-09T08:53:20.500Z")),
            (json!("1760000000.123999"), at("2025-10-09T08:53:20.123Z")),
            (json!(1_760_000_000_123_i64), at("2025-10-09T08:53:20.123Z")),
            (json!("1760000000123"), at("2025-10-09T08:53:20.123Z")),
            (
                json!(1_760_000_000_123_456_i64),
                at("2025-10-09T08:53:20.123Z"),
            ),
            (
                json!(1_760_000_000_123_456_789_i64),
                at("2025-10-09T08:53:20.123Z"),
            ),
            (json!("20260131"), at("2026-01-31T00:00:00.000Z")),
            (json!(20_260_131), at("2026-01-31T00:00:00.000Z")),
            (json!("20260131093000"), at("2026-01-31T09:30:00.000Z")),
            (json!(-1), at("1969-12-31T23:59:59.000Z")),
            (json!("-0.0005"), at("1969-12-31T23:59:59.999Z")),
            (json!(0), at("1970-01-01T00:00:00.000Z")),
            (json!(" "), json!(null)),
        ],
    );
    assert_refused(
        FieldType::Timestamp,
        &[
            json!("2026-02-29"),
            json!("31.01.2026"),
            json!("01/31/2026"),
            json!("yesterday"),
            json!("20261331"),
            json!("2026-01-31T09:30:00[Europe/Berlin]"),
            json!("1e9"),
            json!("-0001-01-01T00:00:00Z"),
            json!(true),
            json!([0]),
            json!(1e30),
        ],
    );
}

#[test]
fn lists_objects_and_null_are_what_they_are() {
    assert_made(
        FieldType::Array,
        &[(json!([1]), json!([1])), (json!(""), json!(null))],
    );
    assert_made(FieldType::Object, &[(json!({"a": 1}), json!({"a": 1}))]);
    assert_refused(FieldType::Array, &[json!({}), json!("[]"), json!(1)]);
    assert_refused(FieldType::Object, &[json!([]), json!("{}"), json!(1)]);
    assert_refused(FieldType::Null, &[json!(0), json!("x")]);
    assert_made(FieldType::Null, &[(json!(null), json!(null))]);
}
