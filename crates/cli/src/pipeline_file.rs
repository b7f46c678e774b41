//! The FILE of `run`, `check`, `plan` and `graph`: found, read, parsed, its units loaded, the one held against the other.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_artifact::{ArtifactError, UnitCache};
use wasmill_manifest::{Format, IncludedPipeline};
use wasmill_model::{Code, Diagnostic, Pipeline, Policy, SourceText, SourceUnit, UnitSource, UnitSpec};
use wasmill_runtime::{Bundle, BundleReader, DEEPEST_CALL, Overrides, PipelineFiles, component_file_of, place_of};
use wasmill_unit::Unit;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::render::Sources;
use crate::settings::SourceSettings;
use crate::toolchain::BuildFailure;
use crate::{engines, folders, toolchain};

/// A manifest larger than this is a mistake.
const LARGEST: u64 = 256 << 20;

/// A pipeline in which nothing is wrong that can be known before it runs.
#[derive(Debug)]
pub(crate) struct PipelineFile {
    /// The pipeline, its units, and the pipelines that it calls.
    pub(crate) bundle: Bundle,
    /// The texts of all of them, for errors to point into.
    pub(crate) sources: Sources,
}

/// Reads a pipeline and those that it calls, loads their units, and holds the steps against them, where nothing overrides what they say. No engine is made and nothing is
/// started.
///
/// # Errors
/// Why the file cannot be read, or everything that is wrong with it and its units, in the order of the file, whoever found it; then
/// what is wrong with the files that it names.
pub(crate) fn read(
    path: &Path,
    policy: &Policy,
    overrides: &Overrides,
    settings: &SourceSettings,
    printer: &Printer,
) -> Result<PipelineFile, Failure> {
    let mut files = Files { policy, settings, printer, sources: Sources::default() };
    match BundleReader::new(&mut files, policy, &engines::descriptions(), overrides).file(path) {
        Ok(bundle) => Ok(PipelineFile { bundle, sources: files.sources }),
        Err(problems) => Err(Failure::invalid(problems).in_files(&files.sources)),
    }
}

/// The same of a pipeline that was read already, from no file: `included` are those that came with it.
///
/// # Errors
/// Everything that is wrong with it and its units.
pub(crate) fn complete(
    pipeline: Pipeline,
    included: HashMap<PathBuf, IncludedPipeline>,
    policy: &Policy,
    overrides: &Overrides,
    settings: &SourceSettings,
    sources: Sources,
    printer: &Printer,
) -> Result<PipelineFile, Failure> {
    let mut files = Files { policy, settings, printer, sources };
    let engines = engines::descriptions();
    match BundleReader::new(&mut files, policy, &engines, overrides).including(included).pipeline(pipeline) {
        Ok(bundle) => Ok(PipelineFile { bundle, sources: files.sources }),
        Err(problems) => Err(Failure::invalid(problems).in_files(&files.sources)),
    }
}

/// The files of this machine.
struct Files<'a> {
    policy: &'a Policy,
    settings: &'a SourceSettings,
    printer: &'a Printer,
    sources: Sources,
}

impl PipelineFiles for Files<'_> {
    fn text(&mut self, path: &Path) -> Result<String, Diagnostic> {
        text(path)
    }

    fn note(&mut self, name: &str, text: &str) {
        self.sources.add(name, text);
    }

    fn refuse(&mut self, pipeline: &Pipeline) -> Vec<Diagnostic> {
        toolchain::trust_problems(pipeline, self.policy, self.settings.toolchain.trust)
    }

    fn units(&mut self, pipeline: &Pipeline) -> (IndexMap<Arc<str>, Unit>, Vec<Diagnostic>) {
        load(pipeline, self.settings, &mut self.sources, self.printer)
    }

    fn check(&mut self, pipeline: &Pipeline) -> Vec<Diagnostic> {
        folders::check(pipeline)
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
    let mut seen = HashSet::new();
    // Nearest first: what is too deep on one way may not be on another.
    let mut open = VecDeque::from([(path.to_owned(), 1)]);
    while let Some((path, depth)) = open.pop_front() {
        if !seen.insert(place_of(&path)) {
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
                    files.extend([component_file_of(&unit), unit]);
                }
                UnitSource::Source(SourceUnit { text: SourceText::Path(source), .. }) => {
                    files.extend(toolchain::files(&pipeline.base.join(source)));
                }
                UnitSource::Program(program) => files.push(pipeline.base.join(program)),
                UnitSource::Pipeline(other) if depth < DEEPEST_CALL => {
                    open.push_back((pipeline.base.join(other), depth + 1));
                }
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
    texts: &mut Sources,
    printer: &Printer,
) -> (IndexMap<Arc<str>, Unit>, Vec<Diagnostic>) {
    const AT_ONCE: usize = 8;
    let is_unit = |(_, spec): &(&Arc<str>, &UnitSpec)| !matches!(spec.source, UnitSource::Pipeline(_));
    let specs: Vec<(&Arc<str>, &UnitSpec)> = pipeline.units.iter().filter(is_unit).collect();
    let is_far = |spec: &UnitSpec| matches!(spec.source, UnitSource::Url(_));
    let is_source = |spec: &UnitSpec| matches!(spec.source, UnitSource::Source(_));
    let toolchain = specs
        .iter()
        .any(|(_, spec)| is_source(spec))
        .then(|| settings.toolchain.toolchain(printer).with_programs(&pipeline.toolchains, &pipeline.base));
    let sources =
        if specs.iter().any(|(_, spec)| is_far(spec)) { fetching(settings, printer) } else { Default::default() };
    let mut units = IndexMap::new();
    let mut problems = Vec::new();
    for some in specs.chunks(AT_ONCE) {
        let load = |spec: &UnitSpec| match (&spec.source, &toolchain) {
            (UnitSource::Source(source), Some(toolchain)) => toolchain::build(toolchain, source, spec, &pipeline.base)
                .map(|built| built.unit)
                .map_err(NotLoaded::Built),
            _ => wasmill_artifact::load(spec, &pipeline.base, &sources).map_err(NotLoaded::Artifact),
        };
        let built: Vec<&str> = some.iter().filter(|(_, spec)| is_source(spec)).map(|(name, _)| &***name).collect();
        let loading = || {
            std::thread::scope(|scope| {
                let far = |spec| (is_far(spec) || is_source(spec)).then(|| scope.spawn(move || load(spec)));
                let started: Vec<_> = some.iter().map(|(_, spec)| (*spec, far(*spec))).collect();
                let end = |(spec, thread): (&UnitSpec, Option<std::thread::ScopedJoinHandle<'_, _>>)| match thread {
                    Some(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                    None => load(spec),
                };
                started.into_iter().map(end).collect()
            })
        };
        let loaded: Vec<_> = match built.as_slice() {
            [] => loading(),
            names => toolchain::with_progress(printer, &format!("building {}", names.join(", ")), loading),
        };
        for ((name, spec), loaded) in some.iter().zip(loaded) {
            match loaded {
                Ok(unit) => {
                    if is_far(spec) && spec.sha256.is_none() {
                        printer
                            .note(&format!("the unit `{name}` is not pinned; declare it: sha256: {}\n", unit.digest()));
                    }
                    units.insert((*name).clone(), unit);
                }
                Err(NotLoaded::Artifact(error)) => problems.push(error.diagnostic().at(&spec.location)),
                Err(NotLoaded::Built(failure)) => problems.extend(failure.diagnostics(texts)),
            }
        }
    }
    (units, problems)
}

/// Why there is no unit.
enum NotLoaded {
    Artifact(ArtifactError),
    Built(Box<BuildFailure>),
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
