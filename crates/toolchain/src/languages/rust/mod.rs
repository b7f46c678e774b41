//! Rust: rustc alone, where nothing but the standard library is needed.
//!
//! The user's files stay as they are, so that every position in a message is theirs. At the end of a module whose types have to become
//! JSON or come from it stands an `include!` of a file that is written for this source; the rest of the glue is the crate `wasmill`
//! (`glue/rust`), compiled once for each compiler and kept. `fn main()` is a program, and is left alone.

mod items;
mod library;
mod package;
mod problems;
mod signature;
mod types;
mod written;

use std::collections::BTreeMap;
use std::ffi::OsString;

use wasmill_unit::Unit;

use super::{Compiled, Function};
use crate::job::{Job, Mode, Run};
use crate::{BuildError, SourceProblem, ToolName};
use items::{Module, Unread};
use signature::Entry;
use types::Way;
use written::Written;

/// The folder of generated files, within the scratch folder. No file of a source has such a name.
const GLUE: &str = ".wasmill/";
const UNIT: &str = ".wasmill/unit.wasm";
const TARGET: &str = "wasm32-wasip1";
/// The language that a source is read as where it is no package.
const EDITION: &str = "2024";

/// What was read of a source and written for it.
struct Prepared {
    /// None: a program.
    function: Option<Function>,
    /// What was written, by its file's name.
    written: BTreeMap<String, Written>,
    /// The files of the user that have something at the ends of their modules, with all their text.
    changed: BTreeMap<String, String>,
}

pub(crate) fn compile(job: &Job<'_>) -> Result<Compiled, BuildError> {
    let package = package::of(job)?;
    if let Some(package) = &package {
        package.check(job)?;
    }
    let rustc = job.tool(ToolName::Rustc)?;
    let prepared = match read(job) {
        Ok(prepared) => prepared,
        Err(Unread::Source(error)) => return Err(error),
        Err(Unread::Malformed { file, at, message }) => {
            // rustc says it better, and with all other errors.
            let edition = package.as_ref().map_or(EDITION, |package| package.edition.as_str());
            let mut args = arguments(job, edition);
            args.extend([
                "--crate-type".into(),
                "lib".into(),
                "--emit=metadata".into(),
                "-o".into(),
                ".wasmill.rmeta".into(),
            ]);
            args.push(job.source.main.clone().into());
            let ran = job.run(Run::new(&rustc, args))?;
            let line = u32::try_from(at.line).unwrap_or(0);
            let column = u32::try_from(at.column + 1).unwrap_or(0);
            return Err(match ran.succeeded {
                false => problems::read(&ran.stderr, &BTreeMap::new(), &ran.ended),
                true => BuildError::Function {
                    problem: SourceProblem { file, line, column, message },
                    help: "write it more simply".to_owned(),
                },
            });
        }
    };
    let library = library::find_or_compile(job, &rustc)?;
    for (name, text) in &prepared.changed {
        job.write(name, text)?;
    }
    for (name, written) in &prepared.written {
        job.write(name, &written.text)?;
    }
    job.write(&format!("{GLUE}.keep"), "")?;
    let binary = match &package {
        Some(package) if package.needs_cargo => package.build(job, &rustc, &library, &prepared)?,
        _ => {
            let edition = package.as_ref().map_or(EDITION, |package| package.edition.as_str());
            let mut args = arguments(job, edition);
            args.extend(["--crate-type".into(), crate_type(&prepared).into(), "-o".into(), UNIT.into()]);
            args.extend(library.args());
            args.push(job.source.main.clone().into());
            let mut run = Run::new(&rustc, args);
            run.readable.push(library.folder.clone());
            let ran = job.run(run)?;
            if !ran.succeeded {
                return Err(problems::read(&ran.stderr, &prepared.written, &ran.ended));
            }
            job.read(UNIT)?
        }
    };
    Unit::from_binary(binary.clone()).map_err(|error| BuildError::NoUnit { message: error.to_string() })?;
    Ok(Compiled { binary, function: prepared.function })
}

