//! From a manifest to a [`Bundle`]: the pipelines that it calls are read, units are loaded, and the one is held against the other.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_engine::EngineInfo;
use wasmill_manifest::{Format, IncludedPipeline, included_name};
use wasmill_model::{Code, Diagnostic, Dialect, Digest, Pipeline, Policy, UnitSource, UnitSpec};
use wasmill_unit::Unit;

use crate::{Bundle, Overrides, check, component_limits};

/// Pipelines that call each other deeper than this are a mistake.
pub const DEEPEST_CALL: usize = 16;

/// Where the files are that make pipelines, and how they are read.
pub trait PipelineFiles {
    /// The text of a manifest.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn text(&mut self, path: &Path) -> Result<String, Diagnostic>;

    /// Is told of every text that errors may point into, by its name.
    fn note(&mut self, name: &str, text: &str) {
        let _ = (name, text);
    }

    /// Why nothing of this pipeline is loaded: it asks for what is not done here.
    fn refuse(&mut self, pipeline: &Pipeline) -> Vec<Diagnostic>;

    /// The units that can be loaded, and what is wrong with the others.
    fn units(&mut self, pipeline: &Pipeline) -> (IndexMap<Arc<str>, Unit>, Vec<Diagnostic>);

    /// What else is wrong with this pipeline here: the folders that it grants.
    fn check(&mut self, pipeline: &Pipeline) -> Vec<Diagnostic>;
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

/// A pipeline that was read because another one calls it.
struct Read {
    /// None where it was no text.
    digest: Option<Digest>,
    /// None where something is wrong in it: that was said when it was read.
    loaded: Option<Loaded<Arc<Bundle>>>,
}

/// Reads pipelines and those that they call, loads their units, and holds the steps against them. Nothing is started.
pub struct BundleReader<'a> {
    files: &'a mut dyn PipelineFiles,
    policy: &'a Policy,
    engines: &'a [EngineInfo],
    overrides: &'a Overrides,
    /// The files that are being read, each because the one before it calls it: as they were named, and where they are.
    open: Vec<(PathBuf, PathBuf)>,
    /// Those that have been read, by their [`place_of`].
    read: HashMap<PathBuf, Read>,
    /// What is wrong with files that stand beside units, and was said.
    beside: Vec<Diagnostic>,
    /// The pipelines that are in no file, by their [`included_name`].
    included: HashMap<PathBuf, IncludedPipeline>,
    /// What those names are relative to.
    root: PathBuf,
}

impl<'a> BundleReader<'a> {
    /// A reader; what is overridden is not held against the steps.
    pub fn new(
        files: &'a mut dyn PipelineFiles,
        policy: &'a Policy,
        engines: &'a [EngineInfo],
        overrides: &'a Overrides,
    ) -> Self {
        BundleReader {
            files,
            policy,
            engines,
            overrides,
            open: Vec::new(),
            read: HashMap::new(),
            beside: Vec::new(),
            included: HashMap::new(),
            root: PathBuf::new(),
        }
    }

    /// The same, where these pipelines were given in the places of files.
    #[must_use]
    pub fn including(self, pipelines: HashMap<PathBuf, IncludedPipeline>) -> Self {
        BundleReader { included: pipelines, ..self }
    }

    /// The pipeline of a file.
    ///
    /// # Errors
    /// Why the file cannot be read, or everything that is wrong with it and its units, in the order of the file, whoever found it; then
    /// what is wrong with the files that it names.
    pub fn file(mut self, path: &Path) -> Result<Bundle, Vec<Diagnostic>> {
        let text = self.files.text(path).map_err(|problem| vec![problem])?;
        self.bundle(path, &text).map(|loaded| loaded.bundle)
    }

    /// A pipeline that was read already, from no file.
    ///
    /// # Errors
    /// As [`BundleReader::file`].
    pub fn pipeline(mut self, pipeline: Pipeline) -> Result<Bundle, Vec<Diagnostic>> {
        self.root.clone_from(&pipeline.base);
        self.complete(pipeline, Vec::new()).map(|loaded| loaded.bundle)
    }
}

