//! The FILE of `run`, `check`, `plan` and `graph`: found, read, parsed, its units loaded, the one held against the other.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_artifact::{ArtifactError, UnitCache};
use wasmill_manifest::Format;
use wasmill_model::{Code, Diagnostic, Digest, Pipeline, Policy, SourceText, SourceUnit, UnitSource, UnitSpec};
use wasmill_runtime::{Bundle, Overrides};
use wasmill_unit::Unit;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::render::Sources;
use crate::settings::SourceSettings;
use crate::toolchain::BuildFailure;
use crate::{component_file, engines, folders, toolchain};

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
    let mut loader = Loader {
        policy,
        overrides,
        settings,
        printer,
        sources: Sources::default(),
        open: Vec::new(),
        read: HashMap::new(),
        beside: Vec::new(),
    };
    match text(path).map_err(|problem| vec![problem]).and_then(|text| loader.bundle(path, &text)) {
        Ok(Loaded { bundle, .. }) => Ok(PipelineFile { bundle, sources: loader.sources }),
        Err(problems) => Err(Failure::invalid(problems).in_files(&loader.sources)),
    }
}

/// The pipelines that one calls.
#[derive(Default)]
struct Called {
    pipelines: IndexMap<Arc<str>, Arc<Bundle>>,
    /// That of the highest of them; 0 where there is none.
    height: usize,
    /// What is wrong with naming them.
    problems: Vec<Diagnostic>,
    /// What is wrong in them.
    elsewhere: Vec<Diagnostic>,
}

/// A pipeline in which nothing is wrong.
struct Loaded<B> {
    bundle: B,
    /// How many pipelines stand below each other in it: 1 for one that calls no other.
    height: usize,
}

/// A file that was read because a pipeline calls it.
struct Read {
    digest: Digest,
    /// None where something is wrong in it: that was said when it was read.
    loaded: Option<Loaded<Arc<Bundle>>>,
}

struct Loader<'a> {
    policy: &'a Policy,
    overrides: &'a Overrides,
    settings: &'a SourceSettings,
    printer: &'a Printer,
    sources: Sources,
    /// The files that are being read, each because the one before it calls it: as they were named, and where they are.
    open: Vec<(PathBuf, PathBuf)>,
    /// Those that have been read, by their [`place`].
    read: HashMap<PathBuf, Read>,
    /// What is wrong with files that stand beside units, and was said.
    beside: Vec<Diagnostic>,
}

