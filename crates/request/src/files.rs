//! The folder of units, and what is not done here: nothing is fetched, built or started.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Code, Diagnostic, Language, Pipeline, SourceText, SourceUnit, UnitSource, UnitSpec};
use wasmill_runtime::PipelineFiles;
use wasmill_unit::Unit;

use crate::Task;

/// A manifest larger than this is a mistake.
const LARGEST: u64 = 64 << 20;

/// The folder that paths of units are relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folder {
    /// This one.
    Open(PathBuf),
    /// None, and there could be one: by this argument.
    Argument(&'static str),
    /// None: there is nothing to open.
    Nowhere,
}

/// The files of a run.
pub(crate) struct Files {
    folder: Folder,
    task: Task,
}

impl Files {
    pub(crate) fn new(folder: Folder, task: Task) -> Self {
        Files { folder, task }
    }

    /// Says where the paths of a pipeline begin that is in no file.
    pub(crate) fn place(&self, pipeline: &mut Pipeline) {
        if let Folder::Open(folder) = &self.folder {
            wasmill_runtime::place(pipeline, folder);
        }
    }

    /// Why this unit is not loaded here.
    fn refused(&self, name: &str, spec: &UnitSpec, base: &Path) -> Option<Diagnostic> {
        let elsewhere = "give its binary beside the pipeline: `\"units\": { NAME: BASE64 }`";
        let unsupported = |why: &str| {
            let message = format!("the unit `{name}` {why} where Wasmill itself runs as WebAssembly");
            Diagnostic::new(Code::Unsupported, message)
        };
        match &spec.source {
            UnitSource::Path(path) => self.not_in_folder(&format!("the unit `{name}`"), path, base),
            UnitSource::Source(SourceUnit { language: Language::Wat, text, .. }) => match text {
                SourceText::Path(path) => self.not_in_folder(&format!("the unit `{name}`"), path, base),
                SourceText::Code(_) => None,
            },
            UnitSource::Url(_) => Some(unsupported("is at a URL, and nothing is fetched").help(elsewhere)),
            UnitSource::Source(source) => {
                let what = format!("is source in {}, and nothing is compiled", source.language.as_str());
                Some(
                    unsupported(&what)
                        .help("`wasmill build` makes a binary of it; give that, in the folder or as base64"),
                )
            }
            UnitSource::Program(_) => {
                Some(unsupported("is a native program, and none is started").help("use a unit in WebAssembly"))
            }
            // Whether a pipeline may be read is said where it is: it may have come with the request.
            UnitSource::Base64(_) | UnitSource::Wat(_) | UnitSource::Builtin(_) | UnitSource::Pipeline(_) => None,
            _ => Some(unsupported("is from such a source, and it is not loaded").help(elsewhere)),
        }
        .map(|problem| problem.at(&spec.location))
    }

    /// Why a path cannot be one of the folder. Links in it are its owner's word, and the runtime's that opened it.
    fn not_in_folder(&self, what: &str, path: &Path, base: &Path) -> Option<Diagnostic> {
        let shown = path.display();
        let absent = |why: &str, help: String| {
            let message = format!("{what} is in the file `{shown}`, and {why}");
            Some(Diagnostic::new(Code::UnitNotFound, message).help(help))
        };
        let give = "give the binary: `\"units\": { NAME: BASE64 }`";
        let folder = match &self.folder {
            Folder::Open(folder) => folder,
            Folder::Argument(argument) => {
                return absent("no folder of units was given", format!("name the folder: `{argument}`, or {give}"));
            }
            Folder::Nowhere => return absent("there are no files here", give.to_owned()),
        };
        // Pipelines of the folder that call others may go up, within it.
        let from = base.strip_prefix(folder).unwrap_or(Path::new(""));
        let is_inside = from.components().chain(path.components()).try_fold(0_usize, |depth, part| match part {
            Component::Normal(_) => Some(depth + 1),
            Component::CurDir => Some(depth),
            Component::ParentDir => depth.checked_sub(1),
            Component::RootDir | Component::Prefix(_) => None,
        });
        if is_inside.is_some() {
            // Without it every file is missing, and why is said of none.
            let problem = std::fs::metadata(folder).err()?;
            let why = format!("the folder of units `{}` cannot be opened: {problem}", folder.display());
            return absent(
                &why,
                "the runtime has to open it: `wasmtime run --dir DIR::/units … --units /units`".to_owned(),
            );
        }
        let message = format!("{what} is in `{shown}`, outside of the folder of units");
        let help = format!("paths are relative to `{}`, and do not leave it", folder.display());
        Some(Diagnostic::new(Code::UnitNotFound, message).help(help))
    }
}

