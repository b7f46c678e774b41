//! The FILE of `run`, `check`, `plan` and `graph`: found, read, parsed, its units loaded, the one held against the other.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_artifact::UnitCache;
use wasmill_engine_wasmtime::WasmtimeEngine;
use wasmill_manifest::Format;
use wasmill_model::{Code, Diagnostic, Digest, Pipeline, Policy, UnitSource, UnitSpec};
use wasmill_runtime::Bundle;
use wasmill_unit::Unit;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::render::Sources;
use crate::settings::SourceSettings;
use crate::{component_file, folders};

/// A manifest larger than this is a mistake.
const LARGEST: u64 = 256 << 20;

/// Pipelines that call each other deeper than this are a mistake.
const DEEPEST: usize = 16;

/// A pipeline in which nothing is wrong that can be known before it runs.
#[derive(Debug)]
pub(crate) struct PipelineFile {
    /// The pipeline, its units, and the pipelines that it calls.
    pub(crate) bundle: Bundle,
    /// The texts of all of them, for errors to point into.
    pub(crate) sources: Sources,
}

/// Reads a pipeline and those that it calls, loads their units, and holds the steps against them. No engine is made and nothing is
/// started.
///
/// # Errors
/// Why the file cannot be read, or everything that is wrong with it and its units, in the order of the file, whoever found it; then
/// what is wrong with the files that it names.
pub(crate) fn read(
    path: &Path,
    policy: &Policy,
    settings: &SourceSettings,
    printer: &Printer,
) -> Result<PipelineFile, Failure> {
    let mut loader = Loader { policy, settings, printer, sources: Sources::default(), open: Vec::new() };
    match loader.bundle(path) {
        Ok(bundle) => Ok(PipelineFile { bundle, sources: loader.sources }),
        Err(problems) => Err(Failure::invalid(problems).in_files(&loader.sources)),
    }
}

/// The pipelines that one calls.
#[derive(Default)]
struct Called {
    pipelines: IndexMap<Arc<str>, Arc<Bundle>>,
    /// What is wrong with naming them.
    problems: Vec<Diagnostic>,
    /// What is wrong in them.
    elsewhere: Vec<Diagnostic>,
}

struct Loader<'a> {
    policy: &'a Policy,
    settings: &'a SourceSettings,
    printer: &'a Printer,
    sources: Sources,
    /// The files that are being read, each because the one before it calls it: as they were named, and where they are.
    open: Vec<(PathBuf, PathBuf)>,
}