fn crate_type(prepared: &Prepared) -> &'static str {
    if prepared.function.is_some() { "cdylib" } else { "bin" }
}

/// What rustc is told of every crate.
fn arguments(job: &Job<'_>, edition: &str) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["--edition".into(), edition.into(), "--crate-name".into(), "unit".into()];
    args.extend(["--error-format=json".into(), "--target".into(), TARGET.into()]);
    args.extend(code_generation(job));
    args
}

/// How code is made, in words that also cargo hands on.
fn code_generation(job: &Job<'_>) -> Vec<OsString> {
    // The user's warnings have no reader, and a user's `forbid(unsafe_code)` is not meant for the glue.
    let mut args: Vec<OsString> = vec!["-Cpanic=abort".into(), "--cap-lints=allow".into(), without_scratch(job)];
    args.extend(match job.mode {
        Mode::Release => ["-Copt-level=2", "-Ccodegen-units=1", "-Cstrip=debuginfo"].map(OsString::from),
        Mode::Debug => ["-Copt-level=0", "-Cdebuginfo=line-tables-only", "-Cdebug-assertions=on"].map(OsString::from),
    });
    args
}

/// The scratch folder's name is no part of what is made.
fn without_scratch(job: &Job<'_>) -> OsString {
    let mut remap = OsString::from("--remap-path-prefix=");
    remap.push(job.folder);
    remap.push("=.");
    remap
}

/// Reads the function and the types of a source, and writes their glue. On a thread with a stack of its own: see [`items`].
fn read(job: &Job<'_>) -> Result<Prepared, Unread> {
    let (source, asked) = (job.source, job.function);
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().stack_size(items::STACK).spawn_scoped(scope, || {
            let modules = items::modules(source)?;
            prepare(source, &modules, asked).map_err(Unread::Source)
        });
        let failed = |message: &str| Unread::Source(BuildError::Host { message: message.to_owned() });
        match worker.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(_)) => Err(failed("the source could not be read")),
            Err(error) => Err(failed(&format!("a thread cannot be started: {error}"))),
        }
    })
}

fn prepare(source: &crate::SourceFiles, modules: &[Module], asked: Option<&str>) -> Result<Prepared, BuildError> {
    let none = Prepared { function: None, written: BTreeMap::new(), changed: BTreeMap::new() };
    let Some(root) = modules.first() else { return Ok(none) };
    let function = match signature::choose(root, asked)? {
        Entry::Program => return Ok(none),
        Entry::Function(function) => function,
    };
    let mut written = vec![Written::default(); modules.len()];
    let mut export = Written::default();
    let (function, of) = signature::write(function, root, source, &mut export)?;
    let first = of.read.iter().map(|kind| (Way::Read, *kind)).chain(of.written.map(|kind| (Way::Write, kind)));
    if let Some(root) = written.first_mut() {
        *root = export;
    }
    types::write(modules, source, first, &mut written);

    let mut prepared = Prepared { function: Some(function), ..none };
    let mut added: BTreeMap<&str, Vec<(usize, String)>> = BTreeMap::new();
    for (index, (module, written)) in modules.iter().zip(written).enumerate() {
        if written.is_empty() {
            continue;
        }
        let length = source.files.get(&module.file).map_or(0, |text| text.len());
        let up = "../".repeat(module.file.matches('/').count());
        let name = format!("{GLUE}{index}.rs");
        // A line of its own only after the end: the last line may be a comment.
        let line = if module.end.is_none() { "\n" } else { " " };
        let include = format!("{line}::core::include!(\"{up}{name}\");");
        added.entry(&module.file).or_default().push((module.end.unwrap_or(length), include));
        prepared.written.insert(name, written);
    }
    for (file, mut added) in added {
        let mut text = source.text(file)?.to_owned();
        added.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        for (at, include) in added {
            if text.is_char_boundary(at) {
                text.insert_str(at, &include);
            }
        }
        prepared.changed.insert(file.to_owned(), text);
    }
    Ok(prepared)
}
