//! What can be said of an expression before it sees a document: that its functions exist, and how
//! large a result it can have.

use jmespath::Variable;
use jmespath::ast::Ast;

use super::ExpressionError;
use super::functions::{Function, Yields};

/// How often an expression may repeat its input. One that only puts parts side by side stays below
/// that, as it has fewer parts than characters; what is refused multiplies.
pub(super) const MAX_GROWTH: usize = super::Expression::MAX_LENGTH;

/// So much deeper than its input may a result be. JSON that is read is at most 128 deep.
const MAX_LEVELS: usize = 64;

/// How much a result can exceed the value that an expression is evaluated on.
///
/// It is a guide, and no proof: `join` can be given a document in which its separator is as long as
/// the list. What a document makes of an expression is metered when it is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// How often its parts can occur.
    growth: usize,
    /// How much deeper it can be.
    levels: usize,
}

impl Bounds {
    /// The bounds of `ast`, if it keeps them and is right.
    pub(super) fn of(ast: &Ast) -> Result<Self, ExpressionError> {
        let bounds = Self::unchecked(ast)?;
        match bounds {
            _ if bounds.growth > MAX_GROWTH => Err(ExpressionError::Growth),
            _ if bounds.levels > MAX_LEVELS => Err(ExpressionError::TooDeep),
            _ => Ok(bounds),
        }
    }

