//! The functions of JMESPath, and what is known of each before it is called.

use super::ExpressionError;

/// A function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How many arguments it takes, at least.
    pub(super) arguments: usize,
    /// Whether it takes more.
    pub(super) variadic: bool,
    pub(super) yields: Yields,
}

/// How much comes out of a function, by what goes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Yields {
    /// A number, a boolean, a short text.
    Scalar,
    /// Its arguments, or parts of them.
    Arguments,
    /// A list of its arguments, or of parts of them.
    List,
    /// The argument as JSON text, in which what was JSON text already is escaped once more.
    Json,
    /// A list of what the expression in its first argument makes of the elements of the second.
    Mapped,
    /// The first argument, or a part of it, by what the expression in the second makes of each
    /// element.
    Chosen,
}

impl Function {
    /// The function of that name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }

    /// Which argument is an expression, given by `&`.
    pub(super) fn expression_at(&self) -> Option<usize> {
        match self.yields {
            Yields::Mapped => Some(0),
            Yields::Chosen => Some(1),
            Yields::Scalar | Yields::Arguments | Yields::List | Yields::Json => None,
        }
    }

    /// Whether it can be called with so many arguments.
    pub(super) fn check_arguments(&self, actual: usize) -> Result<(), ExpressionError> {
        if actual == self.arguments || (self.variadic && actual > self.arguments) {
            return Ok(());
        }
        let least = if self.variadic { "at least " } else { "" };
        let plural = if self.arguments == 1 { "" } else { "s" };
        Err(ExpressionError::Arguments {
            function: self.name,
            expected: format!("{least}{} argument{plural}", self.arguments),
            actual,
        })
    }
}

const fn function(name: &'static str, arguments: usize, yields: Yields) -> Function {
    Function {
        name,
        arguments,
        variadic: false,
        yields,
    }
}

const fn variadic(name: &'static str, yields: Yields) -> Function {
    Function {
        variadic: true,
        ..function(name, 1, yields)
    }
}

/// What <https://jmespath.org/specification.html> lists.
const FUNCTIONS: [Function; 26] = [
    function("abs", 1, Yields::Scalar),
    function("avg", 1, Yields::Scalar),
    function("ceil", 1, Yields::Scalar),
    function("contains", 2, Yields::Scalar),
    function("ends_with", 2, Yields::Scalar),
    function("floor", 1, Yields::Scalar),
    function("join", 2, Yields::Arguments),
    function("keys", 1, Yields::List),
    function("length", 1, Yields::Scalar),
    function("map", 2, Yields::Mapped),
    function("max", 1, Yields::Arguments),
    function("max_by", 2, Yields::Chosen),
    variadic("merge", Yields::Arguments),
    function("min", 1, Yields::Arguments),
    function("min_by", 2, Yields::Chosen),
    variadic("not_null", Yields::Arguments),
    function("reverse", 1, Yields::Arguments),
    function("sort", 1, Yields::Arguments),
    function("sort_by", 2, Yields::Chosen),
    function("starts_with", 2, Yields::Scalar),
    function("sum", 1, Yields::Scalar),
    function("to_array", 1, Yields::List),
    function("to_number", 1, Yields::Scalar),
    function("to_string", 1, Yields::Json),
    function("type", 1, Yields::Scalar),
    function("values", 1, Yields::Arguments),
];

#[cfg(test)]
mod tests {
    use jmespath::{Context, DEFAULT_RUNTIME, ErrorReason, Rcvar, RuntimeError, Variable};

    use super::*;

    #[test]
    fn the_list_agrees_with_the_library() {
        let mut context = Context::new("", &DEFAULT_RUNTIME);
        for Function {
            name,
            arguments,
            variadic,
            ..
        } in FUNCTIONS
        {
            let function = DEFAULT_RUNTIME.get_function(name).unwrap();
            let mut error = |count| {
                let nulls = vec![Rcvar::new(Variable::Null); count];
                function
                    .evaluate(&nulls, &mut context)
                    .err()
                    .map(|error| error.reason)
            };
            let too_few = RuntimeError::NotEnoughArguments {
                expected: arguments,
                actual: arguments - 1,
            };
            assert_eq!(
                error(arguments - 1),
                Some(ErrorReason::Runtime(too_few)),
                "{name}"
            );
            let too_many = RuntimeError::TooManyArguments {
                expected: arguments,
                actual: arguments + 1,
            };
            let too_many = Some(ErrorReason::Runtime(too_many));
            assert_eq!(error(arguments + 1) == too_many, !variadic, "{name}");
        }
    }

    #[test]
    fn a_number_of_arguments_that_does_not_fit_is_told() {
        let told = |name, actual| {
            let function = Function::find(name).unwrap();
            function
                .check_arguments(actual)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(told("join", 2), None);
        assert_eq!(told("merge", 3), None);
        assert_eq!(
            told("join", 1).as_deref(),
            Some("`join` takes 2 arguments, not 1")
        );
        assert_eq!(
            told("merge", 0).as_deref(),
            Some("`merge` takes at least 1 argument, not 0")
        );
        assert!(Function::find("nope").is_none());
    }
}
