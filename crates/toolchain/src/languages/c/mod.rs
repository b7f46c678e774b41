//! C and C++: what the source defines is the unit's interface, and nothing is put around it.
//!
//! A source with `main` is a program; one with `process` speaks the byte interface (`glue/c/wasmill.h`); of any other, every function that
//! is not static can be called, with the names of its parameters. In C++ those are the `extern "C"` ones: the others have names that say
//! their types.

mod names;
mod object;

use std::collections::BTreeMap;
use std::ffi::OsString;

use wasmill_model::Language;
use wasmill_unit::Unit;

use super::{Compiled, candidates};
use crate::job::{Job, Mode, Run};
use crate::{BuildError, SourceProblem, Tool, ToolName};
use object::{Object, Value};

const HEADER: &str = include_str!("../../../glue/c/wasmill.h");
const MEMORY: &str = include_str!("../../../glue/c/memory.c");

/// The folders of what is not the user's, within the scratch folder. No file of a source has such a name.
const INCLUDE: &str = ".wasmill/include";
const MEMORY_FILE: &str = ".wasmill/memory.c";
const UNIT: &str = ".wasmill/unit.wasm";

/// What `main` is called in an object, by its parameters.
const MAINS: [&str; 4] = ["main", "__main_void", "__main_argc_argv", "__original_main"];

const WITHOUT_EXTERN: &str =
    "write `extern \"C\"` before each function that is to be called: C++ puts the types of the others into their names";

/// What the objects make of the unit.
enum Shape {
    Program,
    Bytes,
    /// These functions are exported.
    Functions(Vec<String>),
}

pub(crate) fn compile(job: &Job<'_>) -> Result<Compiled, BuildError> {
    let driver = Driver::new(job.tool(ToolName::C)?);
    job.write(&format!("{INCLUDE}/wasmill.h"), HEADER)?;
    let mut objects = Vec::new();
    let mut files = Vec::new();
    let mut has_cpp = false;
    for (index, file) in sources(job).into_iter().enumerate() {
        let is_cpp = is_cpp(job, file);
        has_cpp |= is_cpp;
        let object = format!(".wasmill/{index}.o");
        driver.compile(job, file, is_cpp, &object)?;
        objects.push(Object::read(&job.read(&object)?)?);
        files.push(object);
    }
    let shape = shape(job, &objects)?;
    if matches!(shape, Shape::Bytes) {
        job.write(MEMORY_FILE, MEMORY)?;
        let object = ".wasmill/memory.o".to_owned();
        driver.compile(job, MEMORY_FILE, false, &object)?;
        files.push(object);
    }
    driver.link(job, &shape, has_cpp, files)?;
    let linked = job.read(UNIT)?;
    let parameters: BTreeMap<String, Vec<Option<String>>> =
        objects.into_iter().flat_map(|object| object.parameters).collect();
    let binary = names::add(&linked, &parameters, job.mode)?;
    Unit::from_binary(binary.clone()).map_err(|error| BuildError::NoUnit { message: error.to_string() })?;
    Ok(Compiled { binary, function: None })
}

/// The files that are compiled; headers are read by them.
fn sources<'a>(job: &Job<'a>) -> Vec<&'a str> {
    if !job.source.is_folder {
        return vec![&job.source.main];
    }
    let endings: &[&str] = match job.language {
        Language::Cpp => &[".c", ".cc", ".cpp", ".cxx"],
        _ => &[".c"],
    };
    let names = job.source.files.keys().map(String::as_str);
    names.filter(|name| endings.iter().any(|ending| name.ends_with(ending))).collect()
}

fn is_cpp(job: &Job<'_>, file: &str) -> bool {
    job.language == Language::Cpp && !file.ends_with(".c")
}

fn shape(job: &Job<'_>, objects: &[Object]) -> Result<Shape, BuildError> {
    let defined = || objects.iter().flat_map(|object| &object.functions);
    if defined().any(|function| MAINS.contains(&function.name.as_str())) {
        return Ok(Shape::Program);
    }
    let is_process = |params: &[Value], results: &[Value]| params == [Value::I32; 3] && results == [Value::I32];
    if defined().any(|function| function.name == "process" && is_process(&function.params, &function.results)) {
        return Ok(Shape::Bytes);
    }
    // Names with two underscores are the implementation's own.
    let (mangled, plain): (Vec<String>, Vec<String>) = defined()
        .map(|function| function.name.clone())
        .filter(|name| name.starts_with("_Z") || !name.starts_with("__"))
        .partition(|name| name.starts_with("_Z"));
    let names: Vec<&str> = plain.iter().map(String::as_str).collect();
    match (job.function, plain.is_empty(), mangled.first()) {
        (None, true, Some(first)) => {
            let name = object::plain_name(first).unwrap_or(first);
            let message =
                format!("no function can be called by its name: `{name}` is `{first}` outside of this source");
            let problem = SourceProblem { file: job.source.main.clone(), message, ..SourceProblem::default() };
            Err(BuildError::Function { problem, help: WITHOUT_EXTERN.to_owned() })
        }
        (Some(asked), ..)
            if mangled.iter().any(|name| object::plain_name(name) == Some(asked))
                && !plain.contains(&asked.to_owned()) =>
        {
            let message = format!("`{asked}` cannot be called by its name");
            let problem = SourceProblem { file: job.source.main.clone(), message, ..SourceProblem::default() };
            Err(BuildError::Function { problem, help: WITHOUT_EXTERN.to_owned() })
        }
        (Some(asked), ..) if !names.contains(&asked) => Err(candidates::none(&job.source.main, Some(asked), &names)),
        (None, true, None) => Err(candidates::none(&job.source.main, None, &names)),
        _ => Ok(Shape::Functions(plain)),
    }
}

