//! Evaluates an expression, and stops where that becomes too much.
//!
//! The library's own evaluation cannot be stopped, and an expression of a few characters can keep
//! it busy for hours (`map` in `map` over a long list). This one gives the same results and pays
//! for each step from a budget. Values are shared, so a result that repeats itself is small until
//! it is written out; who writes one out bounds that.

use std::collections::BTreeMap;

use jmespath::ast::{Ast, Comparator, KeyValuePair};
use jmespath::{Rcvar, Variable};

use super::ExpressionError;
use super::meter::{ELEMENT, MEMBER, Meter, OBJECT, STEP};

/// A result, or why there is none.
pub(super) type Evaluated = Result<Rcvar, ExpressionError>;

/// One evaluation.
#[derive(Debug)]
pub(super) struct Evaluation {
    pub(super) meter: Meter,
}

impl Evaluation {
    pub(super) fn new(budget: usize) -> Self {
        Self {
            meter: Meter::new(budget),
        }
    }

    /// What `ast` is for `data`.
    pub(super) fn value(&mut self, ast: &Ast, data: &Rcvar) -> Evaluated {
        self.meter.spend(STEP)?;
        match ast {
            Ast::Identity { .. } => Ok(Rcvar::clone(data)),
            Ast::Literal { value, .. } => Ok(Rcvar::clone(value)),
            Ast::Field { name, .. } => Ok(data.get_field(name)),
            Ast::Index { idx, .. } => Ok(index(data, *idx)),
            Ast::Slice {
                start, stop, step, ..
            } => self.slice(data, (*start, *stop, *step)),
            Ast::Subexpr { lhs, rhs, .. } => {
                let left = self.value(lhs, data)?;
                self.value(rhs, &left)
            }
            Ast::Or { lhs, rhs, .. } => self.first_or(lhs, rhs, data, true),
            Ast::And { lhs, rhs, .. } => self.first_or(lhs, rhs, data, false),
            Ast::Not { node, .. } => {
                let value = self.value(node, data)?;
                Ok(boolean(!value.is_truthy()))
            }
            Ast::Condition {
                predicate, then, ..
            } => {
                if self.value(predicate, data)?.is_truthy() {
                    self.value(then, data)
                } else {
                    Ok(null())
                }
            }
            Ast::Comparison {
                comparator,
                lhs,
                rhs,
                ..
            } => self.comparison(comparator, (lhs, rhs), data),
            Ast::ObjectValues { node, .. } => self.object_values(node, data),
            Ast::Flatten { node, .. } => self.flatten(node, data),
            Ast::Projection { lhs, rhs, .. } => self.projection(lhs, rhs, data),
            Ast::MultiList { elements, .. } => self.multi_list(elements, data),
            Ast::MultiHash { elements, .. } => self.multi_hash(elements, data),
            Ast::Function { name, args, .. } => self.call(name, args, data),
            Ast::Expref { .. } => Err(ExpressionError::evaluation("`&` has no value of its own")),
        }
    }

    /// The first value if it is as true as `decisive`, else the second.
    fn first_or(&mut self, first: &Ast, second: &Ast, data: &Rcvar, decisive: bool) -> Evaluated {
        let value = self.value(first, data)?;
        if value.is_truthy() == decisive {
            Ok(value)
        } else {
            self.value(second, data)
        }
    }

    fn comparison(
        &mut self,
        comparator: &Comparator,
        (left, right): (&Ast, &Ast),
        data: &Rcvar,
    ) -> Evaluated {
        let left = self.value(left, data)?;
        let right = self.value(right, data)?;
        // Values of different types differ at first sight; others, no later than one of them ends.
        if left.get_type() == right.get_type() {
            self.meter.spend_deep(&left)?;
        }
        Ok(left.compare(comparator, &right).map_or_else(null, boolean))
    }

    fn object_values(&mut self, node: &Ast, data: &Rcvar) -> Evaluated {
        let value = self.value(node, data)?;
        let Variable::Object(members) = &*value else {
            return Ok(null());
        };
        self.meter.spend_each(members.len(), ELEMENT)?;
        Ok(list(members.values().cloned().collect()))
    }

