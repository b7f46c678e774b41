//! The UNIT of `call` and `inspect`: a file, or stdin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmill_artifact::{ArtifactError, Sources};
use wasmill_model::{Code, Diagnostic, Language, Location, SourceText, SourceUnit, UnitSource, UnitSpec};
use wasmill_unit::Unit;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::render::Sources as Texts;
use crate::settings;
use crate::standard_input::StandardInput;
use crate::toolchain::{self, ToolchainSettings};

/// A unit and what a pipeline would say about it.
#[derive(Debug)]
pub(crate) struct UnitFile {
    /// Its name: that of the file, without the extension.
    pub(crate) name: Arc<str>,
    /// Where it came from.
    pub(crate) spec: UnitSpec,
    /// The unit.
    pub(crate) unit: Unit,
}

/// Loads a unit from a file, or from stdin where the name is `-`.
///
/// # Errors
/// Why it cannot be read, or what is wrong with it.
pub(crate) fn load(name: &str, stdin: &StandardInput, printer: &Printer) -> Result<UnitFile, Failure> {
    let path = Path::new(name);
    if let Some(language) = toolchain::language_of(path).filter(|language| *language != Language::Wat) {
        let text = SourceText::Path(path.to_owned());
        return build(
            SourceUnit { language, text, function: None, trusted: false },
            name,
            &settings::toolchain()?,
            printer,
        )
        .map(|(unit, _)| unit);
    }
    Ok(load_unit(name, stdin)?)
}

/// Builds a unit from source; what goes wrong later may point into the texts.
///
/// # Errors
/// Why it cannot be built.
pub(crate) fn build(
    source: SourceUnit,
    name: &str,
    settings: &ToolchainSettings,
    printer: &Printer,
) -> Result<(UnitFile, Texts), Failure> {
    let spec = spec(UnitSource::Source(source.clone()), name);
    let mut texts = Texts::default();
    if let SourceText::Code(code) = &source.text {
        texts.add(name, code);
    }
    let built = toolchain::with_progress(printer, &format!("building {name}"), || {
        toolchain::build(settings.toolchain(printer), &source, &spec, Path::new(""))
    });
    match built {
        Ok(built) => {
            let stem = Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy());
            Ok((UnitFile { name: stem.as_ref().into(), spec, unit: built.unit }, texts))
        }
        Err(failure) => {
            let problems = failure.diagnostics(&mut texts);
            Err(Failure::invalid(problems).in_files(&texts))
        }
    }
}

fn load_unit(name: &str, stdin: &StandardInput) -> Result<UnitFile, Diagnostic> {
    let (source, name) = if name == "-" {
        let bytes = stdin.asked_for()?;
        // Nothing is neither binary nor text; the reader of binaries says so best.
        if bytes.is_empty() || bytes.starts_with(b"\0asm") {
            let unit = Unit::from_binary(bytes)
                .map_err(|error| Diagnostic::new(error.code(), format!("stdin: {error}")).help(error.help()))?;
            let source = UnitSource::Path(PathBuf::from("-"));
            return Ok(UnitFile { name: "stdin".into(), spec: spec(source, "stdin"), unit });
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            Diagnostic::new(Code::CorruptUnit, "stdin is neither a WebAssembly binary nor WebAssembly text")
        })?;
        (UnitSource::Wat(text), "stdin")
    } else {
        (UnitSource::Path(PathBuf::from(name)), name)
    };
    let spec = spec(source, name);
    let unit = wasmill_artifact::load(&spec, Path::new(""), &Sources::default()).map_err(|error| match error {
        // Here, there is no manifest that paths could be relative to.
        ArtifactError::NotFound { similar: None, missing_folder: None, .. } => {
            error.diagnostic().help("name a .wasm or .wat file, or `-` for stdin")
        }
        // Text from stdin is in no file and in no manifest.
        ArtifactError::Wat { message, line, column, .. } if matches!(spec.source, UnitSource::Wat(_)) => {
            ArtifactError::Wat { origin: "stdin".to_owned(), message, line, column }.diagnostic()
        }
        other => other.diagnostic(),
    })?;
    let name = Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy()).as_ref().into();
    Ok(UnitFile { name, spec, unit })
}

fn spec(source: UnitSource, name: &str) -> UnitSpec {
    UnitSpec { source, sha256: None, location: Location { file: name.into(), ..Location::default() } }
}
