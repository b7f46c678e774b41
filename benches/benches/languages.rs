//! Functions in every language: from an edit to its result, what is built already, and the call itself.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use wasmill_artifact::{BuildCache, CodeCache};
use wasmill_benches::floor;
use wasmill_benches::measure::{Effort, Samples, Side, current_thread, in_turn, side};
use wasmill_benches::report::{Measure, Report, Row, Target, target_dir};
use wasmill_benches::wasmill::SLOTS;
use wasmill_engine_wasmtime::{Compiler, Loaded, Settings as EngineSettings, WasmtimeEngine};
use wasmill_model::{Input, Language, Limits, Object, SourceText, SourceUnit, Value, Verdict};
use wasmill_toolchain::{Confinement, Interpret, Looked, Settings, Tool, ToolName, Toolchain, Tools};
use wasmill_unit::Unit;

/// Rounds of a full measurement, of what takes a second.
const ROUNDS: usize = 15;
/// … and of what takes less.
const QUICK_ROUNDS: usize = 40;
/// … and of calls.
const CALL_ROUNDS: usize = 150;

/// What stands in a source where each edit writes a number of its own.
const EDIT: &str = "EDIT";

/// The same small function in a language.
struct Subject {
    name: &'static str,
    language: Language,
    file: &'static str,
    source: &'static str,
    /// Whether it takes a text and a number and gives an object; else two numbers, and gives one.
    takes_text: bool,
}

const SUBJECTS: [Subject; 9] = [
    Subject {
        name: "Python",
        language: Language::Python,
        file: "step.py",
        source: "def main(name: str, n: int) -> dict:\n    return {\"text\": f\"Hello {name}\", \"n\": n + EDIT}\n",
        takes_text: true,
    },
    Subject {
        name: "JavaScript",
        language: Language::JavaScript,
        file: "step.js",
        source: "export function main(name, n) {\n  return { text: `Hello ${name}`, n: n + EDIT };\n}\n",
        takes_text: true,
    },
    Subject {
        name: "TypeScript",
        language: Language::TypeScript,
        file: "step.ts",
        source: "type Answer = { text: string; n: number };\n\nexport function main(name: string, n: number): Answer {\n  \
                 return { text: `Hello ${name}`, n: n + EDIT };\n}\n",
        takes_text: true,
    },
    Subject {
        name: "AssemblyScript",
        language: Language::AssemblyScript,
        file: "step.as.ts",
        source: "class Answer {\n  text: string;\n  n: i64;\n}\n\nexport function main(name: string, n: i64): Answer {\n  \
                 return { text: \"Hello \" + name, n: n + EDIT };\n}\n",
        takes_text: true,
    },
    Subject {
        name: "Rust",
        language: Language::Rust,
        file: "step.rs",
        source: "pub struct Answer {\n    pub text: String,\n    pub n: i64,\n}\n\npub fn main(name: String, n: i64) -> Answer {\n    \
                 Answer { text: format!(\"Hello {name}\"), n: n + EDIT }\n}\n",
        takes_text: true,
    },
    Subject {
        name: "Go",
        language: Language::Go,
        file: "step.go",
        source: "package main\n\ntype Answer struct {\n\tText string `json:\"text\"`\n\tN    int    `json:\"n\"`\n}\n\n\
                 func Main(name string, n int) Answer {\n\treturn Answer{Text: \"Hello \" + name, N: n + EDIT}\n}\n",
        takes_text: true,
    },
    Subject {
        name: "C",
        language: Language::C,
        file: "step.c",
        source: "int add(int first, int second) { return first + second + EDIT; }\n",
        takes_text: false,
    },
    Subject {
        name: "C++",
        language: Language::Cpp,
        file: "step.cpp",
        source: "extern \"C\" int add(int first, int second) { return first + second + EDIT; }\n",
        takes_text: false,
    },
    Subject {
        name: "WebAssembly text",
        language: Language::Wat,
        file: "step.wat",
        source: "(module (func (export \"add\") (param $first i32) (param $second i32) (result i32)\n  \
                 (i32.add (i32.const EDIT) (i32.add (local.get $first) (local.get $second)))))\n",
        takes_text: false,
    },
];