impl BundleReader<'_> {
    fn bundle(&mut self, path: &Path, text: &str) -> Result<Loaded<Bundle>, Vec<Diagnostic>> {
        self.open.push((path.to_owned(), real(path)));
        let bundle = self.parsed(path, text);
        self.open.pop();
        bundle
    }

    fn parsed(&mut self, path: &Path, text: &str) -> Result<Loaded<Bundle>, Vec<Diagnostic>> {
        let name = path.to_string_lossy();
        self.files.note(&name, text);
        let (pipeline, problems) = wasmill_manifest::parse_partly(&name, text, Format::of(path));
        match pipeline {
            Some(pipeline) => self.complete(pipeline, problems),
            None => Err(problems),
        }
    }

    /// A pipeline that was read, with what is wrong with it so far: a [`Bundle`] of it.
    fn complete(
        &mut self,
        mut pipeline: Pipeline,
        mut problems: Vec<Diagnostic>,
    ) -> Result<Loaded<Bundle>, Vec<Diagnostic>> {
        let Called { pipelines, height, problems: not_called, mut elsewhere } = self.called(&pipeline);
        problems.extend(not_called);
        let refused = self.files.refuse(&pipeline);
        if !refused.is_empty() {
            // Nothing of it is loaded.
            return Err(problems.into_iter().chain(refused).collect());
        }
        let (units, not_loaded) = self.files.units(&pipeline);
        elsewhere.extend(unit_limits(&mut pipeline, self.policy, self.files, &mut self.beside));
        let bundle = Bundle { pipeline: Arc::new(pipeline), units, pipelines };
        let mut found = check(&bundle, self.policy, self.engines, self.overrides);
        found.extend(self.files.check(&bundle.pipeline));
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
        let name = included_name(path.strip_prefix(&self.root).unwrap_or(path));
        let included = self.included.get(&name).cloned();
        let (itself, place) = match included {
            Some(_) => (name.clone(), name),
            None => (real(path), place_of(path)),
        };
        self.not_in_a_circle(path, &itself)?;
        if let Some(read) = self.read.get(&place) {
            is_declared(path, spec, read.digest)?;
            let Some(Loaded { bundle, height }) = &read.loaded else { return Ok(None) };
            self.not_too_deep(path, *height)?;
            return Ok(Some(Loaded { bundle: bundle.clone(), height: *height }));
        }
        self.not_too_deep(path, 1)?;
        let (digest, loaded) = match included {
            Some(IncludedPipeline { mut pipeline, digest }) => {
                is_declared(path, spec, digest)?;
                pipeline.base = self.root.join(&pipeline.base);
                self.open.push((path.to_owned(), itself));
                let loaded = self.complete(pipeline, Vec::new());
                self.open.pop();
                (digest, loaded)
            }
            None => {
                let text = self.files.text(path)?;
                // The bytes that are compared are those that are run: the file may change at any time.
                let digest = Some(Digest::of(text.as_bytes()));
                is_declared(path, spec, digest)?;
                (digest, self.bundle(path, &text))
            }
        };
        let loaded = match loaded {
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

    fn not_in_a_circle(&self, path: &Path, itself: &Path) -> Result<(), Diagnostic> {
        let Some(place) = self.open.iter().position(|(_, open)| *open == itself) else { return Ok(()) };
        let circle = self.open.iter().skip(place).map(|(path, _)| shown(path));
        let circle: Vec<String> = circle.chain([shown(path)]).collect();
        let message = format!("pipelines call each other: {}", circle.join(" → "));
        Err(Diagnostic::new(Code::Cycle, message).help("take one of these calls out"))
    }

    /// Whether one that is so high can be called from here.
    fn not_too_deep(&self, path: &Path, height: usize) -> Result<(), Diagnostic> {
        if self.open.len() + height <= DEEPEST_CALL {
            return Ok(());
        }
        let message = match height {
            1 => format!("{} is called {DEEPEST_CALL} pipelines deep", shown(path)),
            _ => format!("what {} calls is called {DEEPEST_CALL} pipelines deep", shown(path)),
        };
        Err(Diagnostic::new(Code::Unsupported, message).help("put some of them together"))
    }
}

/// Whether a file is the one that was declared, where one was.
fn is_declared(path: &Path, spec: &UnitSpec, actual: Option<Digest>) -> Result<(), Diagnostic> {
    if spec.sha256.is_none_or(|declared| actual == Some(declared)) {
        return Ok(());
    }
    let Some(actual) = actual else {
        let message = format!("{} is declared by its SHA-256, and given as an object", shown(path));
        return Err(Diagnostic::new(Code::DigestMismatch, message).help("give its text"));
    };
    let message = format!("{} is not the pipeline that was declared: its SHA-256 is {actual}", shown(path));
    let help = format!("if it was meant to change, declare `sha256: {actual}`; if not, do not run it");
    Err(Diagnostic::new(Code::DigestMismatch, message).help(help))
}

fn shown(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// Says where the paths of a pipeline begin that is in no file. Units of the nodes of a manifest v1 are sought in the folder itself, where
/// they are not in `units`.
pub fn place(pipeline: &mut Pipeline, folder: &Path) {
    /// Where they are else.
    const UNITS: &str = "units";
    pipeline.base = folder.to_owned();
    if pipeline.dialect != Dialect::PipelineV1 {
        return;
    }
    for spec in pipeline.units.values_mut() {
        if let UnitSource::Path(path) = &mut spec.source
            && let Ok(bare) = path.strip_prefix(UNITS)
            && !folder.join(&*path).exists()
            && folder.join(bare).exists()
        {
            *path = bare.to_owned();
        }
    }
}

/// The file itself, however it is named.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Where a file stands, however it is named. A link to a file is another place than the file: what it names is sought beside the link.
pub fn place_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name() {
        Some(name) => real(folder).join(name),
        None => real(path),
    }
}

/// Reads what stands beside the units, and gives what is wrong with it and was not `said`: one file may stand beside several.
fn unit_limits(
    pipeline: &mut Pipeline,
    policy: &Policy,
    files: &mut dyn PipelineFiles,
    said: &mut Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    let before = said.len();
    for (name, spec) in &pipeline.units {
        match component_limits(&spec.source, &pipeline.base, policy, &mut |name, text| files.note(name, text)) {
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