    fn flatten(&mut self, node: &Ast, data: &Rcvar) -> Evaluated {
        let value = self.value(node, data)?;
        let Variable::Array(elements) = &*value else {
            return Ok(null());
        };
        let mut flat = Vec::new();
        for element in elements {
            self.meter.spend(ELEMENT)?;
            if let Variable::Array(inner) = &**element {
                self.meter.spend_each(inner.len(), ELEMENT)?;
                flat.extend(inner.iter().cloned());
            } else {
                flat.push(Rcvar::clone(element));
            }
        }
        Ok(list(flat))
    }

    /// `right` of each element of `left`, without those that are null.
    fn projection(&mut self, left: &Ast, right: &Ast, data: &Rcvar) -> Evaluated {
        let value = self.value(left, data)?;
        let Variable::Array(elements) = &*value else {
            return Ok(null());
        };
        let mut projected = Vec::new();
        for element in elements {
            self.meter.spend(ELEMENT)?;
            let value = self.value(right, element)?;
            if !value.is_null() {
                projected.push(value);
            }
        }
        Ok(list(projected))
    }

    fn multi_list(&mut self, parts: &[Ast], data: &Rcvar) -> Evaluated {
        if data.is_null() {
            return Ok(null());
        }
        self.meter.spend_each(parts.len(), ELEMENT)?;
        let values = parts.iter().map(|part| self.value(part, data));
        values.collect::<Result<_, _>>().map(list)
    }

    fn multi_hash(&mut self, parts: &[KeyValuePair], data: &Rcvar) -> Evaluated {
        if data.is_null() {
            return Ok(null());
        }
        self.meter.spend(OBJECT)?;
        let mut members = BTreeMap::new();
        for KeyValuePair { key, value } in parts {
            self.meter.spend(MEMBER.saturating_add(key.len()))?;
            members.insert(key.clone(), self.value(value, data)?);
        }
        Ok(Rcvar::new(Variable::Object(members)))
    }

    /// The library's own slices overflow on large steps.
    fn slice(
        &mut self,
        data: &Rcvar,
        (start, stop, step): (Option<i32>, Option<i32>, i32),
    ) -> Evaluated {
        let Variable::Array(elements) = &**data else {
            return Ok(null());
        };
        self.meter.spend_each(elements.len(), ELEMENT)?;
        let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
        let forward = step > 0;
        // The last place, and one beyond it, in the direction that is gone.
        let (least, most) = if forward {
            (0, length)
        } else {
            (-1, length - 1)
        };
        let place = |index: i32| {
            let index = i64::from(index);
            let index = if index < 0 { index + length } else { index };
            index.clamp(least, most)
        };
        let (first, end) = if forward {
            (least, most)
        } else {
            (most, least)
        };
        let (first, end) = (start.map_or(first, place), stop.map_or(end, place));
        let Some(stride) = usize::try_from(step.unsigned_abs())
            .ok()
            .filter(|step| *step > 0)
        else {
            return Err(ExpressionError::evaluation("a slice has a step of 0"));
        };
        let at = |index: i64| {
            let index = usize::try_from(index).ok()?;
            elements.get(index).cloned()
        };
        let sliced = if forward {
            (first..end).step_by(stride).filter_map(at).collect()
        } else {
            (end + 1..=first)
                .rev()
                .step_by(stride)
                .filter_map(at)
                .collect()
        };
        Ok(list(sliced))
    }
}

fn index(data: &Variable, index: i32) -> Rcvar {
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    if index < 0 {
        data.get_negative_index(distance)
    } else {
        data.get_index(distance)
    }
}

pub(super) fn null() -> Rcvar {
    Rcvar::new(Variable::Null)
}

fn boolean(value: bool) -> Rcvar {
    Rcvar::new(Variable::Bool(value))
}

pub(super) fn list(elements: Vec<Rcvar>) -> Rcvar {
    Rcvar::new(Variable::Array(elements))
}
