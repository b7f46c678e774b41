//! `cache: auto`: answers of pure calls, kept between processes.

use std::fs;

use serde_json::Value;
use wasmill_testkit::Project;

use crate::fixtures::{ARITHMETIC, UPPER};
use crate::{json, pipeline};

const SUMS: &str = r#"wasmill: 1
name: sums
inputs:
  n: { type: integer, default: 5 }
defaults: { cache: auto }
units:
  arithmetic: { path: arithmetic.wat }
steps:
  a: { unit: arithmetic, function: add, with: [1, 2] }
  b: { unit: arithmetic, function: add, with: ["${{ steps.a.output }}", "${{ inputs.n }}"] }
  never: { unit: arithmetic, function: add, with: [3, 4], cache: off }
  real: { unit: arithmetic, function: add, with: [5, 6], grants: { clock: real } }
outputs:
  sum: "${{ steps.b.output }}"
"#;

fn sums() -> Project {
    pipeline(SUMS).file("arithmetic.wat", ARITHMETIC)
}

fn run(project: &Project, more: &[&str]) -> Value {
    let output = project.wasmill([&["run", "pipeline.yaml", "--output", "json"], more].concat()).run();
    serde_json::from_str(output.expect(0).text()).unwrap()
}

/// The steps whose answers were those of another run.
fn kept(document: &Value) -> Vec<&str> {
    let steps = document["steps"].as_object().unwrap().iter();
    steps.filter(|(_, step)| step["attempts"][0]["kept_from"].is_string()).map(|(id, _)| id.as_str()).collect()
}

#[test]
fn an_answer_is_found_by_the_next_process() {
    let project = sums();
    let first = run(&project, &[]);
    assert!(kept(&first).is_empty());
    let second = run(&project, &[]);
    assert_eq!(kept(&second), ["a", "b"]);
    assert_eq!(second["steps"]["a"]["attempts"][0]["kept_from"], first["run"]);
    assert_eq!(second["outputs"], first["outputs"]);
    assert_eq!(second["steps"]["b"]["attempts"][0]["usage"], first["steps"]["b"]["attempts"][0]["usage"]);
    assert_eq!(kept(&run(&project, &["--input", "n=6"])), ["a"]);
    // Limits are part of a call, as a refusal is an answer.
    assert!(kept(&run(&project, &["--memory", "1MiB"])).is_empty());
}

/// All that an answer depends on, one process after another over the same folder: whatever is changed is a call that nobody has made.
#[test]
fn an_answer_is_of_one_call_alone() {
    const CALLS: &str = r#"wasmill: 1
name: calls
defaults: { cache: auto }
units: { arithmetic: { path: arithmetic.wat }, upper: { path: upper.wat } }
steps:
  number: { unit: arithmetic, function: add, with: [4, 2] }
  text: { unit: upper, with: "12" }
"#;
    let project = pipeline(CALLS).file("arithmetic.wat", ARITHMETIC).file("upper.wat", UPPER);
    assert!(kept(&run(&project, &[])).is_empty());
    for (from, to, others) in [
        ("function: add", "function: divide", vec!["text"]),
        ("with: [4, 2]", "with: [2, 4]", vec!["text"]),
        ("with: [4, 2]", "with: { a: 4, b: 2 }", vec!["text"]),
        ("with: [4, 2]", "with: [4, 2], limits: { fuel: 1000 }", vec!["text"]),
        ("with: [4, 2]", "with: [4, 2], profile: deterministic", vec!["text"]),
        ("with: \"12\"", "with: 12", vec!["number"]),
        ("with: \"12\"", "with: \"12\", as: json", vec!["number"]),
        ("with: \"12\"", "with: \"12\", grants: { env: { LANG: en } }", vec!["number"]),
    ] {
        project.replace("pipeline.yaml", CALLS.replace(from, to));
        assert_eq!(kept(&run(&project, &[])), others, "{to}");
        assert_eq!(kept(&run(&project, &[])), ["number", "text"], "{to}");
    }
    project.replace("pipeline.yaml", CALLS);
    assert_eq!(kept(&run(&project, &[])), ["number", "text"]);
    assert!(kept(&run(&project, &["--engine", "wasmi"])).is_empty());
    // The same function of another unit.
    project.replace("arithmetic.wat", ARITHMETIC.replace("i32.add", "i32.mul"));
    let document = run(&project, &[]);
    assert_eq!((kept(&document), &document["outputs"]["number"]), (vec!["text"], &8.into()));
}

/// Whoever can write to the folder can give an answer the name of another: it is computed again where its unit is another.
#[test]
fn an_answer_of_another_unit_is_none() {
    let text = SUMS.replace("never: { unit: arithmetic", "never: { unit: other");
    let text =
        text.replace("  arithmetic: {", "  other: { path: other.wat }\n  arithmetic: {").replace(", cache: off", "");
    let text = text.lines().filter(|line| !line.starts_with("  b:") && !line.starts_with("  sum:")).collect::<Vec<_>>();
    let text = text.join("\n").replace("outputs:", "");
    let project = pipeline(&text).file("arithmetic.wat", ARITHMETIC);
    let project = project.file("other.wat", ARITHMETIC.replace("i32.add", "i32.mul"));
    run(&project, &[]);
    let folder = project.path().parent().unwrap().join("results");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    let files: Vec<_> = files.into_iter().filter(|path| path.is_file()).collect();
    let [one, other] = &files[..] else { panic!("{files:?}") };
    let (bytes, swapped) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    fs::write(one, swapped).unwrap();
    fs::write(other, bytes).unwrap();
    let document = run(&project, &[]);
    assert!(kept(&document).is_empty(), "{document}");
    assert_eq!((&document["outputs"]["a"], &document["outputs"]["never"]), (&3.into(), &12.into()));
}

