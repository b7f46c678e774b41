//! Every example on every engine: the same outputs, digests and verdicts, or the reason why an engine does not run a step. The table
//! is `docs/engines-examples.md`; `UPDATE_EXPECTED=1` writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wasmill_testkit::workspace;

use crate::{json, project};

const ENGINES: [&str; 2] = ["wasmi", "wasmedge"];
const PAGE: &str = "docs/engines-examples.md";

/// The examples and the arguments of one run of each case.
fn cases() -> Vec<(PathBuf, String, Vec<String>)> {
    let mut cases = Vec::new();
    let examples = std::fs::read_dir(workspace().join("examples")).unwrap();
    for folder in examples.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in std::fs::read_dir(folder.join("expected")).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "cmd") {
                let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
                let case = format!("{} ({})", name(&folder), name(&file));
                let arguments = std::fs::read_to_string(&file).unwrap();
                let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
                if arguments.first().is_some_and(|verb| verb == "run") {
                    cases.push((folder.clone(), case, arguments));
                }
            }
        }
    }
    cases.sort();
    cases
}

/// What must be the same wherever a pipeline runs: outputs, and of each step its verdict and the digests of what it gave.
fn answer(document: &Value) -> Value {
    let steps: BTreeMap<&String, Value> = document["steps"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(id, step)| {
            let attempts = step["attempts"].as_array().cloned().unwrap_or_default();
            let attempts: Vec<Value> = attempts
                .iter()
                .map(|attempt| serde_json::json!({ "verdict": attempt["verdict"], "output": attempt["output"] }))
                .collect();
            (id, serde_json::json!({ "verdict": step["verdict"], "attempts": attempts }))
        })
        .collect();
    serde_json::json!({ "verdict": document["verdict"], "outputs": document["outputs"], "steps": steps })
}

/// By step: the engine that ran it, or why this one did not.
fn ran_on(document: &Value, engine: &str) -> BTreeMap<String, Result<(), String>> {
    let mut steps = BTreeMap::new();
    for (id, step) in document["steps"].as_object().unwrap() {
        for attempt in step["attempts"].as_array().into_iter().flatten() {
            let passed_over = attempt["passed_over"].as_array().cloned().unwrap_or_default();
            let reason = passed_over.iter().find(|over| over["engine"] == engine);
            let how = match reason {
                Some(over) => Err(over["reason"].as_str().unwrap().to_owned()),
                None => {
                    assert_eq!(attempt["engine"]["name"], engine, "{attempt}");
                    Ok(())
                }
            };
            steps.insert(id.clone(), how);
        }
    }
    steps
}

#[test]
fn every_example_gives_the_same_on_every_engine() {
    let run = |folder: &Path, arguments: &[String], more: &[&str]| {
        let all = arguments.iter().map(String::as_str).chain(more.iter().copied()).chain(["--output", "json"]);
        json(&project().sharing_builds().wasmill(all).in_folder(folder).run())
    };
    let mut page = String::from(
        "# Every example on every engine\n\n\
         <!-- Written by the test `every_example_gives_the_same_on_every_engine` (UPDATE_EXPECTED=1). Do not edit. -->\n\n\
         Each example of [examples/](../examples) is run on wasmtime, and then on each other engine with wasmtime as the second choice and\n\
         `--allow-weaker`. The outputs, their digests and the verdict of every attempt of every step are the same in all\n\
         runs; “same” says that the engine itself ran the step. Where it does not run it, the reason is what the receipt says; wasmtime ran it\n\
         then.\n\n",
    );
    let _ = writeln!(page, "| example | step | {} |", ENGINES.join(" | "));
    let _ = writeln!(page, "| --- | --- | {} |", ENGINES.map(|_| "---").join(" | "));
    for (folder, case, arguments) in cases() {
        let usual = run(&folder, &arguments, &["--engine", "wasmtime"]);
        let expected = answer(&usual);
        let mut how: BTreeMap<&str, BTreeMap<String, Result<(), String>>> = BTreeMap::new();
        for engine in ENGINES {
            let list = format!("{engine},wasmtime");
            let document = run(&folder, &arguments, &["--engine", &list, "--allow-weaker"]);
            let found = answer(&document);
            if found != expected {
                for (id, step) in expected["steps"].as_object().unwrap() {
                    assert_eq!(&found["steps"][id], step, "{case} on {engine}, step `{id}`");
                }
                assert_eq!(found, expected, "{case} on {engine}");
            }
            how.insert(engine, ran_on(&document, engine));
        }
        for id in usual["steps"].as_object().unwrap().keys() {
            let cells: Vec<&str> = ENGINES
                .iter()
                .map(|engine| match how[engine].get(id) {
                    None => "not run",
                    Some(Ok(())) => "same",
                    Some(Err(reason)) => reason,
                })
                .collect();
            let _ = writeln!(page, "| {case} | `{id}` | {} |", cells.join(" | "));
        }
    }
    let file = workspace().join(PAGE);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(written, page, "{PAGE} is another one: UPDATE_EXPECTED=1 writes it");
}
