//! Go: a command for WASI. The user's package gets one more file, whose `main` hands the function and the names of its parameters to the
//! glue, which reads and writes them by reflection as `encoding/json` does.
//!
//! A command and a reactor take the same time to start (0.9 ms: it is Go's runtime), so it is the simpler one.

mod module;
mod scan;

use std::path::Path;
use std::sync::Arc;

use super::{Compiled, Function, Parameter, candidates};
use crate::job::{Job, Mode, Ran, Run};
use crate::{BuildError, SourceProblem, Tool, ToolName};
use module::Module;
use scan::{GoFile, GoFunction};

/// The package that calls the function. See `run.go` for why it begins with a digit.
const GLUE: &str = "0wasmill";

const GLUE_FILES: [(&str, &str); 4] = [
    ("run.go", include_str!("../../../glue/go/run.go")),
    ("input.go", include_str!("../../../glue/go/input.go")),
    ("scanner.go", include_str!("../../../glue/go/scanner.go")),
    ("context.go", include_str!("../../../glue/go/context.go")),
];

/// The file of the user's package that is not the user's.
const ENTRY: &str = "wasmill_entry.go";

/// What the compiler writes. Folders with a dot are left alone by `go:embed`.
const OUTPUT: &str = ".wasmill/unit.wasm";

/// The module's name where the user gave none.
const MODULE: &str = "step";

/// What the result's last type is when a function can fail.
const ERROR: &str = "error";

/// Given by the glue: it never ends.
const CONTEXT: &str = "context.Context";

const SUPPORTED: &str = "parameters and results are what encoding/json takes: booleans, numbers, strings, slices, maps with string keys, \
    structs, pointers, `any`; the last result may be an `error`";

pub(crate) fn compile(job: &Job<'_>) -> Result<Compiled, BuildError> {
    let mut files = Vec::new();
    for name in job.source.files.keys().filter(|name| is_of_package(name)) {
        files.push((name.as_str(), job.source.text(name)?));
    }
    if files.is_empty() {
        return Err(BuildError::Source {
            message: format!("`{}` is no file that Go builds", job.source.main),
            help: "files of Go end in `.go`, not in `_test.go`, and begin with a letter".to_owned(),
        });
    }
    let scanned: Vec<(&str, &str, GoFile)> =
        files.into_iter().map(|(name, text)| (name, text, scan::scan(text))).collect();
    let module = module(job)?;
    let vendored = job.source.files.contains_key("vendor/modules.txt");
    if !module.requires.is_empty() && !vendored && !job.trusted {
        return Err(BuildError::NotTrusted {
            message: format!(
                "`go.mod` requires modules of others, which go would fetch: {}",
                module.requires.join(", ")
            ),
        });
    }
    let tool = job.tool(ToolName::Go)?;
    let path = match &module.path {
        Some(path) => path.clone(),
        None => {
            job.write("go.mod", format!("module {MODULE}\n\ngo {}\n", language_version(&tool)))?;
            MODULE.to_owned()
        }
    };
    let function = match entry(job, &scanned)? {
        Entry::Program => None,
        Entry::Function { file, text, function } => {
            let described = describe(file, text, function)?;
            let names: Vec<String> = described.iter().map(|(name, _)| format!(", {name:?}")).collect();
            job.write(ENTRY, entry_file(&path, &function.name, &names.concat()))?;
            for (name, text) in GLUE_FILES {
                job.write(&format!("{GLUE}/{name}"), text)?;
            }
            Some(Function {
                name: function.name.as_str().into(),
                params: described.into_iter().filter_map(|(_, parameter)| parameter).collect(),
                result: result(function),
            })
        }
    };
    for (name, text, file) in &scanned {
        if let Some(text) = as_main(text, file, function.is_some()) {
            job.write(name, text)?;
        }
    }
    build(job, &tool, vendored)?;
    Ok(Compiled { binary: job.read(OUTPUT)?, function })
}

/// Whether a file belongs to the package that the function is in.
fn is_of_package(name: &str) -> bool {
    name.ends_with(".go") && !name.contains('/') && !name.ends_with("_test.go") && !name.starts_with(['_', '.'])
}

fn module(job: &Job<'_>) -> Result<Module, BuildError> {
    if !job.source.files.contains_key("go.mod") {
        return Ok(Module::default());
    }
    Ok(Module::read(job.source.text("go.mod")?))
}

/// `1.27` of `go version go1.27.3 linux/amd64`.
fn language_version(tool: &Tool) -> String {
    let number = tool.version.split_whitespace().find_map(|word| word.strip_prefix("go1."));
    let minor: String = number.unwrap_or("22").chars().take_while(char::is_ascii_digit).collect();
    format!("1.{minor}")
}

/// What is called.
enum Entry<'a> {
    /// The user's own `main`.
    Program,
    Function {
        file: &'a str,
        text: &'a str,
        function: &'a GoFunction,
    },
}

