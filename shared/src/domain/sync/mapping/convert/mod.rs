//! Values of one type made into values of another.

#[cfg(test)]
mod tests;

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
            Self::Null | Self::Mixed => None,
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
            Self::Mixed => "one of several types",
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
        ..=99_999_999_999 => 1_000_000,
        100_000_000_000..=99_999_999_999_999 => 1_000_000_000,
        100_000_000_000_000..=99_999_999_999_999_999 => 1_000_000_000_000,
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
