//! Units from source, as the command line builds them: which toolchain, what runs its interpreters, and how its errors are shown.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use wasmill_artifact::{BuildCache, CodeCache};
use wasmill_engine_wasmtime::{Settings as EngineSettings, WasmtimeEngine};
use wasmill_model::{
    Code, Diagnostic, Input, Language, LimitOverrides, Limits, Location, Pipeline, Policy, SourceText, SourceUnit,
    UnitSource, UnitSpec, Value, Verdict,
};
use wasmill_toolchain::{
    BuildError, Built, Confinement, Interpret, Mode, Settings, SourceFiles, SourceProblem, Toolchain, Tools,
};
use wasmill_unit::Unit;

use crate::commands::cache::remedy;
use crate::env_vars;
use crate::host::{self, TOOL_LAUNCHER};
use crate::interrupts;
use crate::printer::Printer;
use crate::progress::{TICK, spinner};
use crate::render::{DIM, Sources, printable};
use crate::settings::CompilerChoice;

/// How units are built, as flags and environment say it. Made once; clones share what was loaded.
#[derive(Debug, Clone)]
pub(crate) struct ToolchainSettings {
    /// The folder of tools that `cargo xtask setup` fills.
    pub(crate) tools: Option<PathBuf>,
    /// Where builds are kept; none: nowhere.
    pub(crate) builds: Option<PathBuf>,
    /// The most bytes of all builds.
    pub(crate) capacity: u64,
    /// How long a build is used.
    pub(crate) time_to_live: Option<Duration>,
    /// Where compilers keep their own things.
    pub(crate) caches: Option<PathBuf>,
    /// Bytes of memory of each process of a compiler.
    pub(crate) memory: u64,
    /// The most time for one unit.
    pub(crate) timeout: Duration,
    /// For speed, or for finding faults.
    pub(crate) mode: Mode,
    /// Whether wasm-opt is used.
    pub(crate) optimize: bool,
    /// Whether every source is trusted.
    pub(crate) trust: bool,
    /// Whether everything is built again.
    pub(crate) again: bool,
    /// What reading a script may use, where that is less than the usual.
    pub(crate) reading: LimitOverrides,
    /// Compiled code of interpreters.
    pub(crate) code: Option<PathBuf>,
    /// Which process compiles interpreters.
    pub(crate) compiler: CompilerChoice,
    /// Made when it is first asked for.
    pub(crate) made: Arc<OnceLock<Toolchain>>,
}

impl ToolchainSettings {
    /// The toolchain.
    pub(crate) fn toolchain(&self, printer: &Printer) -> &Toolchain {
        self.made.get_or_init(|| Toolchain::new(self.settings(printer)))
    }

    fn settings(&self, printer: &Printer) -> Settings {
        let cache = self.builds.as_ref().and_then(|folder| {
            let opened = BuildCache::open_with(folder.clone(), self.capacity, self.time_to_live);
            opened
                .inspect_err(|error| {
                    let help = remedy(error, env_vars::WASMILL_BUILDS_DIR);
                    printer.note(&format!("warning: built units are not kept: {error}\n  help: {help}\n"));
                })
                .ok()
                .map(Arc::new)
        });
        let launcher = host::own_program().ok().map(|program| (program, vec![TOOL_LAUNCHER.into()]));
        Settings {
            tools: self.tools(),
            confinement: Confinement { launcher, memory: self.memory, timeout: self.timeout, ..Confinement::default() },
            mode: self.mode,
            optimize: self.optimize,
            trust: self.trust,
            cache,
            interpret: Some(Arc::new(Sandbox {
                limits: Limits::default().at_most(self.reading),
                code: self.code.clone(),
                compiler: self.compiler,
                engine: OnceLock::new(),
            })),
            again: self.again,
        }
    }

    /// Where programs are looked for.
    pub(crate) fn tools(&self) -> Tools {
        let caches = self.caches.clone().filter(|folder| wasmill_artifact::private_folder(folder).is_ok());
        Tools::from_environment(self.tools.clone(), caches)
    }
}

/// Runs interpreters, in the engine that runs all units.
struct Sandbox {
    limits: Limits,
    code: Option<PathBuf>,
    compiler: CompilerChoice,
    engine: OnceLock<Result<WasmtimeEngine, String>>,
}

