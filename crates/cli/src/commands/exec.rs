//! `wasmill exec`: source text to result in one command. The source is built, and its unit is called as `call` does.

use std::path::PathBuf;

use wasmill_model::{SourceText, SourceUnit};

use crate::commands::call;
use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::settings::ExecSettings;
use crate::standard_input::StandardInput;
use crate::{toolchain as toolchains, unit_file};

/// Builds the source, calls its function, and prints the result.
pub(crate) fn exec(settings: ExecSettings, printer: &Printer) -> Outcome {
    let stdin = StandardInput::new(printer);
    let ExecSettings { code, lang, function, mut call, toolchain, .. } = settings;
    let (text, name) = match code {
        Some(code) => (SourceText::Code(code.into()), "code".to_owned()),
        None if call.args.is_empty() => {
            let help = "name a file, `-` for stdin, or write `--code TEXT`";
            return Err(Failure::usage("there is no source to run", help));
        }
        None => match call.args.remove(0) {
            stdin_name if stdin_name == "-" => {
                let bytes = stdin.asked_for()?;
                let text = String::from_utf8(bytes)
                    .map_err(|_| Failure::usage("stdin is no source: it is not UTF-8 text", "name a source file"))?;
                (SourceText::Code(text.into()), "stdin".to_owned())
            }
            file => (SourceText::Path(PathBuf::from(&file)), file),
        },
    };
    let of_file = match &text {
        SourceText::Path(path) => toolchains::language_of(path),
        SourceText::Code(_) => None,
    };
    let Some(language) = lang.or(of_file) else {
        let message = format!("`{name}` does not say which language it is in");
        return Err(Failure::usage(message, "write `--lang python`, or another"));
    };
    let source = SourceUnit { language, text, function: function.as_deref().map(Into::into), trusted: false };
    let (file, texts) = unit_file::build(source, &name, &toolchain, printer)?;
    // Of languages that have no function of their own choice, the one that is meant among the exports.
    if let Some(function) = function.filter(|_| file.unit.info().built.is_none()) {
        call.args.insert(0, function);
    }
    call.unit = name;
    call::call_unit(file, call, texts, &stdin, printer)
}
