//! `wasmill completions SHELL`

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;
use wasmill_model::ExitCode;

use crate::args::Cli;
use crate::failure::Outcome;
use crate::printer::Printer;

/// Prints the script.
pub(crate) fn completions(shell: Shell, printer: &Printer) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wasmill", &mut script);
    if printer.is_json() {
        let script = String::from_utf8_lossy(&script);
        printer.json(&json!({ "wasmill": 1, "shell": shell.to_string(), "script": script }))?;
    } else {
        printer.bytes(&script)?;
    }
    Ok(ExitCode::Success)
}
