//! Calls of functions. Those that evaluate expressions themselves, or whose result is not in
//! proportion to their arguments, are ours; the rest is the library's, paid for in advance.

use jmespath::ast::Ast;
use jmespath::{Context, DEFAULT_RUNTIME, ErrorReason, Rcvar, RuntimeError, Variable};

use super::ExpressionError;
use super::evaluate::{Evaluated, Evaluation, list, null};
use super::meter::{ELEMENT, STEP};

impl Evaluation {
    /// What the function `name` makes of `arguments`.
    pub(super) fn call(&mut self, name: &str, arguments: &[Ast], data: &Rcvar) -> Evaluated {
        match (name, arguments) {
            ("map", [Ast::Expref { ast, .. }, elements]) => self.map(ast, elements, data),
            ("sort_by", [elements, Ast::Expref { ast, .. }]) => {
                let mut keyed = self.keyed("sort_by", elements, ast, data)?;
                self.pay_for_sort(keyed.iter().map(|(key, _)| key))?;
                keyed.sort_by(|(one, _), (other, _)| one.cmp(other));
                Ok(list(
                    keyed.into_iter().map(|(_, element)| element).collect(),
                ))
            }
            ("min_by", [elements, Ast::Expref { ast, .. }]) => {
                let keyed = self.keyed("min_by", elements, ast, data)?;
                Ok(best(keyed, |one, other| one < other))
            }
            ("max_by", [elements, Ast::Expref { ast, .. }]) => {
                let keyed = self.keyed("max_by", elements, ast, data)?;
                Ok(best(keyed, |one, other| one > other))
            }
            _ => {
                let values = arguments.iter().map(|argument| self.value(argument, data));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                self.call_plain(name, &values)
            }
        }
    }

    fn call_plain(&mut self, name: &str, arguments: &[Rcvar]) -> Evaluated {
        match (name, arguments) {
            ("to_string", [value]) => self.json_text(value),
            // The library's reads any JSON, and does not stop at a number.
            ("to_number", [value]) => Ok(to_number(value)),
            ("join", [separator, parts]) => {
                self.pay_for_join(separator, parts)?;
                library(name, arguments)
            }
            ("contains", [within, _]) => {
                self.meter.spend_deep(within)?;
                library(name, arguments)
            }
            ("sort" | "min" | "max", [values]) => {
                let elements = values.as_array().map_or(&[][..], Vec::as_slice);
                self.pay_for_sort(elements.iter())?;
                library(name, arguments)
            }
            _ => {
                let mut values = arguments.iter();
                values.try_for_each(|value| self.meter.spend_shallow(value))?;
                library(name, arguments)
            }
        }
    }

    fn map(&mut self, expression: &Ast, elements: &Ast, data: &Rcvar) -> Evaluated {
        let elements = self.value(elements, data)?;
        let Variable::Array(elements) = &*elements else {
            return Err(wrong_type("map", 2, "array", &elements));
        };
        self.meter.spend_each(elements.len(), ELEMENT)?;
        let values = elements
            .iter()
            .map(|element| self.value(expression, element));
        values.collect::<Result<_, _>>().map(list)
    }

    /// The elements of a list, each with what `expression` makes of it: texts, or numbers.
    fn keyed(
        &mut self,
        function: &str,
        elements: &Ast,
        expression: &Ast,
        data: &Rcvar,
    ) -> Result<Vec<(Rcvar, Rcvar)>, ExpressionError> {
        let elements = self.value(elements, data)?;
        let Variable::Array(elements) = &*elements else {
            return Err(wrong_type(function, 1, "array", &elements));
        };
        self.meter.spend_each(elements.len(), 2 * ELEMENT)?;
        let mut keyed: Vec<(Rcvar, Rcvar)> = Vec::new();
        for element in elements {
            let key = self.value(expression, element)?;
            let expected = match keyed.first() {
                Some((first, _)) => first.get_type() == key.get_type(),
                None => key.is_string() || key.is_number(),
            };
            if !expected {
                return Err(ExpressionError::evaluation(format!(
                    "the expression in `{function}` gives a value of the type {} and not only \
                     strings, or only numbers",
                    key.get_type()
                )));
            }
            keyed.push((key, Rcvar::clone(element)));
        }
        Ok(keyed)
    }

    fn json_text(&mut self, value: &Rcvar) -> Evaluated {
        match &**value {
            Variable::String(_) => Ok(Rcvar::clone(value)),
            other => {
                let json = self.meter.json(other)?;
                Ok(Rcvar::new(Variable::String(json)))
            }
        }
    }

    /// The parts are copied, and then copied together.
    fn pay_for_join(
        &mut self,
        separator: &Variable,
        parts: &Variable,
    ) -> Result<(), ExpressionError> {
        let (Some(separator), Some(parts)) = (separator.as_string(), parts.as_array()) else {
            return Ok(());
        };
        self.meter.spend_each(parts.len(), separator.len())?;
        parts.iter().try_for_each(|part| {
            let length = part.as_string().map_or(0, String::len);
            self.meter.spend_each(2, ELEMENT.saturating_add(length))
        })
    }

    /// Sorting compares each of n values with some log n others, which costs no more than the
    /// length of the value.
    fn pay_for_sort<'a>(
        &mut self,
        mut values: impl ExactSizeIterator<Item = &'a Rcvar>,
    ) -> Result<(), ExpressionError> {
        let rounds = usize::BITS - values.len().leading_zeros();
        let rounds = usize::try_from(rounds).unwrap_or(usize::MAX);
        values.try_for_each(|value| {
            let length = value.as_string().map_or(0, String::len);
            self.meter.spend_each(rounds, STEP.saturating_add(length))
        })
    }
}

/// The first element whose key none is better than.
fn best(keyed: Vec<(Rcvar, Rcvar)>, better: impl Fn(&Rcvar, &Rcvar) -> bool) -> Rcvar {
    let best = keyed.into_iter().reduce(
        |best, next| {
            if better(&next.0, &best.0) { next } else { best }
        },
    );
    best.map_or_else(null, |(_, element)| element)
}

fn to_number(value: &Rcvar) -> Rcvar {
    match &**value {
        Variable::Number(_) => Rcvar::clone(value),
        Variable::String(text) => {
            let number = serde_json::from_str(text);
            number.map_or_else(|_| null(), |number| Rcvar::new(Variable::Number(number)))
        }
        _ => null(),
    }
}

fn library(name: &str, arguments: &[Rcvar]) -> Evaluated {
    let Some(function) = DEFAULT_RUNTIME.get_function(name) else {
        return Err(ExpressionError::evaluation("there is no such function"));
    };
    let called = function.evaluate(arguments, &mut Context::new("", &DEFAULT_RUNTIME));
    called.map_err(|error| match error.reason {
        ErrorReason::Runtime(RuntimeError::InvalidType {
            expected, position, ..
        }) => match arguments.get(position) {
            Some(argument) => wrong_type(name, position + 1, &expected, argument),
            None => no_result(name),
        },
        ErrorReason::Runtime(_) | ErrorReason::Parse(_) => no_result(name),
    })
}

fn no_result(function: &str) -> ExpressionError {
    ExpressionError::evaluation(format!("`{function}` has no result"))
}

/// `expected` is a type, or several with `|` between them.
fn wrong_type(
    function: &str,
    position: usize,
    expected: &str,
    actual: &Variable,
) -> ExpressionError {
    ExpressionError::evaluation(format!(
        "argument {position} of `{function}` is of the type {}, not {}",
        actual.get_type(),
        expected.replace('|', " or ")
    ))
}
