//! What is written to stdout.

use std::io::{ErrorKind, Write};

use wasmill_model::ExitCode;

/// Writes a document, and gives how the process ends: a reader that goes away has seen enough, anything else that goes wrong is a failure.
pub fn printed(document: &[u8], code: ExitCode, mut stdout: impl Write, mut stderr: impl Write) -> ExitCode {
    match stdout.write_all(document).and_then(|()| stdout.flush()) {
        Ok(()) => code,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => code,
        Err(error) => {
            // There is nobody left to tell when this fails too.
            let _ = writeln!(stderr, "error: the result could not be written to stdout: {error}");
            ExitCode::Failed
        }
    }
}
