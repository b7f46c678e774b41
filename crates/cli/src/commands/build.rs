//! `wasmill build`: the units of a pipeline that are given as source, all at once.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use wasmill_model::{
    Code, Diagnostic, ExitCode, Location, Pipeline, SourceText, SourceUnit, UnitSource, UnitSpec, format_bytes,
    format_duration,
};
use wasmill_runtime::Overrides;
use wasmill_toolchain::{Built, Toolchain};

use crate::failure::{Failure, Outcome};
use crate::inputs;
use crate::pipeline_file::{self, PipelineFile};
use crate::printer::Printer;
use crate::render::{BOLD, DIM, GREEN, RED, Sources, YELLOW, printable};
use crate::settings::{BuildSettings, SourceSettings, units_folder};
use crate::standard_input::StandardInput;
use crate::toolchain::{self, BuildFailure};

/// One unit to be built.
struct Work {
    name: String,
    /// The file that says so.
    file: PathBuf,
    source: SourceUnit,
    spec: UnitSpec,
    base: PathBuf,
    toolchain: Toolchain,
}

/// What became of it.
struct Done {
    built: Built,
    /// Whether a second build gave the same bytes; none where nobody asked.
    reproducible: Option<bool>,
}

/// How one build ended.
type Ended = Result<Done, Box<BuildFailure>>;

/// Builds the units, prints a table of them, and writes them where that is asked for.
pub(crate) fn build(settings: &BuildSettings, printer: &Printer) -> Outcome {
    if let Some(inputs) = &settings.request {
        return request(settings, inputs, printer);
    }
    let mut sources = Sources::default();
    let work = work(settings, &mut sources, printer)?;
    if work.is_empty() {
        let message = format!("`{}` has no units that are given as source", settings.file.display());
        printer.note(&format!("{message}: nothing to build\n"));
    }
    let results = all(&work, settings.check, printer);
    let mut problems = Vec::new();
    let mut done = Vec::new();
    for (work, result) in work.iter().zip(results) {
        match result {
            Ok(result) => done.push((work, result)),
            Err(failure) => problems.extend(failure.diagnostics(&mut sources)),
        }
    }
    if let Some(folder) = &settings.out {
        write(&done, folder)?;
    }
    if printer.is_json() && problems.is_empty() {
        let units: Vec<_> = done.iter().map(|(work, done)| describe(work, done)).collect();
        printer.json(&json!({ "wasmill": 1, "ok": true, "units": units }))?;
    } else if !printer.is_json() && !done.is_empty() {
        printer.text(&table(&done))?;
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(problems).in_files(&sources));
    }
    let differs = done.iter().any(|(_, done)| done.reproducible == Some(false));
    Ok(if differs { ExitCode::Failed } else { ExitCode::Success })
}

/// Prints a run request that has all of the pipeline in it.
fn request(settings: &BuildSettings, inputs: &[String], printer: &Printer) -> Outcome {
    let toolchain = settings.toolchain.clone();
    let units = SourceSettings { folder: units_folder(), allow_unpinned: false, toolchain };
    let overrides = Overrides::default();
    let PipelineFile { bundle, sources } =
        pipeline_file::read(&settings.file, &settings.policy, &overrides, &units, printer)?;
    let stdin = StandardInput::new(printer);
    let inputs = inputs::collect_some(inputs, &bundle.pipeline.inputs, &stdin)
        .map_err(|problems| Failure::invalid(problems).in_files(&sources))?;
    let request = wasmill_runtime::request_of(&bundle, &settings.file, inputs, &|name| sources.text(name))?;
    printer.json(&request)?;
    Ok(ExitCode::Success)
}

