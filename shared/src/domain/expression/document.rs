//! Documents on their way into an evaluation and out of it.

use std::collections::BTreeMap;

use jmespath::{Rcvar, Variable};
use serde_json::Value;

use super::ExpressionError;
use super::meter::{BUDGET, Meter};

/// What a value takes in memory besides its text, shared or plain. A digit and a comma take two
/// bytes of JSON.
const NODE: usize = size_of::<Variable>() + 2 * size_of::<usize>();

/// What an object takes at least, plain and shared: its members are kept in nodes with room for eleven.
const OBJECT: usize = 11 * (size_of::<String>() + size_of::<Value>());
const SHARED_OBJECT: usize = 11 * (size_of::<String>() + size_of::<Rcvar>());
/// What an element or a member takes where it is parsed, in a list or a node that may be half empty.
const ELEMENT: usize = 2 * size_of::<Value>();
const MEMBER: usize = 3 * size_of::<Value>();

/// Parses `body`. None, if it does not begin as an object or a list of JSON does.
///
/// # Errors
///
/// If it begins so, and is not JSON that can be read; or if parsing it could take too much memory.
pub(super) fn parse(body: &[u8]) -> Result<Option<Value>, ExpressionError> {
    if !matches!(body.trim_ascii_start(), [b'{' | b'[', ..]) {
        return Ok(serde_json::from_slice(body).ok());
    }
    weigh(body, &mut Meter::new(BUDGET))
        .map_err(|_| ExpressionError::evaluation("the document is too large"))?;
    match serde_json::from_slice(body) {
        Ok(document) => Ok(Some(document)),
        Err(_) => Err(ExpressionError::evaluation(
            "the body begins as JSON and cannot be read as such",
        )),
    }
}

/// Counts what a text of JSON takes once it is parsed.
fn weigh(text: &[u8], meter: &mut Meter) -> Result<(), ExpressionError> {
    meter.spend(text.len())?;
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in text {
        if is_escaped {
            is_escaped = false;
            continue;
        }
        match byte {
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' => meter.spend(OBJECT)?,
            b'[' | b',' => meter.spend(ELEMENT)?,
            b':' => meter.spend(MEMBER)?,
            _ => {}
        }
    }
    Ok(())
}

/// `value` as it is evaluated.
///
/// # Errors
///
/// If that takes too much memory.
pub(super) fn shared(value: &Value) -> Result<Rcvar, ExpressionError> {
    share(value, &mut Meter::new(BUDGET))
        .map_err(|_| ExpressionError::evaluation("the document is too large"))
}

fn share(value: &Value, meter: &mut Meter) -> Result<Rcvar, ExpressionError> {
    meter.spend(NODE)?;
    Ok(Rcvar::new(match value {
        Value::Null => Variable::Null,
        Value::Bool(value) => Variable::Bool(*value),
        Value::Number(number) => Variable::Number(number.clone()),
        Value::String(text) => {
            meter.spend(text.len())?;
            Variable::String(text.clone())
        }
        Value::Array(elements) => {
            let elements = elements.iter().map(|element| share(element, meter));
            Variable::Array(elements.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            meter.spend(SHARED_OBJECT)?;
            let mut shared = BTreeMap::new();
            for (name, member) in members {
                meter.spend(name.len())?;
                shared.insert(name.clone(), share(member, meter)?);
            }
            Variable::Object(shared)
        }
    }))
}

/// A result as it is passed on, with all that it shares copied.
///
/// # Errors
///
/// If that takes too much memory.
pub(super) fn plain(value: &Variable) -> Result<Value, ExpressionError> {
    unshare(value, &mut Meter::new(BUDGET)).map_err(|_| ExpressionError::TooLarge)
}

fn unshare(value: &Variable, meter: &mut Meter) -> Result<Value, ExpressionError> {
    meter.spend(NODE)?;
    Ok(match value {
        Variable::Null | Variable::Expref(_) => Value::Null,
        Variable::Bool(value) => Value::Bool(*value),
        Variable::Number(number) => Value::Number(number.clone()),
        Variable::String(text) => {
            meter.spend(text.len())?;
            Value::String(text.clone())
        }
        Variable::Array(elements) => {
            let elements = elements.iter().map(|element| unshare(element, meter));
            Value::Array(elements.collect::<Result<_, _>>()?)
        }
        Variable::Object(members) => {
            meter.spend(OBJECT)?;
            let mut plain = serde_json::Map::new();
            for (name, member) in members {
                meter.spend(name.len())?;
                plain.insert(name.clone(), unshare(member, meter)?);
            }
            Value::Object(plain)
        }
    })
}