fn entry<'a>(job: &Job<'_>, scanned: &'a [(&'a str, &'a str, GoFile)]) -> Result<Entry<'a>, BuildError> {
    let all = || {
        scanned
            .iter()
            .flat_map(|(file, text, scanned)| scanned.functions.iter().map(move |function| (*file, *text, function)))
    };
    let called = |name: &str| all().find(|(_, _, function)| function.name == name);
    let found = |(file, text, function): (&'a str, &'a str, &'a GoFunction)| Entry::Function { file, text, function };
    // An empty `main` is there for the compiler's sake only.
    let program = called("main").is_some_and(|(_, _, main)| !main.empty);
    let exported = |function: &GoFunction| function.name.starts_with(char::is_uppercase);
    let callable = || all().filter(|(_, _, function)| !matches!(function.name.as_str(), "main" | "init" | "_"));
    let offered = || -> Vec<_> {
        let some: Vec<_> = callable().filter(|(_, _, function)| exported(function)).collect();
        if some.is_empty() { callable().collect() } else { some }
    };
    let names = || -> Vec<&str> { offered().iter().map(|(_, _, function)| function.name.as_str()).collect() };
    match job.function {
        None | Some("main") if program => Ok(Entry::Program),
        None => match (called("Main"), offered().as_slice()) {
            (Some(main), _) => Ok(found(main)),
            (None, [only]) => Ok(found(*only)),
            (None, _) => Err(candidates::none(&job.source.main, None, &names())),
        },
        Some(wanted) => {
            let own = called(wanted).filter(|(_, _, function)| function.name != "main");
            own.or_else(|| called(&capitalised(wanted)))
                .map(found)
                .ok_or_else(|| candidates::none(&job.source.main, Some(wanted), &names()))
        }
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The names that the glue is told, each with the parameter that the caller sees.
fn describe(file: &str, text: &str, function: &GoFunction) -> Result<Vec<(String, Option<Parameter>)>, BuildError> {
    let refuse = |at: usize, message: String| {
        let (line, column) = position(text, at);
        Err(BuildError::Function {
            problem: SourceProblem { file: file.to_owned(), line, column, message },
            help: SUPPORTED.to_owned(),
        })
    };
    if function.generic {
        return refuse(
            function.at.start,
            format!("`{}` has type parameters, so it is not one function", function.name),
        );
    }
    let mut described = Vec::new();
    for param in &function.params {
        let name = param.name.as_deref().unwrap_or("_");
        if param.kind == CONTEXT {
            described.push((name.to_owned(), None));
            continue;
        }
        if name == "_" {
            return refuse(param.at, format!("a parameter of `{}` has no name, so it cannot be given", function.name));
        }
        if let Some(what) = unsupported(&param.kind) {
            return refuse(param.at, format!("the parameter `{name}` is a {what}, which JSON has no form for"));
        }
        let kind = param.kind.as_str();
        let optional = kind.starts_with(['*', '.']) || kind == "any" || kind.starts_with("interface");
        let parameter = Parameter { name: Arc::from(name), kind: param.kind.clone(), optional };
        described.push((name.to_owned(), Some(parameter)));
    }
    match function.results.iter().find_map(|kind| unsupported(kind)) {
        Some(what) => {
            refuse(function.at.start, format!("`{}` gives a {what}, which JSON has no form for", function.name))
        }
        None => Ok(described),
    }
}

/// What no JSON is made of, as far as it can be seen without the types' definitions.
fn unsupported(kind: &str) -> Option<&'static str> {
    let kind = kind.trim_start_matches(['*', '.', '[', ']', ' ']);
    if kind.strip_prefix("func").is_some_and(|rest| rest.trim_start().starts_with('(')) {
        return Some("function");
    }
    if kind.starts_with("chan ") || kind.starts_with("<-") {
        return Some("channel");
    }
    matches!(kind, "complex64" | "complex128").then_some("complex number")
}

fn result(function: &GoFunction) -> Option<String> {
    let results = &function.results;
    let values = if results.last().is_some_and(|last| last == ERROR) {
        results.split_last().map(|(_, values)| values)
    } else {
        Some(results.as_slice())
    };
    match values? {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("({})", several.join(", "))),
    }
}

/// The user's package with a `main`. The import has a name that nobody gives to a function.
fn entry_file(module: &str, function: &str, names: &str) -> String {
    format!(
        "package main\n\nimport wasmillGlue_ \"{module}/{GLUE}\"\n\nfunc main() {{ wasmillGlue_.Run({module:?}, {function}{names}) }}\n"
    )
}

/// The file as one of package `main`, without a `main` of its own where it is given one. Nothing moves to another line, or within its line
/// but what follows the package's name.
fn as_main(text: &str, file: &GoFile, without_main: bool) -> Option<String> {
    let mut changes = Vec::new();
    if let Some(package) = file.package.clone().filter(|package| text.get(package.clone()) != Some("main")) {
        changes.push((package, "main"));
    }
    if without_main {
        let mains = file.functions.iter().filter(|function| function.name == "main");
        changes.extend(mains.map(|main| (main.at.clone(), "_   ")));
    }
    let mut changed = text.to_owned();
    for (range, new) in changes.iter().rev() {
        changed.replace_range(range.clone(), new);
    }
    if file.package.is_none() {
        // On the first line, so that the others stay where they are.
        changed.insert_str(0, "package main; ");
        return Some(changed);
    }
    (!changes.is_empty()).then_some(changed)
}

/// Line and column of a byte, from 1.
fn position(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(0), u32::try_from(column).unwrap_or(0))
}

