//! Every example in every place that runs pipelines: the same outputs, digests and verdicts, or the reason why a place does not run a step.
//! The table is `docs/everywhere.md`; `UPDATE_EXPECTED=1` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json as object};
use wasmill_manifest::Format;
use wasmill_model::{Location, OutputFormat, Template, UnitSource, UnitSpec, With};
use wasmill_testkit::{Output, WasiHost, assemble, prepared, wasi_program, without_times, workspace};

use crate::{json, project};

/// Engines of the program, beside wasmtime.
const ENGINES: [&str; 2] = ["wasmi", "wasmedge"];
const PAGE: &str = "docs/everywhere.md";
/// How a component begins, behind `\0asm`.
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];

/// The most bytes and the most fuel of a request for WasmEdge, where an interpreter in code that was compiled without optimisation takes minutes
/// for more.
const MOST_BYTES_IN_WASMEDGE: usize = 1 << 20;
const MOST_FUEL_IN_WASMEDGE: u64 = 100_000_000;
const TOO_MUCH: &str = "WasmEdge is not asked by the test: units of more than 1 MiB, or more than 100,000,000 units of fuel, take it minutes";

const INTRODUCTION: &str = "\
# Every example everywhere

<!-- Written by the test `every_example_gives_the_same_everywhere` (UPDATE_EXPECTED=1). Do not edit. -->

Each example of [examples/](../examples) is run by the program on wasmtime. Outputs, the digest of what every attempt of every step gave, and its
verdict are the same in all the other places; “same” says that the place itself ran the step.

- **wasmi**, **wasmedge**: the program on that [engine](engines.md), with wasmtime as the second choice and `--allow-weaker`. Where the engine does not run a
  step, wasmtime did, and the receipt says why.
- **in wasmtime**, **in WasmEdge**, **in wazero**: [`wasmill-wasi`](wasi.md) in these runtimes; **in Chromium**: `wasmill-web` in a page. They are given the run request that
  `wasmill build --request` makes of the example; its [components are prepared](prepared-components.md) for Chromium, where every step takes the same fuel
  as on wasmtime (but one whose stack ends, or whose input are receipts). Where they cannot run a step they run nothing, and say why: then it is run once more, with what
  those steps gave elsewhere in their place. `wasmill run - --engine wasmi` gives the same bytes as the three in all of these runs, refusals
  too, but for times and run ids.

";

/// What is run of an example: its folder, its name and the arguments of one run.
struct Case {
    folder: PathBuf,
    name: String,
    arguments: Vec<String>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let examples = std::fs::read_dir(workspace().join("examples")).unwrap();
    for folder in examples.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in std::fs::read_dir(folder.join("expected")).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "cmd") {
                let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
                let name = format!("{} ({})", stem(&folder), stem(&file));
                let arguments = std::fs::read_to_string(&file).unwrap();
                let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
                if arguments.first().is_some_and(|verb| verb == "run") {
                    cases.push(Case { folder: folder.clone(), name, arguments });
                }
            }
        }
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

/// How a place took a step.
#[derive(Clone, Debug)]
enum Took {
    /// It ran it, and gave the same.
    Same,
    /// It says why it did not.
    Refused(String),
}

/// By step; one that is not there was not run anywhere.
type Column = BTreeMap<String, Took>;

/// What must be the same wherever a pipeline runs: outputs, and of each step its verdict and the digests of what it gave.
fn answer(document: &Value) -> Value {
    let steps: BTreeMap<&String, Value> = steps(document).map(|(id, step)| (id, step_answer(step))).collect();
    object!({ "verdict": document["verdict"], "outputs": document["outputs"], "steps": steps })
}

fn step_answer(step: &Value) -> Value {
    let attempts = step["attempts"].as_array().cloned().unwrap_or_default();
    let attempts = attempts.iter().map(|one| object!({ "verdict": one["verdict"], "output": one["output"] }));
    object!({ "verdict": step["verdict"], "attempts": attempts.collect::<Vec<_>>() })
}

fn steps(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    document["steps"].as_object().unwrap_or_else(|| panic!("no run document: {document}")).iter()
}

/// An engine's word on each step of a run in which it was the first choice.
fn ran_on(document: &Value, engine: &str) -> Column {
    let mut column = Column::new();
    for (id, step) in steps(document) {
        for attempt in step["attempts"].as_array().into_iter().flatten() {
            let passed_over = attempt["passed_over"].as_array().cloned().unwrap_or_default();
            let took = match passed_over.iter().find(|over| over["engine"] == engine) {
                Some(over) => Took::Refused(over["reason"].as_str().unwrap().to_owned()),
                None => {
                    assert_eq!(attempt["engine"]["name"], engine, "{attempt}");
                    Took::Same
                }
            };
            column.insert(id.clone(), took);
        }
    }
    column
}