/// What a Go program needs besides the function, as anybody would write it.
const GO_MAIN: &str = "package main\n\nimport (\n\t\"encoding/json\"\n\t\"os\"\n)\n\nfunc main() {\n\tvar input struct {\n\t\tName string \
                       `json:\"name\"`\n\t\tN    int    `json:\"n\"`\n\t}\n\tif err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {\n\t\t\
                       panic(err)\n\t}\n\tjson.NewEncoder(os.Stdout).Encode(Main(input.Name, input.N))\n}\n";

impl Subject {
    fn named(name: &str) -> &'static Subject {
        SUBJECTS.iter().find(|subject| subject.name == name).unwrap()
    }

    /// The source with this number in it.
    fn edited(&self, number: u32) -> String {
        self.source.replace(EDIT, &number.to_string())
    }

    /// Arguments on the command line.
    fn arguments(&self) -> [&'static str; 2] {
        if self.takes_text { ["Ada", "1"] } else { ["2", "1"] }
    }

    /// The same, as a step gives them.
    fn input(&self) -> Input {
        let given: [(&str, Value); 2] = if self.takes_text {
            [("name", Value::text("Ada")), ("n", Value::Int(1))]
        } else {
            return Input::Positional(vec![Value::Int(2), Value::Int(1)]);
        };
        Input::Named(given.into_iter().map(|(name, value)| (name.into(), value)).collect::<Object>())
    }
}

/// Where all of it happens. The sources go with the process; what compilers and the engine keep stays for the next run of the bench, since
/// it takes minutes to make.
struct Place {
    sources: TempDir,
    kept: PathBuf,
    binary: PathBuf,
    tools: Tools,
    /// A number that no source had yet.
    next: std::cell::Cell<u32>,
}

impl Place {
    fn new() -> Self {
        let kept = target_dir().join("languages");
        fs::create_dir_all(&kept).unwrap();
        let cache = kept.join("toolchain");
        wasmill_artifact::private_folder(&cache).unwrap();
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/wasmill/tools"));
        let folder = std::env::var_os("WASMILL_TOOLS").map(PathBuf::from).or(home);
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Place {
            sources: TempDir::new().unwrap(),
            binary: wasmill(),
            tools: Tools::from_environment(folder, Some(cache)),
            // A run of the bench edits less often than once in 10 ms.
            next: std::cell::Cell::new(u32::try_from(seconds % 20_000_000).unwrap() * 100),
            kept,
        }
    }

    fn edit(&self) -> u32 {
        self.next.replace(self.next.get() + 1)
    }

    fn tool(&self, name: ToolName) -> Tool {
        match self.tools.look(name) {
            Looked::Found(tool) => tool,
            Looked::Broken { program, message } => {
                panic!("`{}` does not work ({message}): `cargo xtask setup` brings {name}", program.display())
            }
            Looked::Missing { looked_for } => panic!("{looked_for}: not found; `cargo xtask setup` brings {name}"),
        }
    }

    /// `wasmill …` with caches that outlive the bench.
    fn wasmill(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(self.sources.path()).args(arguments).env("WASMILL_CACHE_DIR", self.kept.join("code"));
        command.env("WASMILL_BUILDS_DIR", self.kept.join("builds"));
        command.env("WASMILL_TOOL_CACHES", self.kept.join("toolchain"));
        command
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.sources.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A toolchain of this process, with what runs its interpreters.
    fn toolchain(&self, engine: &WasmtimeEngine) -> Toolchain {
        let launcher = (self.binary.clone(), vec!["launch-tool".into()]);
        Toolchain::new(Settings {
            tools: self.tools.clone(),
            confinement: Confinement { launcher: Some(launcher), ..Confinement::default() },
            cache: Some(Arc::new(BuildCache::open(self.kept.join("builds")).unwrap())),
            interpret: Some(Arc::new(Sandbox(engine.clone()))),
            ..Settings::default()
        })
    }

    fn engine(&self) -> WasmtimeEngine {
        WasmtimeEngine::new(EngineSettings {
            slots: SLOTS,
            cache: Some(Arc::new(CodeCache::open(self.kept.join("code")).unwrap())),
            compiler: Compiler::child(&self.binary, ["compile-worker"]),
            ..EngineSettings::default()
        })
        .unwrap()
    }
}

/// The program that was built beside this bench.
fn wasmill() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(2).unwrap();
    let binary = folder.join(format!("wasmill{}", std::env::consts::EXE_SUFFIX));
    let profile = if folder.ends_with("release") { " --release" } else { "" };
    assert!(binary.exists(), "{} is not there: `cargo build{profile} --bin wasmill` makes it", binary.display());
    binary
}