/// clang, or zig that stands for it.
struct Driver {
    tool: Tool,
    is_zig: bool,
}

impl Driver {
    fn new(tool: Tool) -> Self {
        let is_zig = tool.args.first().is_some_and(|word| word == "cc");
        Driver { tool, is_zig }
    }

    /// The program for one of the two languages: zig has a word for each.
    fn tool(&self, is_cpp: bool) -> Tool {
        let mut tool = self.tool.clone();
        if let Some(word) = tool.args.first_mut().filter(|_| self.is_zig && is_cpp) {
            *word = "c++".into();
        }
        tool
    }

    fn compile(&self, job: &Job<'_>, file: &str, is_cpp: bool, object: &str) -> Result<(), BuildError> {
        let mut prefix = OsString::from("-ffile-prefix-map=");
        prefix.push(job.folder);
        prefix.push("=.");
        let mut args: Vec<OsString> =
            vec!["-c".into(), "-x".into(), if is_cpp { "c++" } else { "c" }.into(), file.into()];
        args.extend(["-o".into(), object.into(), "-I".into(), INCLUDE.into(), prefix]);
        // With lines and names also for release: the names of the parameters are read from there, and the rest is taken out.
        args.extend(
            ["-g", "-w", "-fvisibility=default", "-fno-color-diagnostics", "-fno-caret-diagnostics"]
                .map(OsString::from),
        );
        args.extend(match job.mode {
            Mode::Release => ["-O2", "-fno-sanitize=undefined"].map(OsString::from).to_vec(),
            // What has no meaning in C is a trap, instead of anything at all.
            Mode::Debug => ["-O0", "-fsanitize=undefined", "-fsanitize-trap=undefined"].map(OsString::from).to_vec(),
        });
        if is_cpp {
            // There are none in the library for WASI, so that `throw` is refused here and not by the linker.
            args.push("-fno-exceptions".into());
        }
        let tool = self.tool(is_cpp);
        let ran = job.run(Run::new(&tool, args))?;
        if ran.succeeded { Ok(()) } else { Err(refused(job, &ran.stderr, &ran.ended)) }
    }

    fn link(&self, job: &Job<'_>, shape: &Shape, has_cpp: bool, objects: Vec<String>) -> Result<(), BuildError> {
        let mut args: Vec<OsString> = objects.into_iter().map(OsString::from).collect();
        args.extend(["-o".into(), UNIT.into(), "-Wl,-z,stack-size=1048576".into()]);
        args.push(match job.mode {
            Mode::Release => "-O2".into(),
            Mode::Debug => "-O0".into(),
        });
        let exports: Vec<&str> = match shape {
            Shape::Program => Vec::new(),
            Shape::Bytes => vec!["process", "allocate", "deallocate"],
            Shape::Functions(names) => names.iter().map(String::as_str).collect(),
        };
        if !exports.is_empty() {
            args.push("-mexec-model=reactor".into());
        }
        args.extend(exports.into_iter().map(|name| format!("-Wl,--export={name}").into()));
        if has_cpp && !self.is_zig {
            args.extend(["-lc++".into(), "-lc++abi".into()]);
        }
        let tool = self.tool(has_cpp);
        let ran = job.run(Run::new(&tool, args))?;
        if ran.succeeded { Ok(()) } else { Err(refused(job, &ran.stderr, &ran.ended)) }
    }
}

/// What a compiler or linker says on failing.
fn refused(job: &Job<'_>, said: &str, ended: &str) -> BuildError {
    let mut problems: Vec<SourceProblem> = Vec::new();
    for line in said.lines() {
        if let Some(problem) = problem(line).filter(|problem| !problems.contains(problem)) {
            problems.push(problem);
        }
    }
    if problems.is_empty() {
        let first = said.lines().map(str::trim).find(|line| !line.is_empty());
        let message = first.map_or_else(|| format!("the compiler ended with {ended}"), str::to_owned);
        problems.push(SourceProblem { message, ..SourceProblem::default() });
    }
    BuildError::Compile { language: job.language, problems }
}

/// `main.c:3:5: error: message` of a compiler, `wasm-ld: error: main.o: undefined symbol: name` of a linker.
fn problem(line: &str) -> Option<SourceProblem> {
    let (place, message) = line.split_once(": error: ").or_else(|| line.split_once(": fatal error: "))?;
    let message = message.trim().to_owned();
    let mut parts = place.rsplitn(3, ':');
    let (column, row, file) = (parts.next(), parts.next(), parts.next());
    let number = |part: Option<&str>| part?.parse::<u32>().ok();
    if let (Some(column), Some(line), Some(file)) = (number(column), number(row), file) {
        let file = file.strip_prefix("./").unwrap_or(file).to_owned();
        return Some(SourceProblem { file, line, column, message });
    }
    // An object's name says nothing to the user.
    let message = match message.split_once(".o: ") {
        Some((object, rest)) if !object.contains(' ') => rest.to_owned(),
        _ => message,
    };
    Some(SourceProblem { message, ..SourceProblem::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_and_linkers_are_understood() {
        let said = |line| problem(line).map(|problem| problem.to_string());
        assert_eq!(said("main.c:3:5: error: no such thing: x").as_deref(), Some("main.c:3:5: no such thing: x"));
        assert_eq!(
            said("./a/b.h:1:1: fatal error: 'x.h' file not found").as_deref(),
            Some("a/b.h:1:1: 'x.h' file not found")
        );
        assert_eq!(
            said("wasm-ld: error: .wasmill/0.o: undefined symbol: bar").as_deref(),
            Some("undefined symbol: bar")
        );
        assert_eq!(said("In file included from main.c:2:"), None);
    }
}