/// What a native program does is not known, so that nothing of it is kept, whatever its step says.
#[cfg(unix)]
#[test]
fn a_native_program_is_called_always() {
    use std::os::unix::fs::PermissionsExt as _;

    let text = "wasmill: 1\nunits: { count: { program: ./count } }\nsteps:\n  one: { unit: count, engine: process, allow_weaker: true, with: \"\", cache: auto }\n";
    let project = pipeline(text).file("open.toml", "[policy.engines]\nallow = [\"process\"]\n");
    project.write("count", "#!/bin/sh\necho 1\n");
    fs::set_permissions(project.path().join("count"), fs::Permissions::from_mode(0o755)).unwrap();
    for _ in 0..2 {
        assert!(kept(&run(&project, &["--policy", "open.toml"])).is_empty());
    }
}

#[test]
fn the_command_line_has_the_last_word() {
    let project = sums();
    run(&project, &["--cache", "auto"]);
    assert_eq!(kept(&run(&project, &["--cache", "auto"])), ["a", "b", "never"]);
    assert!(kept(&run(&project, &["--cache", "off"])).is_empty());
}

#[test]
fn what_is_damaged_or_of_another_call_is_computed_again() {
    let project = sums();
    run(&project, &[]);
    let folder = project.path().parent().unwrap().join("results");
    let files = || fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file());
    assert_eq!(files().count(), 2);
    for file in files() {
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
    }
    let verified = project.wasmill(["cache", "verify", "results"]).run();
    assert!(verified.expect(1).text().contains("damaged"), "{verified}");
    assert!(kept(&run(&project, &[])).is_empty());
    assert_eq!(kept(&run(&project, &[])), ["a", "b"]);

    // Whoever can write to the folder can put one answer in the place of another.
    let paths: Vec<_> = files().collect();
    let bytes: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    for (path, other) in paths.iter().zip(bytes.iter().rev()) {
        fs::write(path, other).unwrap();
    }
    assert!(kept(&run(&project, &[])).is_empty());
}

#[test]
fn rows_share_answers_with_other_commands_and_not_with_each_other() {
    let project = sums().file("rows", "{\"n\": 1}\n{\"n\": 1}\n{\"n\": 2}\n");
    let rows = || project.wasmill(["run", "pipeline.yaml", "--each", "rows", "--jobs", "1", "--output", "json"]).run();
    let text = rows().expect(0).text().to_owned();
    let documents: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(documents.iter().all(|document| kept(document).is_empty()));
    // Which row ends first decides nothing; the next command finds all of them.
    let text = rows().expect(0).text().to_owned();
    let documents: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(documents.iter().all(|document| kept(document) == ["a", "b"]));
}

#[test]
fn a_folder_that_cannot_be_used_is_told_of() {
    let project = sums().file("results", "no folder");
    let output = project.wasmill(["run", "pipeline.yaml"]).env("WASMILL_RESULTS_DIR", "results").run();
    assert_eq!(output.expect(0).text(), "8\n");
    assert!(output.stderr.contains("warning: answers of pure calls are not kept"), "{output}");
    // Where nothing is to be kept, nobody looks for it.
    let silent =
        project.wasmill(["run", "pipeline.yaml", "--cache", "off"]).env("WASMILL_RESULTS_DIR", "results").run();
    assert!(!silent.expect(0).stderr.contains("warning"), "{silent}");
}

/// The folder is Wasmill's own: whatever stands in the place of an answer is none of anybody's.
#[test]
fn a_folder_in_the_place_of_an_answer_is_removed() {
    for command in [&["cache", "verify", "results"][..], &["cache", "clean", "results", "--all"]] {
        let project = sums();
        run(&project, &[]);
        let folder = project.path().parent().unwrap().join("results");
        let files = || fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let place = files().find(|path| path.is_file()).unwrap();
        fs::remove_file(&place).unwrap();
        fs::create_dir_all(place.join("in/it")).unwrap();
        let output = project.wasmill(["run", "pipeline.yaml"]).run();
        assert!(output.expect(0).stderr.contains("answers of pure calls are not kept"), "{output}");
        let output = project.wasmill([command, &["--output", "json"]].concat()).run();
        let found = &json(&output)["results"];
        match command {
            [_, "verify", ..] => {
                output.expect(1);
                assert_eq!(found["damaged"].as_array().unwrap().len(), 1, "{output}");
                assert_eq!(found["stuck"], serde_json::json!([]));
            }
            _ => assert_eq!((&found["removed"], &found["stuck"]), (&2.into(), &0.into()), "{}", output.expect(0)),
        }
        assert!(!place.exists());
        run(&project, &[]);
        assert_eq!(kept(&run(&project, &[])), ["a", "b"]);
    }
}

/// Bytes are a third longer in the file of an answer, as base64.
#[test]
fn fifty_mebibytes_of_bytes_are_kept() {
    const LARGE: &str = r#"(module
  (memory (export "memory") 802)
  (func (export "allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param i32 i32) (param $out_length i32) (result i32)
    (i32.store (local.get $out_length) (i32.const 52428800))
    (i32.const 65536)))"#;
    let text = "wasmill: 1\nunits: { large: { path: large.wat } }\nsteps:\n  large: { unit: large, with: a, as: bytes, cache: auto, limits: { output: 64MiB } }\noutputs: { length: \"${{ size(steps.large.output) }}\" }\n";
    let project = pipeline(text).file("large.wat", LARGE);
    assert!(kept(&run(&project, &[])).is_empty());
    assert_eq!(kept(&run(&project, &[])), ["large"]);
}