/// Runs interpreters, as the CLI does.
struct Sandbox(WasmtimeEngine);

impl Interpret for Sandbox {
    fn call(&self, unit: &Unit, function: &str, arguments: &[&str]) -> Result<Result<String, String>, String> {
        let load = self.0.load_unit(unit.clone()).function(function).limits(Limits::default());
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

/// How long a process takes that must succeed, in nanoseconds.
fn time(mut command: Command) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let output = command.output().unwrap();
    let took = start.elapsed();
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    took.as_nanos() as f64
}

/// The compiler on the same source without Wasmill, in a folder of its own, as somebody would call it who has the function only.
struct Bare {
    program: PathBuf,
    args: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: String,
}

impl Bare {
    fn new(place: &Place, subject: &Subject) -> Self {
        let (tool, words): (ToolName, &[&str]) = match subject.language {
            Language::AssemblyScript => (
                ToolName::Asc,
                &[
                    "step.as.ts",
                    "--outFile",
                    "out.wasm",
                    "--debug",
                    "--runtime",
                    "incremental",
                    "--exportStart",
                    "_initialize",
                    "--runPasses",
                    "inlining-optimizing",
                ],
            ),
            Language::Rust => (
                ToolName::Rustc,
                &[
                    "--edition=2024",
                    "--crate-name=unit",
                    "--crate-type=cdylib",
                    "--target=wasm32-wasip1",
                    "-Cpanic=abort",
                    "-Copt-level=2",
                    "-Ccodegen-units=1",
                    "-Cstrip=debuginfo",
                    "-o",
                    "out.wasm",
                    "step.rs",
                ],
            ),
            Language::Go => (ToolName::Go, &["build", "-trimpath", "-buildvcs=false", "-o", "out.wasm", "."]),
            Language::C => {
                (ToolName::C, &["-O2", "-mexec-model=reactor", "-Wl,--export=add", "-o", "out.wasm", "step.c"])
            }
            Language::Cpp => (
                ToolName::C,
                &["-O2", "-fno-exceptions", "-mexec-model=reactor", "-Wl,--export=add", "-o", "out.wasm", "step.cpp"],
            ),
            _ => panic!("{} is not compiled", subject.name),
        };
        let Tool { program, mut args, mut environment, .. } = place.tool(tool);
        // zig has a word for each of the two.
        if let Some(word) = args.first_mut().filter(|word| subject.language == Language::Cpp && *word == "cc") {
            *word = "c++".into();
        }
        args.extend(words.iter().map(Into::into));
        let folder = format!("bare-{}", subject.language);
        if subject.language == Language::Go {
            environment
                .extend([("GOOS", "wasip1"), ("GOARCH", "wasm")].map(|(name, value)| (name.into(), value.into())));
            place.write(&format!("{folder}/go.mod"), "module step\n\ngo 1.22\n");
            place.write(&format!("{folder}/main.go"), GO_MAIN);
        }
        Bare { program, args, environment, folder }
    }

