/// Why a text is not an expression, or why an expression has no result.
///
/// No variant holds anything of a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Empty, or too long.
    #[error("expected 1 to {} characters", super::Expression::MAX_LENGTH)]
    Length,
    /// Not JMESPath.
    #[error("not a JMESPath expression: {reason} at column {column}")]
    Syntax {
        /// What the parser says, in one line.
        reason: String,
        /// Where, counted from zero.
        column: usize,
    },
    /// Its parts stand too deep in each other, or too many follow each other.
    #[error("nested or chained too deeply")]
    TooDeep,
    /// It could repeat its input too often: each step that doubles it does so to what the steps
    /// before have doubled.
    #[error(
        "its result could be more than {} times as large as its input",
        super::bounds::MAX_GROWTH
    )]
    Growth,
    /// It calls a function that does not exist.
    #[error("there is no function `{name}`")]
    UnknownFunction {
        /// What it calls.
        name: String,
    },
    /// It calls a function with too few or too many arguments.
    #[error("`{function}` takes {expected}, not {actual}")]
    Arguments {
        /// The function.
        function: &'static str,
        /// How many it takes, in words.
        expected: String,
        /// How many are given.
        actual: usize,
    },
    /// `&` stands where no function takes an expression, or is missing where one does.
    #[error("{0}")]
    Reference(String),
    /// It fails on this document, such as a function called on the wrong type.
    #[error("the expression fails on this document: {reason}")]
    Evaluation {
        /// What went wrong, by functions and types.
        reason: String,
    },
    /// Its result is too large.
    #[error("the expression's result is too large")]
    TooLarge,
}

impl ExpressionError {
    pub(super) fn evaluation(reason: impl Into<String>) -> Self {
        Self::Evaluation {
            reason: reason.into(),
        }
    }
}