    fn unchecked(ast: &Ast) -> Result<Self, ExpressionError> {
        Ok(match ast {
            Ast::Slice {
                step: 0, offset, ..
            } => {
                let reason = "a slice has a step of 0".to_owned();
                return Err(ExpressionError::Syntax {
                    reason,
                    column: *offset,
                });
            }
            Ast::Field { .. } | Ast::Index { .. } | Ast::Identity { .. } | Ast::Slice { .. } => {
                Self::SAME
            }
            Ast::Literal { value, .. } => Self::of_literal(value),
            Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } => Self::of(node)?,
            Ast::Subexpr { lhs, rhs, .. } | Ast::Projection { lhs, rhs, .. } => {
                Self::of(lhs)?.then(Self::of(rhs)?)
            }
            Ast::And { lhs, rhs, .. } | Ast::Or { lhs, rhs, .. } => {
                Self::of(lhs)?.or(Self::of(rhs)?)
            }
            Ast::Condition {
                predicate, then, ..
            } => {
                Self::of(predicate)?;
                Self::of(then)?
            }
            Ast::Not { node, .. } => {
                Self::of(node)?;
                Self::SAME
            }
            Ast::Comparison { lhs, rhs, .. } => {
                Self::of(lhs)?;
                Self::of(rhs)?;
                Self::SAME
            }
            Ast::MultiList { elements, .. } => Self::sum(elements)?.wrapped(),
            Ast::MultiHash { elements, .. } => {
                Self::sum(elements.iter().map(|pair| &pair.value))?.wrapped()
            }
            Ast::Function { name, args, .. } => Self::of_call(name, args)?,
            Ast::Expref { .. } => {
                let reason = "`&` is only for the expression that a function is given";
                return Err(ExpressionError::Reference(reason.to_owned()));
            }
        })
    }

    fn of_call(name: &str, arguments: &[Ast]) -> Result<Self, ExpressionError> {
        let Some(function) = Function::find(name) else {
            return Err(ExpressionError::UnknownFunction {
                name: name.chars().take(64).collect(),
            });
        };
        function.check_arguments(arguments.len())?;
        match (function.yields, arguments) {
            (Yields::Mapped, [expression, list]) => {
                Ok(Self::of(list)?.then(Self::of_reference(function, expression)?))
            }
            (Yields::Chosen, [list, expression]) => {
                Self::of_reference(function, expression)?;
                Self::of(list)
            }
            _ => Ok(Self::sum(arguments)?.through(function.yields)),
        }
    }

    /// The bounds of the expression that `function` is given.
    fn of_reference(function: &Function, argument: &Ast) -> Result<Self, ExpressionError> {
        match argument {
            Ast::Expref { ast, .. } => Self::of(ast),
            _ => {
                let position = function.expression_at().map_or(1, |position| position + 1);
                Err(ExpressionError::Reference(format!(
                    "argument {position} of `{}` is an expression, written with `&`",
                    function.name
                )))
            }
        }
    }

    const SAME: Self = Self {
        growth: 1,
        levels: 0,
    };

    fn of_literal(value: &Variable) -> Self {
        let within = |values: &mut dyn Iterator<Item = &jmespath::Rcvar>| {
            values.fold(Self::SAME, |sum, value| {
                sum.beside(Self::of_literal(value).wrapped())
            })
        };
        match value {
            Variable::Array(elements) => within(&mut elements.iter()),
            Variable::Object(members) => within(&mut members.values()),
            Variable::Null
            | Variable::String(_)
            | Variable::Bool(_)
            | Variable::Number(_)
            | Variable::Expref(_) => Self::SAME,
        }
    }

    fn sum<'a>(parts: impl IntoIterator<Item = &'a Ast>) -> Result<Self, ExpressionError> {
        let none = Self {
            growth: 0,
            levels: 0,
        };
        let mut parts = parts.into_iter();
        parts.try_fold(none, |sum, part| Ok(sum.beside(Self::of(part)?)))
    }

    fn beside(self, other: Self) -> Self {
        Self {
            growth: self.growth.saturating_add(other.growth),
            levels: self.levels.max(other.levels),
        }
    }

    fn then(self, next: Self) -> Self {
        Self {
            growth: self.growth.saturating_mul(next.growth),
            levels: self.levels.saturating_add(next.levels),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            growth: self.growth.max(other.growth),
            levels: self.levels.max(other.levels),
        }
    }

    fn wrapped(self) -> Self {
        Self {
            levels: self.levels.saturating_add(1),
            ..self
        }
    }

    fn through(self, yields: Yields) -> Self {
        match yields {
            Yields::Scalar => Self::SAME,
            Yields::List => self.wrapped(),
            Yields::Json => Self {
                growth: self.growth.saturating_mul(2),
                levels: 0,
            },
            Yields::Arguments | Yields::Mapped | Yields::Chosen => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(text: &str) -> Result<(usize, usize), ExpressionError> {
        Bounds::of(&jmespath::parse(text).unwrap()).map(|bounds| (bounds.growth, bounds.levels))
    }

    #[test]
    fn what_stands_side_by_side_adds_and_what_follows_multiplies() {
        for (text, expected) in [
            ("a.b[0]", (1, 0)),
            ("[@, @] | [@, @]", (4, 2)),
            ("{a: @, b: [@, @]}", (3, 2)),
            ("a[*].[@, @, @]", (3, 1)),
            ("[@, @][?a == b].[@, @]", (4, 2)),
            ("[@, @] || @", (2, 1)),
            ("merge({a: @}, {b: @})", (2, 1)),
            ("map(&[@, @], [@, @])", (4, 2)),
            ("sort_by([@, @], &[@, @, @][0])", (2, 1)),
            ("to_string([@, @])", (4, 0)),
            ("length([@, @])", (1, 0)),
            ("`[1, [2, 3]]`", (5, 2)),
        ] {
            assert_eq!(bounds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_multiplies_too_often_is_refused_wherever_it_stands() {
        let doubled = ["[@, @]"; 13].join(" | ");
        let list = format!("`[{}]`", ["0"; 100].join(","));
        for text in [
            doubled.clone(),
            format!("length(to_string({doubled}))"),
            format!("!({doubled})"),
            format!("a[?({doubled}) == b]"),
            format!("max_by(a, &length({doubled}))"),
            format!("map(&map(&map(&@, {list}), {list}), {list})"),
        ] {
            assert_eq!(bounds(&text), Err(ExpressionError::Growth), "{text}");
        }
        assert!(bounds(&["[@, @]"; 12].join(" | ")).is_ok());
        let wrapped = ["[@]"; 65].join(" | ");
        assert_eq!(bounds(&wrapped), Err(ExpressionError::TooDeep));
    }

    #[test]
    fn calls_that_can_never_succeed_are_refused() {
        for (text, expected) in [
            ("a[?nope(b)]", "there is no function `nope`"),
            ("length(a, b)", "`length` takes 1 argument, not 2"),
            (
                "map(a, b)",
                "argument 1 of `map` is an expression, written with `&`",
            ),
            (
                "sort_by(a, b)",
                "argument 2 of `sort_by` is an expression, written with `&`",
            ),
            (
                "length(&a)",
                "`&` is only for the expression that a function is given",
            ),
            (
                "[&a]",
                "`&` is only for the expression that a function is given",
            ),
        ] {
            let error = bounds(text).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }
}
