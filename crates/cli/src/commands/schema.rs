//! `wasmill schema`: the JSON Schema of the manifest. It is one JSON object in either output mode.

use wasmill_model::ExitCode;

use crate::failure::Outcome;
use crate::printer::Printer;

/// Prints the schema.
pub(crate) fn schema(printer: &Printer) -> Outcome {
    printer.json(&wasmill_manifest::schema())?;
    Ok(ExitCode::Success)
}
