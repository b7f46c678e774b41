//! The interpreters, by the cases that stand beside their sources.

use serde_json::{Value as Json, json};
use wasmill_engine_wasmtime::{Compiler, Loaded, Settings, WasmtimeEngine};
use wasmill_model::{Input, Value};
use wasmill_testkit::{Project, shared, workspace};
use wasmill_unit::Unit;

fn project() -> Project {
    crate::project().sharing_builds()
}

/// The path of a file in guests/interpreters.
fn file(name: &str) -> String {
    workspace().join("guests/interpreters").join(name).display().to_string()
}

/// That a program is there.
fn need(program: &str, install: &str) {
    let asked = std::process::Command::new(program).arg("--version").output();
    assert!(asked.is_ok_and(|asked| asked.status.success()), "this test needs `{program}`: `{install}`");
}

#[test]
fn javascript_does_what_its_cases_say() {
    need("node", "apt-get install nodejs");
    let output = project().program("node", [file("javascript/test/run.mjs")]).run();
    assert!(output.expect(0).text().ends_with(" passed, 0 failed\n"), "{output}");
}

/// Reading twenty megabytes of interpreter takes a third of a second without optimisation, so that it is read once, and called here; calls with
/// options are the binary's.
#[test]
fn python_does_what_its_cases_say() {
    need("python3", "apt-get install python3");
    let project = project().file("empty.py", "result = 1\n");
    project.wasmill(["build", "empty.py", "--out", "units"]).run().expect(0);
    let unit = std::fs::read(project.path().join("units/empty.wasm")).unwrap();
    let unit = Unit::from_binary(unit).unwrap().plain().clone();
    project.write("python.wasm", unit.bytes());

    let cache = wasmill_artifact::CodeCache::open(shared().join("code")).unwrap();
    let compiler = Compiler::InProcess;
    let engine = WasmtimeEngine::new(Settings { compiler, cache: Some(cache.into()), ..Settings::default() }).unwrap();
    let prepare = |function: &str| engine.load_unit(unit.clone()).function(function).prepare_blocking().unwrap();
    let (run, describe) = (prepare("run"), prepare("describe"));

    let arguments = [&file("python/test/run.py"), "python.wasm", env!("CARGO_BIN_EXE_wasmill"), "--piped"];
    let mut cases = project.program("python3", arguments).start_open();
    loop {
        let request: Json = serde_json::from_str(&cases.line()).unwrap();
        match request["function"].as_str() {
            Some("run") => cases.write(answer(&run, &request)),
            Some(_) => cases.write(answer(&describe, &request)),
            None => break,
        }
    }
    let output = cases.finish();
    assert!(output.expect(0).text().ends_with(" checks passed\n"), "{output}");
}

/// A call as the binary would report it, in a line.
fn answer(function: &Loaded, request: &Json) -> String {
    let arguments = request["arguments"].as_array().unwrap().iter().map(|text| Value::from(text.as_str().unwrap()));
    let attempt = function.call_blocking(Input::Positional(arguments.collect()));
    let output = attempt.output.map(|value| json!({ "result": value }));
    format!("{}\n", json!({ "outputs": output, "steps": { "call": { "attempts": [attempt.receipt] } } }))
}
