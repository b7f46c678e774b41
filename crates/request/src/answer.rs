//! What is answered: one JSON document, as `wasmill --output json` prints it.

use serde::Serialize;
use wasmill_model::{Code, Diagnostic, Diagnostics, ErrorDocument, ExitCode};

/// Why nothing was started, or why there is no result.
#[derive(Clone, Debug)]
pub struct Failure {
    problems: Vec<Diagnostic>,
    /// Where it is not what the problems say.
    code: Option<ExitCode>,
}

impl Failure {
    /// The host failed: not the caller's doing.
    fn host(message: String) -> Self {
        Failure { problems: vec![Diagnostic::new(Code::HostError, message)], code: Some(ExitCode::Failed) }
    }

    /// What is written, and how the process ends.
    pub fn document(&self) -> (Vec<u8>, ExitCode) {
        let document = ErrorDocument::new(&self.problems);
        // A document of texts can always be written as JSON.
        (json(&document).unwrap_or_default(), self.code.unwrap_or_else(|| document.exit_code()))
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(problems: Vec<Diagnostic>) -> Self {
        Failure { problems, code: None }
    }
}

impl From<Diagnostics> for Failure {
    fn from(problems: Diagnostics) -> Self {
        problems.0.into()
    }
}

impl From<Diagnostic> for Failure {
    fn from(problem: Diagnostic) -> Self {
        vec![problem].into()
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Failure::host(format!("the result cannot be written as JSON: {error}"))
    }
}

/// A document as it is printed.
///
/// # Errors
/// One that JSON cannot say.
pub fn json(document: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(document)?;
    text.push(b'\n');
    Ok(text)
}

/// What is written where Wasmill itself fails, and how the process ends.
pub fn panic_document(message: &str) -> (Vec<u8>, ExitCode) {
    Failure::host(format!("Wasmill failed, which is a defect of it: {message}")).document()
}
