//! The same pipelines in other surroundings: whole run documents, with fuel, memory, digests and logs, are the same but for times.
//!
//! `WASMILL_OTHER_BUILD` names another build of the program, such as the one of `cargo build --release`: it is then held against this one too. Fuel
//! and digests are not to depend on how, where or by whom Wasmill was compiled.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use wasmill_testkit::{Command, Output, Project, workspace};

use crate::fixtures::{ARITHMETIC, CAT, COMPONENT, UPPER};
use crate::project;

/// Every interface, and what could leak its surroundings: clocks, randomness, arguments, NaNs, traps, logs, limits, orders.
const ALL: &str = r#"wasmill: 1
name: all
schedule: { strategy: work-queue, max_concurrency: 3 }
on_failure: best-effort
units:
  arithmetic: { path: arithmetic.wat }
  upper: { path: upper.wat }
  cat: { path: cat.wat }
  component: { path: component.wat }
  nosy: { path: nosy.wat }
  endless: { wat: '(module (func (export "f") (loop $l (br $l))))' }
  deep: { wat: '(module (func $f (export "f") (call $f)))' }
  growing: { wat: '(module (memory 1) (func (export "f") (loop $l (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable))) (br $l))))' }
  nan: { wat: '(module (func (export "f") (param f64) (result f64) (f64.div (f64.sub (local.get 0) (local.get 0)) (f64.const 0))))' }
steps:
  sums: { unit: arithmetic, function: add, foreach: [1, 2, 3, 4, 5, 6, 7, 8], with: ["${{ item }}", 10] }
  loud: { unit: upper, with: "some text: ${{ string(steps.sums.output[7]) }}" }
  again: { unit: cat, with: "${{ steps.loud.output }}" }
  double: { unit: component, function: double, with: [21] }
  nosy: { unit: nosy, foreach: ["a", "b", "c", "d"], with: "${{ item }}" }
  zero: { unit: arithmetic, function: divide, with: [1, 0], retry: { attempts: 3, initial: 1ms } }
  fuel: { unit: endless, limits: { fuel: 1_000_000 } }
  stack: { unit: deep }
  memory: { unit: growing, limits: { memory: 2MiB } }
  nan: { unit: nan, with: [1.5], profile: deterministic }
  instead: { unit: arithmetic, function: divide, with: [1, 0], fallback: { unit: arithmetic, function: add } }
  noise: { unit: cat, with: "x", grants: { args: ["-x"] } }
  script: { source: script.js, with: { rows: [3, 1, 2] } }
  last: { unit: cat, with: "${{ steps.nosy.output[3] }}", after: [sums, double] }
"#;

/// How it is scheduled in the usual surroundings, and otherwise in the others.
const SCHEDULE: &str = "schedule: { strategy: work-queue, max_concurrency: 3 }";

/// JavaScript, with all that a script may see of its surroundings.
const SCRIPT: &str = r#"export default function ({ rows }) {
  console.log("seen", rows.length);
  return { rows: rows.sort(), now: Date.now(), random: Math.random(), zone: new Date(0).getTimezoneOffset(), text: "I".toLocaleLowerCase() };
}
"#;

/// A program that prints all that it is told of its surroundings: two clocks, randomness, and how many arguments and variables there are.
const NOSY: &str = r#"(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32) (local $nibble i32)
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 1024)))
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 1032)))
    (drop (call $resolution (i32.const 0) (i32.const 1040)))
    (drop (call $random (i32.const 1048) (i32.const 32)))
    (drop (call $args (i32.const 1080) (i32.const 1084)))
    (drop (call $environ (i32.const 1088) (i32.const 1092)))
    (loop $next
      (local.set $nibble (i32.load8_u offset=1024 (i32.shr_u (local.get $at) (i32.const 1))))
      (local.set $nibble (i32.and (i32.const 15)
        (i32.shr_u (local.get $nibble) (select (i32.const 0) (i32.const 4) (i32.and (local.get $at) (i32.const 1))))))
      (i32.store8 offset=2048 (local.get $at)
        (i32.add (local.get $nibble) (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $nibble) (i32.const 10)))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 144))))
    (i32.store (i32.const 0) (i32.const 2048))
    (i32.store (i32.const 4) (i32.const 144))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// What is run: a folder, and arguments in it.