    fn time(&self, place: &Place, subject: &Subject) -> f64 {
        place.write(&format!("{}/{}", self.folder, subject.file), &subject.edited(place.edit()));
        let mut command = Command::new(&self.program);
        command.current_dir(place.sources.path().join(&self.folder)).args(&self.args);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        time(command)
    }
}

/// From a source that was just edited to its result, in a process of its own.
fn exec(place: &Place, subject: &Subject) -> f64 {
    place.write(subject.file, &subject.edited(place.edit()));
    let mut arguments = vec!["--quiet", "exec", subject.file];
    arguments.extend(subject.arguments());
    time(place.wasmill(&arguments))
}

/// … to its unit.
fn build(place: &Place, subject: &Subject) -> f64 {
    place.write(subject.file, &subject.edited(place.edit()));
    time(place.wasmill(&["--quiet", "build", subject.file]))
}

fn milliseconds(samples: &Samples) -> String {
    format!("{:.0} ms", samples.median() / 1e6)
}

/// Compiled languages: edit to result, beside the compiler.
fn compiled(effort: Effort, place: &Place) -> Report {
    const MOST: f64 = 100e6;
    let subjects = ["AssemblyScript", "C", "C++", "Go", "Rust"].map(Subject::named);
    let mut rows = Vec::new();
    let mut units = Vec::new();
    for subject in subjects {
        let bare = Bare::new(place, subject);
        let side = |work: &'static str| -> Box<dyn Fn() -> f64 + '_> {
            match work {
                "bare" => Box::new(|| bare.time(place, subject)),
                "exec" => Box::new(|| exec(place, subject)),
                _ => Box::new(|| build(place, subject)),
            }
        };
        let [floor, exec, unit] = processes(effort, ROUNDS, [side("bare"), side("exec"), side("build")]);
        units.push(format!("{} {}", subject.name, milliseconds(&unit)));
        let beside = match subject.language {
            Language::AssemblyScript => "asc",
            Language::Go => "go build",
            Language::Rust => "rustc",
            _ if bare.args.first().is_some_and(|word| word == "cc" || word == "c++") => "zig",
            _ => "clang",
        };
        rows.push(Row::beside(subject.name, beside, &floor, &exec, Target::More(MOST)));
    }
    Report {
        name: "languages_compiled",
        title: "Edit to result: compiled languages",
        method: "A source is edited, so that no build of it is kept; the compilers’ own caches are warm. `wasmill exec FILE`: the whole process, \
                 with the source’s analysis, glue, a compiler that is kept in, Cranelift for the new unit, one call. Beside it the bare compiler on an \
                 edit of the same function, with the same options, without anything that would make it callable with JSON: `asc`, `rustc --crate-type \
                 cdylib` of one file, one `zig cc` (compile and link); in Go, where only a program can be linked, with a short `main` over \
                 `encoding/json`.",
        rows,
        notes: vec![format!(
            "Until the unit is there, before Cranelift and the call (`wasmill build FILE`): {}. The rest is Cranelift’s, by the size of the unit \
             (below), on all cores; it is paid once for each edit.",
            units.join(", ")
        )],
    }
}

/// Nanoseconds of each, which take turns; once before, so that what it touches is warm.
fn processes<const SIDES: usize>(
    effort: Effort,
    rounds: usize,
    sides: [Box<dyn Fn() -> f64 + '_>; SIDES],
) -> [Samples; SIDES] {
    let mut samples = std::array::from_fn(|_| Samples::default());
    for side in &sides {
        side();
    }
    for round in 0..effort.rounds(rounds) {
        for turn in 0..SIDES {
            let index = (round + turn) % SIDES;
            samples[index].push(sides[index]());
        }
    }
    samples
}

/// Scripts: edit to result, in a new process and in one that stays.
fn scripts(effort: Effort, place: &Place, runtime: &Runtime) -> Report {
    const NEW: f64 = 300e6;
    const SAME: f64 = 30e6;
    let subjects = ["Python", "JavaScript", "TypeScript"].map(Subject::named);
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for subject in subjects {
        let engine = place.engine();
        let toolchain = place.toolchain(&engine);
        let parts = std::cell::RefCell::new([(); 3].map(|()| Samples::default()));
        let same = || {
            let text = SourceText::Code(subject.edited(place.edit()).into());
            let source = SourceUnit { language: subject.language, text, function: None, trusted: false };
            let start = Instant::now();
            let built = toolchain.build(&source, Path::new("")).unwrap();
            let build = start.elapsed();
            let loaded = runtime.block_on(engine.load_unit(built.unit).prepare()).unwrap();
            let prepared = start.elapsed();
            let attempt = runtime.block_on(loaded.call(subject.input()));
            let called = start.elapsed();
            assert_eq!(attempt.receipt.verdict, Verdict::Ok);
            let times: [Duration; 3] = [build, prepared - build, called - prepared];
            for (samples, time) in parts.borrow_mut().iter_mut().zip(times) {
                samples.push(time.as_nanos() as f64);
            }
            called.as_nanos() as f64
        };
        let [new, same] = processes(effort, QUICK_ROUNDS, [Box::new(|| exec(place, subject)), Box::new(same)]);
        let row = |case: &str, samples: &Samples, most: f64| Row {
            case: format!("{}, {case}", subject.name),
            floor: None,
            figure: samples.median(),
            measure: Measure::Time,
            target: Target::AtMost(most),
        };
        rows.extend([row("new process", &new, NEW), row("same process", &same, SAME)]);
        let [build, prepare, call] = parts.borrow().clone().map(|samples| samples.median() / 1e6);
        notes.push(format!(
            "{}, same process: {build:.2} ms to read and describe the script, {prepare:.2} ms to prepare the unit, {call:.2} ms for the call.",
            subject.name
        ));
    }
    Report {
        name: "languages_scripts",
        title: "Edit to result: scripts",
        method: "A script is edited, so that no build of it is kept; its interpreter was made and compiled in another process. `new process`: all of \
                 `wasmill exec FILE`. `same process`: `Toolchain::build`, `Load::prepare` and `Loaded::call` with a toolchain and an engine that stay.",
        rows,
        notes,
    }
}

/// `wasmill run` of a pipeline with a source that was built before, beside the same with its unit as a file.
fn kept(effort: Effort, place: &Place) -> Report {
    const MOST: f64 = 5e6;
    let mut rows = Vec::new();
    for subject in ["Rust", "Go", "Python"].map(Subject::named) {
        place.write(subject.file, &subject.edited(17));
        time(place.wasmill(&["--quiet", "build", subject.file, "--out", "units"]));
        let stem = Path::new(subject.file).file_stem().unwrap().to_string_lossy();
        let unit = format!("{}.wasm", subject.language);
        fs::rename(place.sources.path().join(format!("units/{stem}.wasm")), place.sources.path().join(&unit)).unwrap();
        let pipeline = |kind: &str, unit: &str| {
            let name = format!("{}-{kind}.yaml", subject.language);
            let text = format!(
                "wasmill: 1\nunits: {{ step: {unit} }}\nsteps:\n  call: {{ unit: step, with: {{ name: Ada, n: 1 }} }}\n\
                 outputs: {{ result: \"${{{{ steps.call.output }}}}\" }}\n"
            );
            place.write(&name, &text);
            name
        };
        let source = pipeline("source", &format!("{{ source: {} }}", subject.file));
        let path = pipeline("path", &format!("{{ path: {unit} }}"));
        let run = |file: &str| time(place.wasmill(&["--quiet", "run", file]));
        let [floor, source] = processes(effort, QUICK_ROUNDS, [Box::new(|| run(&path)), Box::new(|| run(&source))]);
        rows.push(Row::beside(subject.name, "path: unit.wasm", &floor, &source, Target::More(MOST)));
    }
    Report {
        name: "languages_kept",
        title: "A source that is built already",
        method: "`wasmill run` of a pipeline with one step, whose unit is a source that was built in a run before; beside it the same pipeline with the \
                 built unit as a file. Whole processes.",
        rows,
        notes: Vec::new(),
    }
}

/// The unit of a subject, as the toolchain builds it, ready to be called.
fn loaded(
    place: &Place,
    toolchain: &Toolchain,
    engine: &WasmtimeEngine,
    runtime: &Runtime,
    subject: &Subject,
) -> (Unit, Loaded) {
    let text = SourceText::Code(subject.edited(17).into());
    let source = SourceUnit { language: subject.language, text, function: None, trusted: false };
    if let Some(tool) = ToolName::of(subject.language).filter(|_| !matches!(subject.name, "JavaScript" | "TypeScript"))
    {
        place.tool(tool);
    }
    let unit = toolchain.build(&source, Path::new("")).unwrap().unit;
    let loaded = runtime.block_on(engine.load_unit(unit.clone()).prepare()).unwrap();
    (unit, loaded)
}

/// A call of each, beside the same bytes in bare wasmtime.
fn calls(effort: Effort, place: &Place, runtime: &Runtime) -> Report {
    const JSON: &str = "{\"name\":\"Ada\",\"n\":1}";
    let engine = place.engine();
    let toolchain = place.toolchain(&engine);
    let bare = floor::engine(SLOTS).unwrap();
    let mut rows = Vec::new();
    let mut table =
        String::from("| language | unit | fuel of a call | memory of a call |\n| --- | ---: | ---: | ---: |");
    for subject in &SUBJECTS {
        let (unit, loaded) = loaded(place, &toolchain, &engine, runtime, subject);
        let input = subject.input();
        let first = runtime.block_on(loaded.call(input.clone()));
        assert_eq!(first.receipt.verdict, Verdict::Ok, "{}", subject.name);
        let usage = &first.receipt.usage;
        table += &format!(
            "\n| {} | {} | {} | {:.2} MiB |",
            subject.name,
            bytes(unit.info().size),
            usage.fuel.unwrap_or_default(),
            usage.peak_memory as f64 / f64::from(1 << 20)
        );
        let binary = unit.plain().bytes();
        let call = side(runtime, || loaded.call(input.clone()));
        let floor: Side<'_> = match subject.language {
            Language::Python | Language::JavaScript | Language::TypeScript => {
                let built = unit.info().built.clone().unwrap();
                let (script, name) = (built.script.clone().unwrap(), built.name.clone().unwrap());
                let interpreter = floor::Interpreter::new(&bare, &binary).unwrap();
                let answer = runtime.block_on(interpreter.call(&script, &name, JSON)).unwrap().unwrap();
                assert!(answer.contains("Hello Ada"), "{answer}");
                let interpreter = Arc::new(interpreter);
                side(runtime, move || {
                    let (interpreter, script, name) = (interpreter.clone(), script.clone(), name.clone());
                    async move { interpreter.call(&script, &name, JSON).await.unwrap() }
                })
            }
            Language::Go => {
                let command = Arc::new(floor::Command::new(&bare, &binary).unwrap());
                side(runtime, move || {
                    let command = command.clone();
                    async move { command.call(JSON.into()).await }
                })
            }
            Language::Rust | Language::AssemblyScript => {
                let reactor = Arc::new(floor::Reactor::new(&bare, &binary).unwrap());
                let answer = runtime.block_on(reactor.call(JSON.as_bytes())).unwrap();
                assert!(String::from_utf8_lossy(&answer).contains("Hello Ada"));
                side(runtime, move || {
                    let reactor = reactor.clone();
                    async move { reactor.call(JSON.as_bytes()).await.unwrap() }
                })
            }
            Language::C | Language::Cpp | Language::Wat => {
                let add = Arc::new(floor::Add::new(&bare, &binary).unwrap());
                side(runtime, move || {
                    let add = add.clone();
                    async move { add.call(2, 1).await.unwrap() }
                })
            }
        };
        let samples = in_turn(effort, CALL_ROUNDS, &mut [floor, call]);
        rows.push(Row::beside(subject.name, "bare wasmtime", &samples[0], &samples[1], Target::None));
    }
    Report {
        name: "languages_calls",
        title: "A call in each language",
        method: "`Loaded::call` of the unit that was built: a fresh instance, JSON in, JSON out, every limit on, receipt and all. The function takes a text \
                 and a number and gives an object of both; in C, C++ and WebAssembly text it adds two numbers. Beside it bare wasmtime on the same \
                 bytes and the same input. One thread.",
        rows,
        notes: vec![table],
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => format!("{:.1} KiB", count as f64 / 1_024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

fn main() {
    let effort = Effort::from_arguments();
    let place = Place::new();
    // Named before anything is measured.
    for tool in [ToolName::Asc, ToolName::C, ToolName::Go, ToolName::Rustc, ToolName::ComponentizePy] {
        place.tool(tool);
    }
    let runtime = current_thread().unwrap();
    for report in [
        compiled(effort, &place),
        scripts(effort, &place, &runtime),
        kept(effort, &place),
        calls(effort, &place, &runtime),
    ] {
        report.publish(effort).unwrap();
    }
}