impl Loader<'_> {
    fn bundle(&mut self, path: &Path) -> Result<Bundle, Vec<Diagnostic>> {
        let text = text(path).map_err(|problem| vec![problem])?;
        self.open.push((path.to_owned(), std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())));
        let bundle = self.parsed(path, &text);
        self.open.pop();
        bundle
    }

    fn parsed(&mut self, path: &Path, text: &str) -> Result<Bundle, Vec<Diagnostic>> {
        let name = path.to_string_lossy();
        self.sources.add(&name, text);
        let (pipeline, mut problems) = wasmill_manifest::parse_partly(&name, text, Format::of(path));
        let Some(mut pipeline) = pipeline else { return Err(problems) };
        let Called { pipelines, problems: not_called, mut elsewhere } = self.called(&pipeline);
        problems.extend(not_called);
        let (units, not_loaded) = load(&pipeline, self.settings, self.printer);
        elsewhere.extend(unit_limits(&mut pipeline, self.policy, &mut self.sources));
        let engines = [WasmtimeEngine::description()];
        let bundle = Bundle { pipeline: Arc::new(pipeline), units, pipelines };
        let mut found = wasmill_runtime::check(&bundle, self.policy, &engines);
        found.extend(folders::check(&bundle.pipeline));
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
        if problems.is_empty() && elsewhere.is_empty() {
            return Ok(bundle);
        }
        problems.sort_by_key(|problem| problem.location.as_ref().map(|place| (place.line, place.column)));
        problems.extend(elsewhere);
        Err(problems)
    }

    fn called(&mut self, pipeline: &Pipeline) -> Called {
        let Called { pipelines: mut found, mut problems, mut elsewhere } = Called::default();
        let mut read: Vec<(PathBuf, Option<Arc<Bundle>>)> = Vec::new();
        for (name, spec) in &pipeline.units {
            let UnitSource::Pipeline(path) = &spec.source else { continue };
            let path = pipeline.base.join(path);
            if let Some(problem) = self.not_called(&path, spec) {
                problems.push(problem.at(&spec.location));
                continue;
            }
            // One that several steps call is read once.
            if let Some((_, bundle)) = read.iter().find(|(other, _)| *other == path) {
                found.extend(bundle.clone().map(|bundle| (name.clone(), bundle)));
                continue;
            }
            let bundle = match self.bundle(&path) {
                Ok(bundle) => Some(Arc::new(bundle)),
                // One that is not there is this file's fault.
                Err(other) if other.iter().all(|problem| problem.location.is_none()) => {
                    problems.extend(other.into_iter().map(|problem| problem.at(&spec.location)));
                    None
                }
                Err(other) => {
                    elsewhere.extend(other);
                    None
                }
            };
            found.extend(bundle.clone().map(|bundle| (name.clone(), bundle)));
            read.push((path, bundle));
        }
        Called { pipelines: found, problems, elsewhere }
    }

    /// Why a file is not read: it would go round in circles, or it is not the one that was declared.
    fn not_called(&self, path: &Path, spec: &UnitSpec) -> Option<Diagnostic> {
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let shown = |path: &Path| format!("`{}`", path.display());
        if let Some(place) = self.open.iter().position(|(_, open)| *open == real) {
            let circle = self.open.iter().skip(place).map(|(path, _)| shown(path));
            let circle: Vec<String> = circle.chain([shown(path)]).collect();
            let message = format!("pipelines call each other: {}", circle.join(" → "));
            return Some(Diagnostic::new(Code::Cycle, message).help("take one of these calls out"));
        }
        if self.open.len() >= DEEPEST {
            let message = format!("{} is called {DEEPEST} pipelines deep", shown(path));
            return Some(Diagnostic::new(Code::Unsupported, message).help("put some of them together"));
        }
        let declared = spec.sha256?;
        let actual = Digest::of(&std::fs::read(path).ok()?);
        (actual != declared).then(|| {
            let message = format!("{} is not the pipeline that was declared: its SHA-256 is {actual}", shown(path));
            let help = format!("if it was meant to change, declare `sha256: {actual}`; if not, do not run it");
            Diagnostic::new(Code::DigestMismatch, message).help(help)
        })
    }
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

/// The files that make a pipeline, whether they are there or not: its own, those of its units, what may stand beside those, and the same of
/// the pipelines that it calls. Of a pipeline in which something is wrong, those that can be known.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        if files.contains(&path) {
            continue;
        }
        files.push(path.clone());
        let Ok(text) = text(&path) else { continue };
        let (pipeline, _) = wasmill_manifest::parse_partly(&path.to_string_lossy(), &text, Format::of(&path));
        let Some(pipeline) = pipeline else { continue };
        for spec in pipeline.units.values() {
            match &spec.source {
                UnitSource::Path(unit) => {
                    let unit = pipeline.base.join(unit);
                    files.extend([component_file::beside(&unit), unit]);
                }
                UnitSource::Pipeline(other) => open.push(pipeline.base.join(other)),
                _ => {}
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
    let is_unit = |(_, spec): &(&Arc<str>, &UnitSpec)| !matches!(spec.source, UnitSource::Pipeline(_));
    let specs: Vec<(&Arc<str>, &UnitSpec)> = pipeline.units.iter().filter(is_unit).collect();
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