struct Case {
    name: &'static str,
    folder: PathBuf,
    arguments: &'static [&'static str],
}

/// Where it is run.
struct Surroundings {
    name: &'static str,
    project: Project,
    /// What the folder of each case is called there.
    folder: &'static str,
    variables: &'static [(&'static str, &'static str)],
    /// The program that starts it, where one does.
    starter: &'static [&'static str],
    schedule: &'static str,
    is_busy: bool,
}

impl Surroundings {
    fn run(&self, case: &Case, binary: &Path) -> Output {
        let folder = self.project.path().join(self.folder).join(case.name);
        copy(&case.folder, &folder);
        let manifest = folder.join("pipeline.yaml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(&manifest, text.replace(SCHEDULE, self.schedule)).unwrap();
        let all: Vec<&str> = case.arguments.iter().chain(&["--output", "json"]).copied().collect();
        let command: Command = match self.starter {
            [] => self.project.program(binary, all),
            [starter, options @ ..] => {
                let binary = binary.to_str().unwrap();
                self.project.program(starter, options.iter().copied().chain([binary]).chain(all))
            }
        };
        let home = self.project.path().join("home of nobody");
        std::fs::create_dir_all(&home).unwrap();
        let command =
            command.in_folder(folder).env("HOME", home.to_str().unwrap()).env("WASMILL_COMPILE_TIMEOUT", "10m");
        let command = self.variables.iter().fold(command, |command, (name, value)| command.env(name, value));
        let _busy = self.is_busy.then(Busy::start);
        command.run()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let to = to.join(entry.file_name().unwrap());
        if entry.is_dir() { copy(&entry, &to) } else { _ = std::fs::copy(&entry, to).unwrap() }
    }
}

/// Threads that do nothing else than keep every core from whoever runs beside them.
struct Busy(Arc<AtomicBool>, Vec<std::thread::JoinHandle<()>>);

impl Busy {
    fn start() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let spin = |_| {
            let is_over = is_over.clone();
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        };
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let threads = (0..cores).map(spin).collect();
        Busy(is_over, threads)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn surroundings() -> Vec<Surroundings> {
    let usual = || Surroundings {
        name: "usual",
        project: project(),
        folder: "here",
        variables: &[],
        starter: &[],
        schedule: SCHEDULE,
        is_busy: false,
    };
    let one_core: &[&str] = if cfg!(target_os = "linux") { &["taskset", "-c", "0"] } else { &[] };
    vec![
        usual(),
        Surroundings {
            name: "one core, another language",
            folder: "somewhere else/ünïcode 🦀 and blanks/deeper/still deeper",
            variables: &[
                ("LC_ALL", "tr_TR.UTF-8"),
                ("LANG", "tr_TR.UTF-8"),
                ("TZ", "Asia/Kathmandu"),
                ("COLUMNS", "20"),
                ("NO_COLOR", "1"),
                ("WASMILL_WORKERS", "1"),
            ],
            starter: one_core,
            schedule: "schedule: { strategy: reactive, max_concurrency: 1 }",
            ..usual()
        },
        Surroundings {
            name: "many workers, a busy machine",
            folder: "x",
            variables: &[
                ("LC_ALL", "C"),
                ("LANG", "POSIX"),
                ("TZ", "Pacific/Kiritimati"),
                ("CLICOLOR_FORCE", "1"),
                ("WASMILL_WORKERS", "7"),
            ],
            schedule: "schedule: { strategy: level, max_concurrency: 64 }",
            is_busy: true,
            ..usual()
        },
    ]
}

/// A run document without what is only of this run: its id and times. Where one is missing that each attempt has, the test looks at nothing.
fn without_own(output: &Output, name: &str) -> Value {
    fn strip(value: &mut Value, times: &mut usize) {
        match value {
            Value::Object(members) => {
                *times += usize::from(members.remove("wall_us").is_some());
                members.values_mut().for_each(|member| strip(member, times));
            }
            Value::Array(items) => items.iter_mut().for_each(|item| strip(item, times)),
            _ => {}
        }
    }
    let mut document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{name}: {error}: {output}"));
    let mut times = 0;
    strip(&mut document, &mut times);
    assert!(times > 0 && document.as_object_mut().unwrap().remove("run").is_some(), "{name}: {output}");
    document
}

/// Without the fuel of stacks that overflowed: how many frames fit depends on those of the host below them, and so on how it was compiled.
fn without_depths(document: &Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                if members.get("trap").is_some_and(|trap| trap == "stack-overflow") {
                    members.get_mut("usage").and_then(Value::as_object_mut).unwrap().remove("fuel");
                }
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut document = document.clone();
    strip(&mut document);
    document
}

#[test]
fn runs_are_the_same_in_other_surroundings_and_other_builds() {
    let all = project().file("pipeline.yaml", ALL).file("arithmetic.wat", ARITHMETIC).file("upper.wat", UPPER);
    let all =
        all.file("cat.wat", CAT).file("component.wat", COMPONENT).file("nosy.wat", NOSY).file("script.js", SCRIPT);
    let example =
        |name: &'static str, arguments| Case { name, folder: workspace().join("examples").join(name), arguments };
    let cases = [
        Case { name: "all", folder: all.path(), arguments: &["run", "pipeline.yaml"] },
        Case {
            name: "all on wasmi",
            folder: all.path(),
            arguments: &["run", "pipeline.yaml", "--engine", "wasmi,wasmtime", "--allow-weaker"],
        },
        example("csv-stats", &["run", "pipeline.yaml", "--input", "csv=@sample.csv"]),
        example("text-report", &["run", "pipeline.yaml", "--input", "text=@sample.txt", "--input", "top=5"]),
        example("second-opinion", &["run", "pipeline.yaml"]),
    ];
    let this = PathBuf::from(env!("CARGO_BIN_EXE_wasmill"));
    let other = std::env::var_os("WASMILL_OTHER_BUILD").map(PathBuf::from);
    if let Some(other) = &other {
        assert!(other.is_absolute() && other.is_file(), "WASMILL_OTHER_BUILD: there is no program {}", other.display());
    }
    let surroundings = surroundings();
    for case in &cases {
        let mut first: Option<(i32, Value)> = None;
        for binary in [&this].into_iter().chain(&other) {
            for place in &surroundings {
                let name = format!("{}, {}, {}", case.name, place.name, binary.display());
                let output = place.run(case, binary);
                let found = (output.code.unwrap(), without_own(&output, &name));
                match &first {
                    None => first = Some(found),
                    Some(first) if binary == &this => assert_eq!(&found, first, "{name}"),
                    Some((code, document)) => {
                        assert_eq!((found.0, without_depths(&found.1)), (*code, without_depths(document)), "{name}");
                    }
                }
            }
        }
        let (_, document) = first.unwrap();
        let text = document.to_string();
        assert!(text.contains("\"fuel\":") && text.contains("\"peak_memory\":"), "{}: {text}", case.name);
        if case.name == "all" {
            // What was planned to be there is there.
            assert!(
                text.contains("\"trap\":\"stack-overflow\"") && text.contains("integer-division-by-zero"),
                "{text}"
            );
            for verdict in ["ok", "trap", "fuel-exhausted", "memory-exceeded", "guest-error"] {
                assert!(text.contains(&format!("\"verdict\":\"{verdict}\"")), "{verdict}: {text}");
            }
        }
    }
}