/// What is to be built: of a pipeline and those that it calls, or one source.
fn work(settings: &BuildSettings, sources: &mut Sources, printer: &Printer) -> Result<Vec<Work>, Failure> {
    let built_with = settings.toolchain.toolchain(printer);
    let file = &settings.file;
    let language = settings.lang.or_else(|| toolchain::language_of(file));
    if let Some(language) = language {
        let name = file.file_stem().map_or_else(|| "unit".to_owned(), |stem| stem.to_string_lossy().into_owned());
        let text = SourceText::Path(file.clone());
        let function = settings.function.as_deref().map(Into::into);
        let source = SourceUnit { language, text, function, trusted: false };
        let location = Location { file: file.to_string_lossy().as_ref().into(), ..Location::default() };
        let spec = UnitSpec { source: UnitSource::Source(source.clone()), sha256: None, location };
        let toolchain = built_with.clone();
        return Ok(vec![Work { name, file: file.clone(), source, spec, base: PathBuf::new(), toolchain }]);
    }
    let mut found = Vec::new();
    let mut open = VecDeque::from([file.clone()]);
    let mut seen: IndexMap<PathBuf, ()> = IndexMap::new();
    while let Some(path) = open.pop_front() {
        let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if seen.insert(real, ()).is_some() {
            continue;
        }
        let (pipeline, texts) = pipeline_file::parse(&path)?;
        sources.extend(&texts);
        let not_trusted = toolchain::trust_problems(&pipeline, &settings.policy, settings.toolchain.trust);
        if !not_trusted.is_empty() {
            return Err(Failure::invalid(not_trusted).in_files(sources));
        }
        let toolchain = built_with.with_programs(&pipeline.toolchains, &pipeline.base);
        let Pipeline { units, base, .. } = pipeline;
        for (name, spec) in units {
            match &spec.source {
                UnitSource::Source(source) => found.push(Work {
                    name: name.to_string(),
                    file: path.clone(),
                    source: source.clone(),
                    base: base.clone(),
                    toolchain: toolchain.clone(),
                    spec,
                }),
                UnitSource::Pipeline(other) => open.push_back(base.join(other)),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// As many at once as there are cores. The results are in the order of the work.
fn all(work: &[Work], check: bool, printer: &Printer) -> Vec<Ended> {
    let next = Mutex::new(0..work.len());
    let results: Vec<Mutex<Option<Ended>>> = work.iter().map(|_| Mutex::new(None)).collect();
    let progress = Progress::start(work.len(), printer);
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        while let Some(place) = take() {
            let (Some(work), Some(slot)) = (work.get(place), results.get(place)) else { return };
            progress.began(&work.name);
            let result = one(work, check);
            progress.ended(&work.name, &result);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        let cores = available_parallelism().map_or(1, usize::from).min(work.len());
        for _ in 1..cores.max(1) {
            scope.spawn(run);
        }
        run();
    });
    progress.finish();
    results.into_iter().filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

fn one(work: &Work, check: bool) -> Ended {
    let built = toolchain::build(&work.toolchain, &work.source, &work.spec, &work.base)?;
    if !check {
        return Ok(Done { built, reproducible: None });
    }
    // Without the cache, which would give back what it was given.
    let again = Toolchain::new(wasmill_toolchain::Settings { cache: None, ..work.toolchain.settings().clone() });
    let again = again.sharing_interpreters(&work.toolchain);
    let other = toolchain::build(&again, &work.source, &work.spec, &work.base)?;
    let reproducible = other.unit.digest() == built.unit.digest();
    Ok(Done { built, reproducible: Some(reproducible) })
}

/// A bar on a terminal, lines otherwise.
struct Progress<'a> {
    bar: Option<ProgressBar>,
    printer: &'a Printer,
}

impl<'a> Progress<'a> {
    fn start(count: usize, printer: &'a Printer) -> Self {
        let is_drawn = io::stderr().is_terminal() && !printer.is_quiet() && count > 0;
        let bar = is_drawn.then(|| {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(count as u64), target);
            let style = ProgressStyle::with_template("{spinner:.cyan} [{bar:24.cyan/dim}] {pos}/{len} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Progress { bar, printer }
    }

    fn began(&self, name: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(printable(name)),
            None => self.printer.note(&format!("{DIM}▶ {}{DIM:#}\n", printable(name))),
        }
    }

    fn ended(&self, name: &str, result: &Ended) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            return;
        }
        let name = printable(name);
        self.printer.note(&match result {
            Ok(done) => format!("{GREEN}✔{GREEN:#} {name}  {DIM}{}{DIM:#}\n", format_duration(done.built.took)),
            Err(_) => format!("{RED}✘{RED:#} {name}\n"),
        });
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn describe(work: &Work, done: &Done) -> serde_json::Value {
    let Done { built, reproducible } = done;
    let mut unit = json!({
        "unit": work.name,
        "file": work.file.display().to_string(),
        "language": built.language,
        "tool": built.tool,
        "took_ms": built.took.as_secs_f64() * 1e3,
        "cached": built.cached,
        "size": built.unit.info().size,
        "sha256": built.unit.digest(),
    });
    if let (Some(reproducible), Some(unit)) = (reproducible, unit.as_object_mut()) {
        unit.insert("reproducible".to_owned(), (*reproducible).into());
    }
    unit
}

fn table(done: &[(&Work, Done)]) -> String {
    let mut rows = vec![["unit", "language", "time", "size", "cached", "tool"].map(str::to_owned)];
    for (work, Done { built, .. }) in done {
        rows.push([
            printable(&work.name),
            built.language.to_string(),
            format_duration(built.took),
            format_bytes(built.unit.info().size),
            if built.cached { "yes" } else { "no" }.to_owned(),
            printable(&built.tool),
        ]);
    }
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let [name, language, time, size, cached] = [0, 1, 2, 3, 4].map(width);
    let mut text = String::new();
    for (place, row) in rows.iter().enumerate() {
        let [unit, lang, took, bytes, kept, tool] = row;
        let line = format!("{unit:<name$}  {lang:<language$}  {took:>time$}  {bytes:>size$}  {kept:<cached$}  {tool}");
        let style = if place == 0 { BOLD } else { anstyle::Style::new() };
        let _ = writeln!(text, "{style}{}{style:#}", line.trim_end());
    }
    for (work, done) in done {
        match done.reproducible {
            Some(true) => {
                let _ = writeln!(text, "{GREEN}✔{GREEN:#} {}: two builds are the same", printable(&work.name));
            }
            Some(false) => {
                let _ = writeln!(text, "{YELLOW}!{YELLOW:#} {}: two builds differ", printable(&work.name));
            }
            None => {}
        }
    }
    text
}

fn write(done: &[(&Work, Done)], folder: &Path) -> Result<(), Failure> {
    let cannot = |path: &Path, error: io::Error| {
        let message = format!("`{}` cannot be written: {error}", path.display());
        Failure::host_because(Diagnostic::new(Code::HostError, message).help("name a folder that you may write to"))
    };
    std::fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    for (work, done) in done {
        let name: String =
            work.name.chars().map(|one| if one.is_alphanumeric() || "-_.".contains(one) { one } else { '_' }).collect();
        let path = folder.join(format!("{name}.wasm"));
        std::fs::write(&path, done.built.unit.bytes()).map_err(|error| cannot(&path, error))?;
    }
    Ok(())
}