/// The program on this machine.
fn native(folder: &Path, arguments: &[String], more: &[&str]) -> Output {
    let all = arguments.iter().map(String::as_str).chain(more.iter().copied());
    project().sharing_builds().wasmill(all).in_folder(folder).run()
}

/// `run -` of the program, with these flags.
fn native_request(request: &Value, flags: &[&str]) -> Output {
    let all = ["run", "-", "--quiet"].into_iter().chain(flags.iter().copied());
    project().sharing_builds().wasmill(all).stdin(request.to_string()).run()
}

/// The request with the smallest component there is in the place of each interpreter. Nothing of a script is run before it is known who
/// could, and half a hundred megabytes are much for an interpreter in an interpreter.
fn with_small_interpreters(request: &Value) -> Value {
    let small = assemble(
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) (func (export \"run\") (canon lift (core func $i \"f\"))))",
    );
    let mut request = request.clone();
    request.as_object_mut().unwrap().remove("interpreters");
    for unit in request["units"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        if unit["interpreter"].is_string() {
            let script = BASE64.decode(unit["base64"].as_str().unwrap()).unwrap();
            *unit = BASE64.encode([small.as_slice(), &script].concat()).into();
        }
    }
    request
}

/// The request with what these steps gave elsewhere in their place.
fn with_stand_ins(request: &Value, usual: &Value, refused: &BTreeMap<String, String>) -> Value {
    let file = request["file"].as_str().unwrap();
    let mut pipeline =
        wasmill_manifest::parse(file, request["pipeline"].as_str().unwrap(), Format::of(Path::new(file))).unwrap();
    for step in pipeline.steps.iter_mut().filter(|step| refused.contains_key(&*step.id)) {
        let unit: std::sync::Arc<str> = format!("stand-in for {}", step.id).into();
        let source = UnitSource::Wat(constant(&usual["steps"][&*step.id]["output"].to_string()));
        pipeline.units.insert(unit.clone(), UnitSpec { source, sha256: None, location: Location::default() });
        step.unit = unit;
        step.function = None;
        step.with = With::Single(Template::Literal("".into()));
        step.output = OutputFormat::Json;
        step.foreach = None;
    }
    let used: Vec<_> = pipeline.steps.iter().map(|step| step.unit.clone()).collect();
    pipeline.units.retain(|name, _| used.contains(name));
    let mut units = request["units"].as_object().cloned().unwrap_or_default();
    units.retain(|name, _| used.iter().any(|unit| **unit == **name));
    object!({ "pipeline": wasmill_manifest::to_yaml(&pipeline), "file": file, "inputs": request["inputs"], "units": units })
}

/// A unit that gives this, whatever it is given.
fn constant(text: &str) -> String {
    let bytes: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let (length, end) = (text.len(), (1024 + text.len()).next_multiple_of(8));
    format!(
        "(module (memory (export \"memory\") {pages}) (data (i32.const 1024) \"{bytes}\") (global $next (mut i32) (i32.const {end}))
          (func (export \"allocate\") (param $size i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -8)))))
          (func (export \"deallocate\") (param i32 i32))
          (func (export \"process\") (param i32 i32 i32) (result i32)
            (i32.store (local.get 2) (i32.const {length}))
            (i32.const 1024)))",
        pages = end / 65_536 + 2
    )
}

/// By step, why a place with this engine runs nothing of it.
fn refusals(document: &Value, engine: &str) -> BTreeMap<String, String> {
    let errors = document["errors"].as_array().cloned().unwrap_or_default();
    let reason = |error: &Value| {
        let message = error["message"].as_str().unwrap().to_owned();
        let said = message.split_once(&format!(": {engine}: ")).map(|(_, reason)| reason.to_owned());
        let said = said.unwrap_or_else(|| panic!("not for an engine's sake: {message}"));
        // The others, which are elsewhere.
        let said = said.split("; ").next().unwrap().to_owned();
        (error["step"].as_str().unwrap_or_else(|| panic!("of no step: {error}")).to_owned(), said)
    };
    errors.iter().map(reason).collect()
}

/// Holds a run against the usual one; steps in whose place others stood are not looked at.
fn compare(document: &Value, usual: &Value, refused: &BTreeMap<String, String>, what: &str) -> Column {
    let mut column = Column::new();
    for (id, step) in steps(usual) {
        let took = match refused.get(id) {
            Some(reason) => Took::Refused(reason.clone()),
            None => {
                assert_eq!(step_answer(&document["steps"][id]), step_answer(step), "{what}, step `{id}`: {document}");
                Took::Same
            }
        };
        column.insert(id.clone(), took);
    }
    assert_eq!(document["outputs"], usual["outputs"], "{what}");
    assert_eq!(document["verdict"], usual["verdict"], "{what}");
    column
}

/// Fuel is counted in Chromium as wasmtime counts it: each attempt with the same input took as much. Where the stack ends is the browser's.
fn same_fuel(document: &Value, usual: &Value, refused: &BTreeMap<String, String>, what: &str) {
    for (id, step) in steps(usual).filter(|(id, _)| !refused.contains_key(*id)) {
        let attempts = |step: &Value| step["attempts"].as_array().cloned().unwrap_or_default();
        for (one, other) in attempts(step).iter().zip(attempts(&document["steps"][id])) {
            if one["input"] == other["input"] && one["trap"] != "stack-overflow" {
                assert_eq!(one["usage"]["fuel"], other["usage"]["fuel"], "{what}, step `{id}`");
            }
        }
    }
}

/// The runtimes of WASI: each gives what the program gives here on wasmi, to the byte. Gives what each took.
fn in_wasi(case: &Case, request: &Value, usual: &Value) -> Vec<Column> {
    let program = wasi_program();
    let attempts = steps(usual).flat_map(|(_, step)| step["attempts"].as_array().into_iter().flatten());
    let fuel: u64 = attempts.filter_map(|attempt| attempt["usage"]["fuel"].as_u64()).sum();
    let size = with_small_interpreters(request).to_string().len();
    let is_little = size <= MOST_BYTES_IN_WASMEDGE && fuel <= MOST_FUEL_IN_WASMEDGE;
    let is_asked = |host: WasiHost| host != WasiHost::WasmEdge || is_little;
    let everywhere = |request: &Value| {
        let mut request = request.clone();
        request["engine"] = "wasmi".into();
        let here = native_request(&request, &[]);
        let expected = without_times(here.text());
        for host in WasiHost::ALL.into_iter().filter(|host| is_asked(*host)) {
            let output = host.run(&program, None).stdin(request.to_string()).run();
            assert_eq!(output.code, here.code, "{} in {host:?}: {output}", case.name);
            assert_eq!(without_times(output.text()), expected, "{} in {host:?}", case.name);
        }
        json(&here)
    };
    let whole = everywhere(&with_small_interpreters(request));
    let refused = refusals(&whole, "wasmi");
    let document = if refused.is_empty() { whole } else { everywhere(&with_stand_ins(request, usual, &refused)) };
    let column = |host| {
        let column = compare(&document, usual, &refused, &format!("{} in {host:?}", case.name));
        if is_asked(host) {
            return column;
        }
        column.into_keys().map(|id| (id, Took::Refused(TOO_MUCH.to_owned()))).collect()
    };
    WasiHost::ALL.map(column).into()
}

/// The components of a request, and of the pipelines that it brings.
fn components(request: &Value) -> Vec<Vec<u8>> {
    let members = |name: &str| request[name].as_object().into_iter().flat_map(|all| all.values());
    let units = members("units").filter(|unit| !unit["interpreter"].is_string());
    let binaries =
        units.map(|unit| unit["base64"].as_str().or(unit.as_str())).chain(members("interpreters").map(Value::as_str));
    let own = binaries.map(|text| BASE64.decode(text.unwrap()).unwrap()).filter(|binary| binary[4..8] == COMPONENT);
    own.chain(members("pipelines").flat_map(components)).collect()
}

/// What the page in Chromium answers to each of these. Their components are prepared.
fn in_chromium(requests: &[Value]) -> Vec<Value> {
    let folder = project();
    let components: BTreeSet<Vec<u8>> = requests.iter().flat_map(components).collect();
    let prepared = components.iter().flat_map(|one| ["--prepared".into(), prepared(one).display().to_string()]);
    let files: Vec<String> = requests
        .iter()
        .enumerate()
        .map(|(place, request)| {
            let mut request = request.clone();
            request["engine"] = "browser".into();
            folder.write(format!("{place}.json"), request.to_string());
            folder.path().join(format!("{place}.json")).display().to_string()
        })
        .collect();
    let mut node = Process::new("node");
    node.arg(workspace().join("web/tests/run.mjs")).args(prepared).args(&files);
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        node.env("CARGO_TARGET_DIR", workspace().join("target"));
    }
    let output = node.output().unwrap_or_else(|error| panic!("`node` does not start ({error}): it is needed for web/"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "web/tests/run.mjs: {said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), requests.len(), "{said}");
    answers.iter().map(|one| serde_json::from_str(one["text"].as_str().unwrap()).unwrap()).collect()
}

/// A case that ran everywhere but in the browser.
struct Ran {
    case: Case,
    request: Value,
    usual: Value,
    columns: Vec<Column>,
}

fn run(case: Case) -> Ran {
    let Case { folder, name, arguments } = &case;
    let run =
        |engines: &str| json(&native(folder, arguments, &["--engine", engines, "--allow-weaker", "--output", "json"]));
    let usual = json(&native(folder, arguments, &["--engine", "wasmtime", "--output", "json"]));
    let mut columns = Vec::new();
    for engine in ENGINES {
        let document = run(&format!("{engine},wasmtime"));
        let found = answer(&document);
        for (id, step) in answer(&usual)["steps"].as_object().unwrap() {
            assert_eq!(&found["steps"][id], step, "{name} on {engine}, step `{id}`");
        }
        assert_eq!(found, answer(&usual), "{name} on {engine}");
        columns.push(ran_on(&document, engine));
    }
    let mut build = vec!["build".to_owned(), "--request".to_owned()];
    build.extend_from_slice(&arguments[1..]);
    let request: Value = json(native(folder, &build, &[]).expect(0));
    // Where nothing is missing, the request's answer is the file's.
    let document = json(&native_request(&request, &["--engine", "wasmtime"]));
    assert_eq!(answer(&document), answer(&usual), "{name}: the run request");
    columns.extend(in_wasi(&case, &request, &usual));
    Ran { case, request, usual, columns }
}

#[test]
fn every_example_gives_the_same_everywhere() {
    // Two at once: each is a chain of processes, most of them with one thread.
    let (mut some, mut others) = (cases(), Vec::new());
    while others.len() + 1 < some.len() {
        others.extend(some.pop());
    }
    let mut ran: Vec<Ran> = std::thread::scope(|scope| {
        let others = scope.spawn(|| others.into_iter().map(run).collect::<Vec<_>>());
        let some: Vec<Ran> = some.into_iter().map(run).collect();
        some.into_iter().chain(others.join().unwrap()).collect()
    });
    ran.sort_by(|one, other| one.case.name.cmp(&other.case.name));

    // The browser is started twice where something is refused: for that, and for what is run without those steps.
    let whole: Vec<Value> = ran.iter().map(|one| one.request.clone()).collect();
    let mut documents = in_chromium(&whole);
    let refused: Vec<_> = documents.iter().map(|document| refusals(document, "browser")).collect();
    let again: Vec<usize> = (0..ran.len()).filter(|place| !refused[*place].is_empty()).collect();
    let less: Vec<Value> =
        again.iter().map(|&place| with_stand_ins(&ran[place].request, &ran[place].usual, &refused[place])).collect();
    if !less.is_empty() {
        for (place, document) in again.into_iter().zip(in_chromium(&less)) {
            documents[place] = document;
        }
    }
    for ((one, document), refused) in ran.iter_mut().zip(&documents).zip(&refused) {
        let what = format!("{} in Chromium", one.case.name);
        same_fuel(document, &one.usual, refused, &what);
        one.columns.push(compare(document, &one.usual, refused, &what));
    }

    let page = page(&ran);
    let file = workspace().join(PAGE);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(written, page, "{PAGE} is another one: UPDATE_EXPECTED=1 writes it");
}

fn page(ran: &[Ran]) -> String {
    let mut page = INTRODUCTION.to_owned();
    let places = ["wasmi", "wasmedge", "in wasmtime", "in WasmEdge", "in wazero", "in Chromium"];
    let _ = writeln!(page, "| example | step | {} |", places.join(" | "));
    let _ = writeln!(page, "| --- | --- | {} |", places.map(|_| "---").join(" | "));
    let mut reasons: Vec<String> = Vec::new();
    for Ran { case, usual, columns, .. } in ran {
        for (id, _) in steps(usual) {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| match column.get(id) {
                    None => "not run".to_owned(),
                    Some(Took::Same) => "same".to_owned(),
                    Some(Took::Refused(reason)) => {
                        let place = reasons.iter().position(|one| one == reason).unwrap_or_else(|| {
                            reasons.push(reason.clone());
                            reasons.len() - 1
                        });
                        format!("({})", place + 1)
                    }
                })
                .collect();
            let _ = writeln!(page, "| {} | `{id}` | {} |", case.name, cells.join(" | "));
        }
    }
    page.push_str("\nWhy a step is not run there, in the words of the place:\n\n");
    for (place, reason) in reasons.iter().enumerate() {
        let _ = writeln!(page, "{}. {reason}", place + 1);
    }
    page
}
