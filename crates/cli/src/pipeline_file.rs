//! The FILE of `run`, `check`, `plan` and `graph`: found, read, parsed, its units loaded, the one held against the other.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_artifact::UnitCache;
use wasmill_engine_wasmtime::WasmtimeEngine;
use wasmill_manifest::Format;
use wasmill_model::{Code, Diagnostic, Pipeline, Policy, UnitSource, UnitSpec};
use wasmill_unit::Unit;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::render::Sources;
use crate::settings::SourceSettings;
use crate::{component_file, folders};

/// A manifest larger than this is a mistake.
const LARGEST: u64 = 256 << 20;

/// A pipeline in which nothing is wrong that can be known before it runs.
#[derive(Debug)]
pub(crate) struct PipelineFile {
    /// The pipeline.
    pub(crate) pipeline: Pipeline,
    /// Its units, by their names in the pipeline.
    pub(crate) units: IndexMap<Arc<str>, Unit>,
    /// Its text, for errors to point into.
    pub(crate) sources: Sources,
}

/// Reads a pipeline, loads its units, and holds the steps against them. No engine is made and nothing is started.
///
/// # Errors
/// Why the file cannot be read, or everything that is wrong with it and its units, in the order of the file, whoever found it.
pub(crate) fn read(
    path: &Path,
    policy: &Policy,
    sources: &SourceSettings,
    printer: &Printer,
) -> Result<PipelineFile, Failure> {
    let text = text(path)?;
    let name = path.to_string_lossy();
    let fetch = sources;
    let mut sources = Sources::one(&name, &text);
    let (pipeline, mut problems) = wasmill_manifest::parse_partly(&name, &text, Format::of(path));
    let Some(mut pipeline) = pipeline else { return Err(Failure::invalid(problems).in_files(&sources)) };
    let (units, not_loaded) = load(&pipeline, fetch, printer);
    let engines = [WasmtimeEngine::description()];
    let beside_units = unit_limits(&mut pipeline, policy, &mut sources);
    let mut found = wasmill_runtime::check(&pipeline, &units, policy, &engines);
    found.extend(folders::check(&pipeline));
    if !problems.is_empty() {
        // Of what could be read only partly, only that is said which does not follow from what was said already.
        found.retain(|problem| {
            problem.step.is_some()
                && problem.code >= Code::LimitAbovePolicy
                && problems.iter().all(|said| said.step != problem.step)
        });
    }
    problems.extend(not_loaded);
    problems.extend(found);
    if problems.is_empty() && beside_units.is_empty() {
        return Ok(PipelineFile { pipeline, units, sources });
    }
    problems.sort_by_key(|problem| problem.location.as_ref().map(|place| (place.line, place.column)));
    problems.extend(beside_units);
    Err(Failure::invalid(problems).in_files(&sources))
}

/// Reads a pipeline, and nothing that it names.
///
/// # Errors
/// Why the file cannot be read, or everything that is wrong with it.
pub(crate) fn parse(path: &Path) -> Result<(Pipeline, Sources), Failure> {
    let text = text(path)?;
    let name = path.to_string_lossy();
    let sources = Sources::one(&name, &text);
    match wasmill_manifest::parse(&name, &text, Format::of(path)) {
        Ok(pipeline) => Ok((pipeline, sources)),
        Err(problems) => Err(Failure::from(problems).in_files(&sources)),
    }
}

/// The files that make a pipeline, whether they are there or not: its own, those of its units, and what may stand beside those. Of a
/// pipeline in which something is wrong, those that can be known.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    let mut files = vec![path.to_owned()];
    let Ok(text) = text(path) else { return files };
    let (pipeline, _) = wasmill_manifest::parse_partly(&path.to_string_lossy(), &text, Format::of(path));
    if let Some(pipeline) = pipeline {
        for spec in pipeline.units.values() {
            if let UnitSource::Path(unit) = &spec.source {
                let unit = pipeline.base.join(unit);
                files.extend([component_file::beside(&unit), unit]);
            }
        }
    }
    files
}

/// The units that can be loaded, and what is wrong with the others. Those from URLs are fetched at the same time.
fn load(
    pipeline: &Pipeline,
    settings: &SourceSettings,
    printer: &Printer,
) -> (IndexMap<Arc<str>, Unit>, Vec<Diagnostic>) {
    const AT_ONCE: usize = 8;
    let specs: Vec<(&Arc<str>, &UnitSpec)> = pipeline.units.iter().collect();
    let is_far = |spec: &UnitSpec| matches!(spec.source, UnitSource::Url(_));
    let sources =
        if specs.iter().any(|(_, spec)| is_far(spec)) { fetching(settings, printer) } else { Default::default() };
    let mut units = IndexMap::new();
    let mut problems = Vec::new();
    for some in specs.chunks(AT_ONCE) {
        let load = |spec: &UnitSpec| wasmill_artifact::load(spec, &pipeline.base, &sources);
        let loaded: Vec<_> = std::thread::scope(|scope| {
            let far = |spec| is_far(spec).then(|| scope.spawn(move || load(spec)));
            let started: Vec<_> = some.iter().map(|(_, spec)| (*spec, far(*spec))).collect();
            let end = |(spec, thread): (&UnitSpec, Option<std::thread::ScopedJoinHandle<'_, _>>)| match thread {
                Some(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                None => load(spec),
            };
            started.into_iter().map(end).collect()
        });
        for ((name, spec), loaded) in some.iter().zip(loaded) {
            match loaded {
                Ok(unit) => {
                    if is_far(spec) && spec.sha256.is_none() {
                        printer
                            .note(&format!("the unit `{name}` is not pinned; declare it: sha256: {}\n", unit.digest()));
                    }
                    units.insert((*name).clone(), unit);
                }
                Err(error) => problems.push(error.diagnostic().at(&spec.location)),
            }
        }
    }
    (units, problems)
}

/// How units are fetched.
fn fetching(settings: &SourceSettings, printer: &Printer) -> wasmill_artifact::Sources {
    let units = settings.folder.as_ref().and_then(|folder| {
        UnitCache::open(folder.clone())
            .inspect_err(|error| {
                printer.note(&format!("warning: fetched units are not kept: {error}\n  help: {}\n", error.help()));
            })
            .ok()
    });
    wasmill_artifact::Sources { units, allow_unpinned: settings.allow_unpinned, ..Default::default() }
}

/// Reads what stands beside the units, and gives what is wrong with it, each once: one file may stand beside several.
fn unit_limits(pipeline: &mut Pipeline, policy: &Policy, sources: &mut Sources) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    for (name, spec) in &pipeline.units {
        match component_file::limits(&spec.source, &pipeline.base, policy, sources) {
            Ok(Some(limits)) => drop(pipeline.unit_limits.insert(name.clone(), limits)),
            Ok(None) => {}
            Err(found) => {
                for problem in found {
                    if !problems.contains(&problem) {
                        problems.push(problem);
                    }
                }
            }
        }
    }
    problems
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
