//! Documents on their way into an evaluation and out of it.

use std::collections::BTreeMap;

use jmespath::{Rcvar, Variable};
use serde_json::Value;

use super::ExpressionError;
use super::meter::{BUDGET, Meter};

/// What a value takes in memory besides its text, shared or plain. A digit and a comma take two
/// bytes of JSON.
const NODE: usize = size_of::<Variable>() + 2 * size_of::<usize>();

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
            let mut plain = serde_json::Map::new();
            for (name, member) in members {
                meter.spend(name.len())?;
                plain.insert(name.clone(), unshare(member, meter)?);
            }
            Value::Object(plain)
        }
    })
}
