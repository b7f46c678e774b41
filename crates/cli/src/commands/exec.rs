//! `wasmill exec`: source text to result in one command. The source is built, and its unit is called as `call` does.

use std::path::{Path, PathBuf};

use wasmill_model::{Language, Location, SourceText, SourceUnit, UnitSource, UnitSpec};

use crate::commands::call;
use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::render::Sources;
use crate::settings::ExecSettings;
use crate::standard_input::StandardInput;
use crate::toolchain;
use crate::unit_file::UnitFile;

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
        SourceText::Path(path) => Language::of_file(path),
        SourceText::Code(_) => None,
    };
    let Some(language) = lang.or(of_file) else {
        let message = format!("`{name}` does not say which language it is in");
        return Err(Failure::usage(message, "write `--lang python`, or another"));
    };
    let spec =
        spec(SourceUnit { language, text, function: function.as_deref().map(Into::into), trusted: false }, &name);
    let UnitSource::Source(source) = &spec.source else { return Err(Failure::host("the source is gone")) };
    let mut sources = Sources::default();
    if let SourceText::Code(code) = &source.text {
        sources.add(&name, code);
    }
    let built = toolchain::with_progress(printer, &format!("building {name}"), || {
        toolchain::build(toolchain.toolchain(printer), source, &spec, Path::new(""))
    });
    let built = match built {
        Ok(built) => built,
        Err(failure) => {
            let problems = failure.diagnostics(&mut sources);
            return Err(Failure::invalid(problems).in_files(&sources));
        }
    };
    // Of languages that have no function of their own choice, the one that is meant among the exports.
    if let Some(function) = function.filter(|_| built.unit.info().built.is_none()) {
        call.args.insert(0, function);
    }
    let stem = Path::new(&name).file_stem().map_or_else(|| name.clone(), |stem| stem.to_string_lossy().into_owned());
    call.unit = name;
    call::call_unit(UnitFile { name: stem.as_str().into(), spec, unit: built.unit }, call, sources, &stdin, printer)
}

fn spec(source: SourceUnit, name: &str) -> UnitSpec {
    let location = Location { file: name.into(), ..Location::default() };
    UnitSpec { source: UnitSource::Source(source), sha256: None, location }
}
