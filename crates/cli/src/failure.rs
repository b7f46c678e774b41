//! Why a verb could not do its work, and how the process ends then.

use std::io;

use wasmill_model::{Code, Diagnostic, Diagnostics, ErrorDocument, ExitCode};

use crate::printer::Printer;
use crate::render::{self, Sources};

/// What a verb gives: how the process ends, or why nothing was started.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Why nothing was started, or why a result could not be handed over.
#[derive(Debug)]
pub(crate) struct Failure {
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
    exit: ExitCode,
}

impl Failure {
    /// The manifest, a unit, an input or the command line is invalid; or all that is missing is a grant.
    pub(crate) fn invalid(diagnostics: impl Into<Vec<Diagnostic>>) -> Self {
        let diagnostics = diagnostics.into();
        let exit = ErrorDocument::new(&diagnostics).exit_code();
        Failure { diagnostics, sources: Sources::default(), exit }
    }

    /// … in these files.
    #[must_use]
    pub(crate) fn in_files(mut self, sources: &Sources) -> Self {
        self.sources = sources.clone();
        self
    }

    /// A command line that Wasmill does not take.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Diagnostic::new(Code::Usage, message).help(help).into()
    }

    /// The host failed: not the user's doing.
    pub(crate) fn host(message: impl Into<String>) -> Self {
        Failure { exit: ExitCode::Failed, ..Diagnostic::new(Code::HostError, message).into() }
    }

    /// … for a reason that has a remedy.
    pub(crate) fn host_because(diagnostic: Diagnostic) -> Self {
        Failure { exit: ExitCode::Failed, ..diagnostic.into() }
    }

    /// What is wrong, in one line.
    pub(crate) fn message(&self) -> String {
        self.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// Tells the user; gives how the process ends.
    pub(crate) fn report(&self, printer: &Printer) -> ExitCode {
        if printer.is_json() {
            // When stdout fails as well, the exit code is all that is left to say.
            let _ = printer.json(&ErrorDocument::new(&self.diagnostics));
        } else {
            printer.error(&render::diagnostics(&self.diagnostics, &self.sources));
        }
        self.exit
    }
}

/// The user stopped it before anything was started.
pub(crate) fn cancelled() -> Failure {
    Failure { exit: ExitCode::Cancelled, ..Diagnostic::new(Code::Cancelled, "cancelled before the first step").into() }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Failure::invalid(vec![diagnostic])
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Failure::invalid(diagnostics.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::host(format!("the result could not be written to stdout: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_grant_is_denied() {
        let of = |codes: &[Code]| {
            Failure::invalid(codes.iter().map(|code| Diagnostic::new(*code, "")).collect::<Vec<_>>()).exit
        };
        assert_eq!(of(&[Code::MissingGrant]), ExitCode::Denied);
        assert_eq!(of(&[Code::MissingGrant, Code::MissingGrant]), ExitCode::Denied);
        assert_eq!(of(&[Code::MissingGrant, Code::UnknownFunction]), ExitCode::Invalid);
        assert_eq!(of(&[Code::SecretMissing]), ExitCode::Invalid);
        assert_eq!(of(&[]), ExitCode::Invalid);
    }
}
