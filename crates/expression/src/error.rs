//! What can go wrong with an expression: before a run, and while one goes on.

use std::sync::Arc;

use wasmill_model::Location;

/// An expression that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ExpressionError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The first byte that is wrong, in the text that was given; none where only the whole is.
    pub offset: Option<usize>,
    /// The same in the file: as near as it is known.
    pub location: Location,
}

impl ExpressionError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        ExpressionError { message: message.into(), help: None, offset: None, location: Location::default() }
    }

    pub(crate) fn at(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// An expression that could not be worked out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`${{{{ {expression} }}}}`: {message}")]
#[non_exhaustive]
pub struct EvaluationError {
    /// What went wrong, with the path that was missing or the types that did not fit.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The CEL text.
    pub expression: Arc<str>,
    /// Where it stands.
    pub location: Location,
}

/// An error that does not know yet which expression it happened in.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn of(self, expression: &Arc<str>, location: &Location) -> EvaluationError {
        EvaluationError {
            message: self.message,
            help: self.help,
            expression: expression.clone(),
            location: location.clone(),
        }
    }
}