impl Loader<'_> {
    fn bundle(&mut self, path: &Path, text: &str) -> Result<Loaded<Bundle>, Vec<Diagnostic>> {
        self.open.push((path.to_owned(), real(path)));
        let bundle = self.parsed(path, text);
        self.open.pop();
        bundle
    }

    fn parsed(&mut self, path: &Path, text: &str) -> Result<Loaded<Bundle>, Vec<Diagnostic>> {
        let name = path.to_string_lossy();
        self.sources.add(&name, text);
        let (pipeline, mut problems) = wasmill_manifest::parse_partly(&name, text, Format::of(path));
        let Some(mut pipeline) = pipeline else { return Err(problems) };
        let Called { pipelines, height, problems: not_called, mut elsewhere } = self.called(&pipeline);
        problems.extend(not_called);
        let not_trusted = toolchain::trust_problems(&pipeline, self.policy, self.settings.toolchain.trust);
        if !not_trusted.is_empty() {
            // Nothing of it is built.
            return Err(problems.into_iter().chain(not_trusted).collect());
        }
        let (units, not_loaded) = load(&pipeline, self.settings, &mut self.sources, self.printer);
        elsewhere.extend(unit_limits(&mut pipeline, self.policy, &mut self.sources, &mut self.beside));
        let engines = engines::descriptions();
        let bundle = Bundle { pipeline: Arc::new(pipeline), units, pipelines };
        let mut found = wasmill_runtime::check(&bundle, self.policy, &engines, self.overrides);
        found.extend(folders::check(&bundle.pipeline));
        if !problems.is_empty() {
            // Of what could be read only partly, only that is said which does not follow from what was said already.
            let said: HashSet<Option<Arc<str>>> = problems.iter().map(|problem| problem.step.clone()).collect();
            found.retain(|problem| {
                problem.step.is_some() && problem.code >= Code::LimitAbovePolicy && !said.contains(&problem.step)
            });
        }
        problems.extend(not_loaded);
        problems.extend(found);
        if problems.is_empty() && elsewhere.is_empty() {
            return Ok(Loaded { bundle, height: height + 1 });
        }
        problems.sort_by_key(|problem| problem.location.as_ref().map(|place| (place.line, place.column)));
        problems.extend(elsewhere);
        Err(problems)
    }

    fn called(&mut self, pipeline: &Pipeline) -> Called {
        let mut called = Called::default();
        for (name, spec) in &pipeline.units {
            let UnitSource::Pipeline(path) = &spec.source else { continue };
            match self.one_called(&pipeline.base.join(path), spec, &mut called.elsewhere) {
                Ok(Some(Loaded { bundle, height })) => {
                    called.height = called.height.max(height);
                    called.pipelines.insert(name.clone(), bundle);
                }
                Ok(None) => {}
                Err(problem) => called.problems.push(problem.at(&spec.location)),
            }
        }
        called
    }

    /// A pipeline that another one calls: one that is called from several places is read once. None where something is wrong in it:
    /// that is `elsewhere`, once.
    ///
    /// # Errors
    /// What is wrong with naming it.
    fn one_called(
        &mut self,
        path: &Path,
        spec: &UnitSpec,
        elsewhere: &mut Vec<Diagnostic>,
    ) -> Result<Option<Loaded<Arc<Bundle>>>, Diagnostic> {
        self.not_in_a_circle(path)?;
        let place = place(path);
        if let Some(read) = self.read.get(&place) {
            is_declared(path, spec, read.digest)?;
            let Some(Loaded { bundle, height }) = &read.loaded else { return Ok(None) };
            self.not_too_deep(path, *height)?;
            return Ok(Some(Loaded { bundle: bundle.clone(), height: *height }));
        }
        self.not_too_deep(path, 1)?;
        let text = text(path)?;
        // The bytes that are compared are those that are run: the file may change at any time.
        let digest = Digest::of(text.as_bytes());
        is_declared(path, spec, digest)?;
        let loaded = match self.bundle(path, &text) {
            Ok(Loaded { bundle, height }) => Some(Loaded { bundle: Arc::new(bundle), height }),
            Err(problems) => {
                elsewhere.extend(problems);
                None
            }
        };
        let again = loaded.as_ref().map(|Loaded { bundle, height }| Loaded { bundle: bundle.clone(), height: *height });
        self.read.insert(place, Read { digest, loaded });
        Ok(again)
    }

    fn not_in_a_circle(&self, path: &Path) -> Result<(), Diagnostic> {
        let real = real(path);
        let Some(place) = self.open.iter().position(|(_, open)| *open == real) else { return Ok(()) };
        let circle = self.open.iter().skip(place).map(|(path, _)| shown(path));
        let circle: Vec<String> = circle.chain([shown(path)]).collect();
        let message = format!("pipelines call each other: {}", circle.join(" → "));
        Err(Diagnostic::new(Code::Cycle, message).help("take one of these calls out"))
    }

    /// Whether one that is so high can be called from here.
    fn not_too_deep(&self, path: &Path, height: usize) -> Result<(), Diagnostic> {
        if self.open.len() + height <= DEEPEST {
            return Ok(());
        }
        let message = match height {
            1 => format!("{} is called {DEEPEST} pipelines deep", shown(path)),
            _ => format!("what {} calls is called {DEEPEST} pipelines deep", shown(path)),
        };
        Err(Diagnostic::new(Code::Unsupported, message).help("put some of them together"))
    }
}

/// Whether a file is the one that was declared, where one was.
fn is_declared(path: &Path, spec: &UnitSpec, actual: Digest) -> Result<(), Diagnostic> {
    if spec.sha256.is_none_or(|declared| declared == actual) {
        return Ok(());
    }
    let message = format!("{} is not the pipeline that was declared: its SHA-256 is {actual}", shown(path));
    let help = format!("if it was meant to change, declare `sha256: {actual}`; if not, do not run it");
    Err(Diagnostic::new(Code::DigestMismatch, message).help(help))
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// The file itself, however it is named.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Where a file stands, however it is named. A link to a file is another place than the file: what it names is sought beside the link.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name() {
        Some(name) => real(folder).join(name),
        None => real(path),
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
        if !seen.insert(place(&path)) {
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
                UnitSource::Source(SourceUnit { text: SourceText::Path(source), .. }) => {
                    files.extend(toolchain::files(&pipeline.base.join(source)));
                }
                UnitSource::Program(program) => files.push(pipeline.base.join(program)),
                UnitSource::Pipeline(other) if depth < DEEPEST => {
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

/// Reads what stands beside the units, and gives what is wrong with it and was not `said`: one file may stand beside several.
fn unit_limits(
    pipeline: &mut Pipeline,
    policy: &Policy,
    sources: &mut Sources,
    said: &mut Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let before = said.len();
    for (name, spec) in &pipeline.units {
        match component_file::limits(&spec.source, &pipeline.base, policy, sources) {
            Ok(Some(limits)) => drop(pipeline.unit_limits.insert(name.clone(), limits)),
            Ok(None) => {}
            Err(found) => {
                for problem in found {
                    if !said.contains(&problem) {
                        said.push(problem);
                    }
                }
            }
        }
    }
    said.get(before..).unwrap_or_default().to_vec()
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