impl Sandbox {
    fn engine(&self) -> Result<&WasmtimeEngine, String> {
        let make = || {
            let compiler = host::compiler(self.compiler).map_err(|failure| failure.message())?;
            let cache = self.code.clone().and_then(|folder| CodeCache::open(folder).ok()).map(Arc::new);
            let settings = EngineSettings { slots: 1, cache, compiler, ..EngineSettings::default() };
            WasmtimeEngine::new(settings).map_err(|error| error.to_string())
        };
        self.engine.get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

impl Interpret for Sandbox {
    fn call(&self, unit: &Unit, function: &str, arguments: &[&str]) -> Result<Result<String, String>, String> {
        let load = self.engine()?.load_unit(unit.clone()).function(function).limits(self.limits.clone());
        let loaded = load.prepare_blocking().map_err(|error| error.to_string())?;
        let arguments = arguments.iter().map(|text| Value::from(*text)).collect();
        let attempt = loaded.call_blocking(Input::Positional(arguments));
        match (attempt.output, attempt.receipt.verdict) {
            (Some(Value::String(answer)), _) => Ok(Ok(answer.to_string())),
            (_, Verdict::GuestError { message }) => Ok(Err(message)),
            (_, verdict) => Err(verdict.to_string()),
        }
    }
}

/// What a manifest says that is not its to say: programs are run only where whoever runs it trusts it (`--trust`), and so are those that
/// trusted sources bring, where the host's policy leaves that to no manifest.
pub(crate) fn trust_problems(pipeline: &Pipeline, policy: &Policy, trusts: bool) -> Vec<Diagnostic> {
    if trusts {
        return Vec::new();
    }
    let refused = |message: String, help: &str| Diagnostic::new(Code::NotTrusted, message).help(help);
    let trusted = pipeline.units.iter().filter(|_| !policy.trust_manifests).filter_map(|(name, spec)| {
        let UnitSource::Source(SourceUnit { trusted: true, .. }) = &spec.source else { return None };
        let message = format!(
            "the unit `{name}` says that its source is trusted, and this host's policy leaves that to whoever runs it"
        );
        Some(refused(message, "take `trusted` out; `--trust` says it for all sources").at(&spec.location))
    });
    let named = pipeline.toolchains.iter().next().map(|(language, program)| {
        let message = format!(
            "`toolchains` names `{}` for {}, and no program is run because a manifest names it",
            program.display(),
            language.title()
        );
        refused(message, "run with `--trust` if you trust whoever wrote it, or name the program in the environment (`wasmill doctor`)")
    });
    trusted.chain(named).collect()
}

/// Says what goes on, while `work` does it and takes long.
pub(crate) fn with_progress<T>(printer: &Printer, what: &str, work: impl FnOnce() -> T) -> T {
    const EACH: Duration = Duration::from_secs(10);
    if printer.is_quiet() {
        return work();
    }
    let is_drawn = std::io::stderr().is_terminal();
    let (over, watched) = mpsc::channel::<()>();
    // The sender goes with the closure: also where `work` panics, nobody waits for ever.
    std::thread::scope(move |scope| {
        scope.spawn(move || {
            let start = Instant::now();
            let mut bar = None;
            let mut next = if is_drawn { TICK } else { Duration::from_secs(1) };
            while watched.recv_timeout(next) == Err(RecvTimeoutError::Timeout) {
                let time = format!("{DIM}{:.1} s{DIM:#}", start.elapsed().as_secs_f64());
                if is_drawn {
                    let bar = bar.get_or_insert_with(spinner);
                    bar.set_message(format!("{}  {time}", printable(what)));
                    bar.tick();
                } else {
                    printer.note(&format!("{DIM}{}{DIM:#}  {time}\n", printable(what)));
                    next = EACH;
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        let result = work();
        drop(over);
        result
    })
}

/// Builds a unit of a pipeline.
pub(crate) fn build(
    toolchain: &Toolchain,
    source: &SourceUnit,
    spec: &UnitSpec,
    base: &Path,
) -> Result<Built, BuildFailure> {
    let failed = |error, files| BuildFailure {
        error: Box::new(error),
        source: source.clone(),
        location: spec.location.clone(),
        base: base.to_owned(),
        files,
    };
    let files = SourceFiles::read(source, base).map_err(|error| failed(error, None))?;
    interrupts::while_building(|| toolchain.build_files(source, &files)).map_err(|error| failed(error, Some(files)))
}

/// Why a unit of a pipeline could not be built.
#[derive(Debug)]
pub(crate) struct BuildFailure {
    error: Box<BuildError>,
    source: SourceUnit,
    location: Location,
    base: PathBuf,
    /// What was compiled: nothing else is shown, whatever file a compiler names.
    files: Option<SourceFiles>,
}

impl BuildFailure {
    /// What the user is shown; texts that it points into are added.
    pub(crate) fn diagnostics(&self, sources: &mut Sources) -> Vec<Diagnostic> {
        /// Nobody reads hundreds of a compiler's words.
        const MOST: usize = 20;
        let title = self.source.language.title();
        match &*self.error {
            BuildError::Compile { problems, .. } => {
                let mut all: Vec<Diagnostic> = problems
                    .iter()
                    .take(MOST)
                    .map(|problem| self.at(problem, format!("{title}: {}", problem.message), sources))
                    .map(|(place, message)| Diagnostic::new(Code::SourceInvalid, message).at(&place))
                    .collect();
                if let (Some(last), true) = (all.last_mut(), problems.len() > MOST) {
                    last.help = Some(format!("the compiler says {} things more", problems.len() - MOST));
                }
                all
            }
            BuildError::Function { problem, help } => {
                let (place, message) = self.at(problem, problem.message.clone(), sources);
                vec![Diagnostic::new(Code::SourceInvalid, message).at(&place).help(help.clone())]
            }
            error => vec![diagnostic(error).at(&self.location)],
        }
    }

    /// Where a problem of the source stands for the user, and what is left to say of the place.
    fn at(&self, problem: &SourceProblem, message: String, sources: &mut Sources) -> (Location, String) {
        if problem.line == 0 {
            // Of the source as a whole: where the manifest names it.
            let place = if problem.file.is_empty() || matches!(self.source.text, SourceText::Code(_)) {
                String::new()
            } else {
                format!(" ({})", problem.file)
            };
            return (self.location.clone(), message + &place);
        }
        match &self.source.text {
            SourceText::Path(path) => {
                let path = self.base.join(path);
                let read = self.files.as_ref().and_then(|files| {
                    let named = if files.is_folder { &problem.file } else { &files.main };
                    let text = std::str::from_utf8(files.files.get(named)?).ok()?;
                    Some((if files.is_folder { path.join(named) } else { path.clone() }, text))
                });
                let Some((file, text)) = read else {
                    let place = if problem.file.is_empty() { String::new() } else { format!(" ({})", problem.file) };
                    return (self.location.clone(), message + &place);
                };
                let name = file.to_string_lossy().into_owned();
                sources.add(&name, text);
                (place_in(&name, text, problem.line, problem.column, 0), message)
            }
            SourceText::Code(code) => {
                if let Some(text) = sources.text(&self.location.file)
                    && let Some((line, indent)) = find(&text, code, self.location.offset)
                    && problem.line > 0
                {
                    let name = self.location.file.to_string();
                    return (place_in(&name, &text, line + problem.line, problem.column, indent), message);
                }
                let place = match (problem.line, problem.column) {
                    (0, _) => String::new(),
                    (line, 0) => format!(" (line {line} of the code)"),
                    (line, column) => format!(" (line {line}, column {column} of the code)"),
                };
                (self.location.clone(), message + &place)
            }
        }
    }
}

/// The language of a source file, or of a folder of them.
pub(crate) fn language_of(path: &Path) -> Option<Language> {
    if path.is_dir() { SourceFiles::language_of(path) } else { Language::of_file(path) }
}

/// The files of a source, to be watched: all of a folder.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    // Only what is there: a file that comes later is seen with the next change.
    wasmill_toolchain::SourceFiles::list(path).into_iter().map(|file| path.join(file)).collect()
}

/// What a user is shown of an error that has no place in the source.
pub(crate) fn diagnostic(error: &BuildError) -> Diagnostic {
    let of = |code: Code, help: &str| Diagnostic::new(code, error.to_string()).help(help);
    match error {
        BuildError::Source { help, .. } => of(Code::UnitNotFound, help),
        BuildError::Missing { install, tool, .. } => {
            of(Code::ToolMissing, &format!("install it with {install}; or name it with `{}=PATH`", tool.variable()))
        }
        BuildError::Broken { install, .. } => of(Code::ToolMissing, &format!("install it again with {install}")),
        BuildError::NotTrusted { .. } => of(
            Code::NotTrusted,
            "write `trusted: true` beside the source, or run with `--trust`, if you trust whoever wrote all of it",
        ),
        BuildError::TimedOut { .. } => of(
            Code::BuildFailed,
            &format!("`{}=5m` allows more, where the source is worth it", env_vars::WASMILL_BUILD_TIMEOUT),
        ),
        BuildError::OutOfMemory { .. } => of(
            Code::BuildFailed,
            &format!("`{}=8GiB` allows more, where the source is worth it", env_vars::WASMILL_BUILD_MEMORY),
        ),
        BuildError::TooMuchOutput { .. } => of(Code::BuildFailed, "make the source smaller"),
        BuildError::NoUnit { .. } => Diagnostic::new(Code::SourceInvalid, error.to_string()),
        _ => Diagnostic::new(Code::BuildFailed, error.to_string()),
    }
}

/// A place in a text that is shown with a snippet.
fn place_in(name: &str, text: &str, line: u32, column: u32, indent: u32) -> Location {
    let file = name.into();
    if line == 0 {
        return Location { file, ..Location::default() };
    }
    let mut offset = 0;
    let mut found = "";
    for (number, one) in (1..).zip(text.split_inclusive('\n')) {
        if number == line {
            found = one;
            break;
        }
        offset += one.len();
    }
    let column = if column == 0 { first_letter(found) } else { column + indent };
    let before: usize = found.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
    let rest = found.get(before..).unwrap_or_default().trim_end_matches(['\r', '\n']);
    // The word that is meant, as far as one can tell.
    let word = rest.find(|one: char| !one.is_alphanumeric() && one != '_').unwrap_or(rest.len());
    let length = rest.get(..word.max(rest.chars().next().map_or(0, char::len_utf8))).map_or(0, str::len);
    Location { file, line, column, offset: (offset + before).min(text.len()), length }
}

fn first_letter(line: &str) -> u32 {
    let blanks = line.chars().take_while(|one| one.is_whitespace()).count();
    u32::try_from(blanks + 1).unwrap_or(1)
}

/// Where the lines of a code stand in a manifest: the lines before its first one, and the columns before each. None where it is not
/// written as it is: in quotes, on one line, with escapes.
fn find(manifest: &str, code: &str, offset: usize) -> Option<(u32, u32)> {
    let wanted: Vec<&str> = code.lines().collect();
    let first = wanted.iter().position(|line| !line.trim().is_empty())?;
    let lines: Vec<&str> = manifest.lines().collect();
    let start = manifest.get(..offset)?.lines().count().saturating_sub(1);
    (start..lines.len()).find_map(|place| {
        let indent = lines.get(place + first)?.find(wanted.get(first)?.trim_start())?;
        let indent = indent.checked_sub(wanted.get(first)?.len() - wanted.get(first)?.trim_start().len())?;
        let same = wanted.iter().enumerate().all(|(number, wanted)| {
            let line = lines.get(place + number).copied().unwrap_or_default();
            line.trim_end() == wanted.trim_end()
                || line.get(indent..).is_some_and(|line| line.trim_end() == wanted.trim_end())
        });
        same.then(|| (u32::try_from(place).unwrap_or(u32::MAX), u32::try_from(indent).unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_in_its_manifest() {
        let manifest = "units:\n  a:\n    code: |\n      def main():\n\n          return 1\n  b: { code: \"x = 1\" }\n";
        let code = "def main():\n\n    return 1\n";
        assert_eq!(find(manifest, code, 9), Some((3, 6)));
        assert_eq!(find(manifest, "def other():\n", 9), None);
        let place = place_in("m", manifest, 6, 5, 6);
        assert_eq!((place.line, place.column, &manifest[place.offset..place.offset + place.length]), (6, 11, "return"));
    }
}