fn build(job: &Job<'_>, tool: &Tool, vendored: bool) -> Result<(), BuildError> {
    job.write(OUTPUT, [])?;
    let mut args = vec!["build", "-trimpath", "-buildvcs=false", "-o", OUTPUT];
    // There is no DWARF for WebAssembly: functions that are where they were written help backtraces.
    if job.mode == Mode::Debug {
        args.push("-gcflags=-N -l");
    }
    args.push(".");
    let mut run = Run::new(tool, args);
    let modules = if vendored { "-mod=vendor" } else { "-mod=mod" };
    let fixed = [("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOWORK", "off"), ("GOFLAGS", modules)];
    run.environment = fixed.map(|(name, value)| (name.into(), value.into())).to_vec();
    if !job.trusted {
        run.environment.push(("GOPROXY".into(), "off".into()));
    }
    let ran = job.run(run)?;
    if ran.succeeded { Ok(()) } else { Err(refused(job, &ran)) }
}

/// What the compiler says, in the user's terms.
fn refused(job: &Job<'_>, ran: &Ran) -> BuildError {
    let mut problems: Vec<SourceProblem> = Vec::new();
    for line in ran.stderr.lines() {
        let text = line.trim();
        if text.is_empty()
            || text.starts_with('#')
            || text.starts_with("go: downloading")
            || text.ends_with("too many errors")
        {
            continue;
        }
        match (problem(text), problems.last_mut()) {
            (Some(problem), _) => problems.push(problem),
            (None, Some(last)) if line.starts_with('\t') => {
                last.message.push_str("; ");
                last.message.push_str(text);
            }
            (None, _) => problems.push(SourceProblem { message: text.to_owned(), ..SourceProblem::default() }),
        }
    }
    let mut fetched = problems.iter().filter_map(|problem| {
        let (_, package) = problem.message.split_once("cannot find module providing package ")?;
        Some(format!("`{}`", package.split([':', ';']).next()?))
    });
    if let (Some(package), false) = (fetched.next(), job.trusted) {
        return BuildError::NotTrusted { message: format!("{package} is not in Go's library: go would fetch it") };
    }
    if problems.is_empty() {
        problems.push(SourceProblem { message: format!("go ended with {}", ran.ended), ..SourceProblem::default() });
    }
    BuildError::Compile { language: job.language, problems }
}

/// `./main.go:3:7: message`
fn problem(line: &str) -> Option<SourceProblem> {
    let (file, rest) = line.split_once(':')?;
    let (number, rest) = rest.split_once(':')?;
    let line: u32 = number.parse().ok()?;
    let column = rest.split_once(':').and_then(|(number, message)| Some((number.parse().ok()?, message)));
    let (column, message) = column.unwrap_or((0, rest));
    // Where the library stands on this machine is no news.
    let message = message.trim().split(" (/").next().unwrap_or_default();
    let file = file.strip_prefix("./").unwrap_or(file);
    if Path::new(file).file_name().is_some_and(|name| name == ENTRY) || file.starts_with(GLUE) {
        return Some(SourceProblem { message: message.to_owned(), ..SourceProblem::default() });
    }
    Some(SourceProblem { file: file.to_owned(), line, column, message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_and_the_librarys_place_is_left_out() {
        let read = |line: &str| problem(line).map(|problem| problem.to_string());
        assert_eq!(read("./main.go:3:7: undefined: x").as_deref(), Some("main.go:3:7: undefined: x"));
        assert_eq!(read("sub/a.go:3:7: cannot use a: b").as_deref(), Some("sub/a.go:3:7: cannot use a: b"));
        assert_eq!(
            read("main.go:4:2: package foo is not in std (/x/go/src/foo)").as_deref(),
            Some("main.go:4:2: package foo is not in std")
        );
        assert_eq!(read("go.mod:3: unknown directive: x").as_deref(), Some("go.mod:3: unknown directive: x"));
        assert_eq!(read("package step"), None);
    }

    #[test]
    fn a_file_becomes_one_of_main_and_keeps_its_lines() {
        let text = "package step\n\nfunc main() {}\nfunc Add(a int) int { return a }\n";
        let changed = as_main(text, &scan::scan(text), true).unwrap();
        assert_eq!(changed, "package main\n\nfunc _   () {}\nfunc Add(a int) int { return a }\n");
        assert_eq!(as_main(&changed, &scan::scan(&changed), true), None);
    }

    #[test]
    fn what_json_has_no_form_for_is_seen() {
        assert_eq!(unsupported("chan int"), Some("channel"));
        assert_eq!(unsupported("[]func(int) int"), Some("function"));
        assert_eq!(unsupported("functional"), None);
        assert_eq!(unsupported("map[string]any"), None);
    }
}