impl PipelineFiles for Files {
    fn text(&mut self, path: &Path) -> Result<String, Diagnostic> {
        let folder = match &self.folder {
            Folder::Open(folder) => folder.as_path(),
            Folder::Argument(_) | Folder::Nowhere => Path::new(""),
        };
        let within = path.strip_prefix(folder).unwrap_or(path);
        if let Some(problem) = self.not_in_folder("a pipeline that is called", within, folder) {
            let give =
                format!("give the pipeline: `\"pipelines\": {{ \"{}\": {{ \"pipeline\": … }} }}`", within.display());
            return Err(match self.folder {
                Folder::Argument(argument) => problem.help(format!("name the folder: `{argument}`, or {give}")),
                Folder::Nowhere => problem.help(give),
                Folder::Open(_) => problem,
            });
        }
        let unknown = |why: String| Diagnostic::new(Code::UnknownFile, format!("`{}` {why}", path.display()));
        let cannot = |error: std::io::Error| unknown(format!("cannot be read: {error}"));
        let size = std::fs::metadata(path).map_err(cannot)?.len();
        if size > LARGEST {
            return Err(unknown(format!("has {size} bytes: no manifest is that large")));
        }
        let bytes = std::fs::read(path).map_err(cannot)?;
        String::from_utf8(bytes).map_err(|_| unknown("is no pipeline: it is not UTF-8 text".to_owned()))
    }

    fn refuse(&mut self, pipeline: &Pipeline) -> Vec<Diagnostic> {
        pipeline.units.iter().filter_map(|(name, spec)| self.refused(name, spec, &pipeline.base)).collect()
    }

    fn units(&mut self, pipeline: &Pipeline) -> (IndexMap<Arc<str>, Unit>, Vec<Diagnostic>) {
        let mut units = IndexMap::new();
        let mut problems = Vec::new();
        for (name, spec) in &pipeline.units {
            let source = match &spec.source {
                UnitSource::Pipeline(_) => continue,
                // Text needs no compiler: all that it exports is what it says.
                UnitSource::Source(SourceUnit { text: SourceText::Path(path), .. }) => UnitSource::Path(path.clone()),
                UnitSource::Source(SourceUnit { text: SourceText::Code(text), .. }) => {
                    UnitSource::Wat(text.to_string())
                }
                other => other.clone(),
            };
            let spec = UnitSpec { source, ..spec.clone() };
            match wasmill_artifact::load_local(&spec, &pipeline.base) {
                Ok(unit) => drop(units.insert(name.clone(), unit)),
                Err(error) => problems.push(error.diagnostic().at(&spec.location)),
            }
        }
        (units, problems)
    }

    fn check(&mut self, pipeline: &Pipeline) -> Vec<Diagnostic> {
        // Of a replay, what such a step gave is in the record.
        let runs = self.task == Task::Run;
        let granted = pipeline.steps.iter().filter(|step| runs && !step.grants.dirs.is_empty());
        let problem = |step: &wasmill_model::Step| {
            let message = format!(
                "the step `{}` is granted a folder, and there are none for steps where Wasmill itself runs as WebAssembly",
                step.id
            );
            Diagnostic::new(Code::Unsupported, message)
                .at(&step.grants_location)
                .in_step(&step.id)
                .help("give what it reads as an input, or run it with the `wasmill` program")
        };
        granted.map(problem).collect()
    }
}
