//! Every limit has its verdict and its exit code, from the command line as from the manifest.

use insta::assert_snapshot;

use crate::{json, pipeline, project};

/// A pipeline of one step, with this unit and these lines in the step.
fn one(wat: &str, step: &str) -> String {
    let wat: String = wat.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "wasmill: 1\nname: limits\nunits:\n  hostile:\n    wat: |\n{wat}steps:\n  hostile: {{ unit: hostile{step} }}\n\
         outputs: {{ result: \"${{{{ steps.hostile.output }}}}\" }}\n"
    )
}

const SPIN: &str = r#"(module (func (export "spin") (loop $forever (br $forever))))"#;

const GROW: &str = r#"(module (memory (export "memory") 1)
  (func (export "grow")
    (loop $more
      (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
      (br $more))))"#;

const FLOOD: &str = r#"(module (memory (export "memory") 100)
  (func (export "allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param i32 i32 i32) (result i32)
    (i32.store (local.get 2) (i32.const 2000000)) (i32.const 2048)))"#;

const BABBLE: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 1024))
    (loop $more (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))) (br $more))))"#;

#[test]
fn fuel() {
    let project = pipeline(&one(SPIN, ""));
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml", "--fuel", "1_000_000"]).run().to_string());
}

#[test]
fn time() {
    let project = pipeline(&one(SPIN, ""));
    let output = project.wasmill(["run", "pipeline.yaml", "--timeout", "50ms"]).run().to_string();
    // Where it was stands there only if it was computing at that moment, and not waiting for its turn.
    assert_snapshot!(output.split("\n\n  backtrace").next().unwrap().trim_end());
}

#[test]
fn memory() {
    let project = pipeline(&one(GROW, ""));
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml", "--memory", "4MiB"]).run().to_string());
}

#[test]
fn output() {
    let project = pipeline(&one(FLOOD, ", with: \"\", limits: { output: 1MiB }"));
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().to_string());
}

#[test]
fn log() {
    let project = pipeline(&one(BABBLE, ", with: \"\", limits: { log: 64KiB }"));
    let document = json(project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run().expect(3));
    assert_eq!(document["error"]["code"], "WM0607");
    let receipt = &document["steps"]["hostile"]["attempts"][0];
    assert_eq!(receipt["verdict"], "log-exceeded");
    assert_eq!(receipt["log"].as_str().unwrap().len(), 64 << 10);
}

#[test]
fn a_flag_is_stronger_than_the_manifest_and_weaker_than_the_policy() {
    let project = pipeline(&one(SPIN, ", limits: { fuel: 1_000 }"));
    let fuel = |arguments: &[&str]| {
        let all = ["run", "pipeline.yaml", "--output", "json"].iter().chain(arguments);
        let document = json(&project.wasmill(all).run());
        document["steps"]["hostile"]["attempts"][0]["limits"]["fuel"].clone()
    };
    assert_eq!(fuel(&[]), 1_000);
    assert_eq!(fuel(&["--fuel", "2_000"]), 2_000);
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml", "--memory", "1TiB"]).run().to_string());
}

#[test]
fn flags_that_are_no_limits() {
    let project = pipeline(&one(SPIN, ""));
    for zero in ["--fuel=0", "--timeout=0s"] {
        let output = project.wasmill(["run", "pipeline.yaml", zero]).run();
        assert!(output.expect(2).stderr.contains("it is zero: nothing could run"), "{output}");
    }
    for (flag, value) in [("--memory", "lots"), ("--fuel", "-1"), ("--timeout", "10 parsecs")] {
        let output = project.wasmill(["run".to_owned(), "pipeline.yaml".to_owned(), format!("{flag}={value}")]).run();
        assert_snapshot!(format!("flags_that_are_no_limits{flag}"), output.expect(2).to_string());
    }
}

#[test]
fn every_hostile_guest_has_its_verdict_and_exit_code() {
    for (guest, arguments, code, exit) in [
        ("spin", &["--fuel", "100_000"][..], "WM0603", 3),
        ("spin-start", &["--fuel", "100_000"], "WM0603", 3),
        ("spin", &["--timeout", "20ms"], "WM0604", 3),
        ("fill", &["--timeout", "20ms"], "WM0604", 3),
        ("grow-forever", &["--memory", "4MiB"], "WM0605", 3),
        ("output-flood", &[], "WM0606", 3),
        ("div-zero", &[], "WM0602", 1),
        ("unreachable", &[], "WM0602", 1),
        ("recurse", &[], "WM0602", 1),
        ("null-result", &[], "WM0601", 1),
    ] {
        let project = project().file("guest.wasm", guest_of_limits(guest));
        let output = project.wasmill(["call", "guest.wasm", "--output", "json"].iter().chain(arguments)).run();
        assert_eq!(json(output.expect(exit))["error"]["code"], code, "{guest}: {output}");
    }
}

fn guest_of_limits(name: &str) -> Vec<u8> {
    wasmill_testkit::guest("limits", name)
}

#[test]
fn an_engine_that_is_not_there() {
    let project = pipeline(&one(SPIN, ""));
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml", "--engine", "v8"]).run().to_string());
}
