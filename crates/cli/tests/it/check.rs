//! `wasmill check`: all errors at once, and nothing started.

use insta::assert_snapshot;

use crate::fixtures::{ARITHMETIC, CHAIN};
use crate::{json, pipeline, project};

#[test]
fn a_good_pipeline() {
    let project = pipeline(CHAIN).file("arithmetic.wat", ARITHMETIC);
    assert_snapshot!(project.wasmill(["check", "pipeline.yaml"]).run().to_string());
    assert_snapshot!(project.wasmill(["check", "pipeline.yaml", "--output", "json"]).run().to_string());
}

#[test]
fn everything_at_once() {
    let text = r#"wasmill: 1
name: bad
inputs:
  a: { type: integer, default: 1 }
units:
  arithmetic: { path: arithmetic.wat }
  gone: { path: gone.wasm }
steps:
  one: { unit: arithmetic, function: ad, with: [1, 2] }
  two: { unit: arithmetic, function: add, with: [1] }
  three: { unit: gone }
  four: { unit: arithmetic, function: divide, with: { a: 1, c: 2 } }
outputs: { result: "${{ steps.one.output }}" }
"#;
    let project = pipeline(text).file("arithmetic.wat", ARITHMETIC);
    assert_snapshot!(project.wasmill(["check", "pipeline.yaml"]).run().to_string());
    let document = json(project.wasmill(["check", "pipeline.yaml", "--output", "json"]).run().expect(2));
    assert_eq!(document["wasmill"], 1);
    assert_eq!(document["errors"].as_array().unwrap().len(), 5);
    assert!(document["errors"].as_array().unwrap().iter().all(|error| error["at"]["line"].is_number()));
}

#[test]
fn nothing_is_started_and_nothing_cached() {
    let project = pipeline(CHAIN).file("arithmetic.wat", ARITHMETIC);
    project.wasmill(["check", "pipeline.yaml"]).run().expect(0);
    project.wasmill(["inspect", "arithmetic.wat"]).run().expect(0);
    assert!(!project.path().parent().unwrap().join("cache").exists());
}

#[test]
fn what_is_no_pipeline() {
    let project = project()
        .file("folder/pipeline.yaml", CHAIN)
        .file("empty-folder/nothing.txt", "")
        .file("unit.wasm", b"\0asm\x01\0\0\0")
        .file("unit.wat", "(module)")
        .file("binary.yaml", b"\xff\xfe\0")
        .file("empty.yaml", "")
        .file("notes.txt", "just some text\n");
    let files = [
        "folder",
        "empty-folder",
        "missing.yaml",
        "folder/missing.yaml",
        "unit.wasm",
        "unit.wat",
        "binary.yaml",
        "empty.yaml",
        "notes.txt",
    ];
    for file in files {
        let output = project.wasmill(["check", file]).run();
        let name = file.replace('/', "_");
        assert_snapshot!(format!("what_is_no_pipeline_{name}"), output.expect(2).to_string());
    }
}
