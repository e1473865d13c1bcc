//! Values of one type made into values of another.

use serde_json::{Number, Value};

use crate::domain::Timestamp;
use crate::domain::sync::FieldType;

impl FieldType {
    /// `value` as one of this type; `None` if it cannot be made one. `null` stays `null`, and a
    /// blank text is `null` for what is no text: providers write so what is not set.
    ///
    /// Made are: texts of numbers (in their shortest form) and of booleans; integers of numbers
    /// without a fraction and of texts of digits; numbers of texts as JSON writes them; booleans of
    /// `true`, `false`, `yes`, `no`, `1` and `0`, in any case; instants of RFC 3339, of a date, of a
    /// date and time without an offset (taken as UTC), of 8 or 14 digits as a date or a date and
    /// time, and of what is counted since 1970: seconds below 10^11, milliseconds below 10^14,
    /// microseconds below 10^17, nanoseconds above. Lists and objects are made of nothing else.
    #[must_use]
    pub fn convert(self, value: &Value) -> Option<Value> {
        if value.is_null() {
            return Some(Value::Null);
        }
        if self != Self::String && value.as_str().is_some_and(|text| text.trim().is_empty()) {
            return Some(Value::Null);
        }
        match self {
            Self::String => string(value).map(Value::from),
            Self::Integer => integer(value).map(Value::from),
            Self::Number => number(value).map(Value::from),
            Self::Boolean => boolean(value).map(Value::from),
            Self::Timestamp => Some(Value::from(instant(value)?.to_string())),
            Self::Array => value.is_array().then(|| value.clone()),
            Self::Object => value.is_object().then(|| value.clone()),
            Self::Null => None,
        }
    }

    /// Its name in a sentence.
    pub(super) fn with_article(self) -> &'static str {
        match self {
            Self::String => "a text",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Timestamp => "an instant",
            Self::Array => "a list",
            Self::Object => "an object",
            Self::Null => "null",
        }
    }
}

/// What a value is, in a sentence, without the value.
pub(super) fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "this number",
        Value::String(_) => "this text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => match whole(number) {
            Some(whole) => Some(whole.to_string()),
            None => Some(number.as_f64()?.to_string()),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn integer(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => whole(number),
        Value::String(text) => of_digits(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The number without a fraction, if it has none and is exact.
fn whole(number: &Number) -> Option<Number> {
    /// Up to here, each integer is a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.is_i64() || number.is_u64() {
        return Some(number.clone());
    }
    let float = number.as_f64()?;
    // `{:.0}` writes the float's digits, and there are no others.
    (float.fract() == 0.0 && float.abs() <= EXACT).then(|| of_digits(&format!("{float:.0}")))?
}

/// Digits with a sign, or without one.
fn of_digits(text: &str) -> Option<Number> {
    let unsigned = text.parse::<u64>().map(Number::from);
    unsigned
        .or_else(|_| text.parse::<i64>().map(Number::from))
        .ok()
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            // JSON's grammar: no `inf`, no `NaN`, no hexadecimal digits.
            serde_json::from_str(text.trim()).ok()
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    let text = match value {
        Value::Bool(value) => return Some(*value),
        Value::Number(number) => whole(number)?.to_string(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    match text.as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn instant(value: &Value) -> Option<Timestamp> {
    let text = match value {
        Value::Number(number) => plain(number)?,
        Value::String(text) => text.trim().to_owned(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let found = match text.len() {
        8 | 14 if text.bytes().all(|byte| byte.is_ascii_digit()) => compact(&text),
        _ => counted(&text).or_else(|| written(&text)),
    }?;
    // RFC 3339 has four digits for the year, and no sign.
    (!found.to_string().starts_with('-')).then_some(found)
}

/// A number without an exponent.
fn plain(number: &Number) -> Option<String> {
    match number.as_i64() {
        Some(integer) => Some(integer.to_string()),
        None => Some(number.as_f64()?.to_string()),
    }
}

/// The instant that `text` counts to from 1970, with what is finer than a millisecond cut off.
fn counted(text: &str) -> Option<Timestamp> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| {
        (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let fraction: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let (whole, fraction) = (whole.parse::<i128>().ok()?, fraction.parse::<i128>().ok()?);
    // How many of the billionths that are counted here a millisecond has.
    let per_millisecond = match whole {
        ..100_000_000_000 => 1_000_000,
        ..100_000_000_000_000 => 1_000_000_000,
        ..100_000_000_000_000_000 => 1_000_000_000_000,
        _ => 1_000_000_000_000_000,
    };
    let billionths = whole.checked_mul(1_000_000_000)?.checked_add(fraction)?;
    let billionths = if negative { -billionths } else { billionths };
    let milliseconds = billionths.div_euclid(per_millisecond);
    Timestamp::from_millisecond(i64::try_from(milliseconds).ok()?)
}

/// The instant of `20260131` or `20260131093000`. Counted, it would be in 1970, or after 2286.
fn compact(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_at_checked(8)?;
    let time = if time.is_empty() { "000000" } else { time };
    written(&format!("{date}T{time}"))
}

/// The instant that `text` spells out.
fn written(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    if text.contains('[') {
        // In a time zone, by its name: without an offset it is no instant in UTC.
        return None;
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    Some(instant.into())
}

#[cfg(test)]
mod tests {
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
}
