//! The FILE of `run` and `check`: found, read, parsed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use wasmill_manifest::Format;
use wasmill_model::{Code, Diagnostic, Pipeline};

use crate::failure::Failure;
use crate::render::Sources;

/// A manifest larger than this is a mistake.
const LARGEST: u64 = 256 << 20;

/// A pipeline and the text that it came from.
#[derive(Debug)]
pub(crate) struct PipelineFile {
    /// The pipeline.
    pub(crate) pipeline: Pipeline,
    /// Its text, for errors to point into.
    pub(crate) sources: Sources,
}

/// Reads a pipeline.
///
/// # Errors
/// Why the file cannot be read, or everything that is wrong in it.
pub(crate) fn read(path: &Path) -> Result<PipelineFile, Failure> {
    let text = text(path)?;
    let name = path.to_string_lossy();
    let sources = Sources::one(&name, &text);
    match wasmill_manifest::parse(&name, &text, Format::of(path)) {
        Ok(pipeline) => Ok(PipelineFile { pipeline, sources }),
        Err(diagnostics) => Err(Failure::from(diagnostics).in_files(&sources)),
    }
}

fn text(path: &Path) -> Result<String, Diagnostic> {
    let shown = path.display();
    let unknown = |message: String| Diagnostic::new(Code::UnknownFile, message);
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            unknown(format!("there is no file `{shown}`")).help(neighbours(path.parent().unwrap_or(Path::new(""))))
        }
        _ => unknown(format!("`{shown}` cannot be read: {error}")).help("name a pipeline that you may read"),
    })?;
    if metadata.is_dir() {
        return Err(unknown(format!("`{shown}` is a folder")).help(neighbours(path)));
    }
    if metadata.len() > LARGEST {
        return Err(unknown(format!("`{shown}` has {} bytes: no manifest is that large", metadata.len()))
            .help("large units stand in files of their own: `units: { name: { path: … } }`"));
    }
    let bytes = std::fs::read(path).map_err(|error| {
        unknown(format!("`{shown}` cannot be read: {error}")).help("name a pipeline that you may read")
    })?;
    let as_unit = format!("`wasmill call {shown}` runs it, `wasmill inspect {shown}` shows what it is");
    if bytes.starts_with(b"\0asm") {
        return Err(unknown(format!("`{shown}` is a WebAssembly binary, not a pipeline")).help(as_unit));
    }
    if path.extension() == Some(OsStr::new("wat")) {
        return Err(unknown(format!("`{shown}` is WebAssembly text, not a pipeline")).help(as_unit));
    }
    String::from_utf8(bytes).map_err(|error| {
        unknown(format!("`{shown}` is no pipeline: it is not text (byte {})", error.utf8_error().valid_up_to()))
            .help("a pipeline is a .yaml, .json or .toml file in UTF-8")
    })
}

/// The pipelines of a folder, for somebody who missed one.
fn neighbours(folder: &Path) -> String {
    let looked_in = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found: Vec<PathBuf> = std::fs::read_dir(looked_in)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| folder.join(entry.file_name()))
        .filter(|path| match path.extension().and_then(OsStr::to_str) {
            Some("yaml" | "yml") => true,
            // Most of these are something else.
            Some("json" | "toml") => path.file_stem() == Some(OsStr::new("pipeline")),
            _ => false,
        })
        .collect();
    found.sort();
    // The usual name first.
    found.sort_by_key(|path| path.file_stem() != Some(OsStr::new("pipeline")));
    match found.as_slice() {
        [] => "name a pipeline: a .yaml, .json or .toml file".to_owned(),
        several => {
            let names: Vec<String> = several.iter().take(4).map(|path| format!("`{}`", path.display())).collect();
            format!("did you mean {}?", names.join(" or "))
        }
    }
}
