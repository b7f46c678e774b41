//! `--guest-profile DIR`: what the Firefox profiler opens.

use std::path::PathBuf;

use serde_json::Value;
use wasmill_testkit::Project;

use crate::{json, project};

/// Counts to its argument, in a function of its own.
const COUNT: &str = r#"
  (func $counting_up (param $to i32) (result i32) (local $at i32)
    (loop $next
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $to))))
    (local.get $at))
  (func $count (export "count") (param $to i32) (result i32) (call $counting_up (local.get $to)))"#;

/// Long enough to be seen at work on any machine.
const MANY: &str = "200000000";

fn profiles(project: &Project) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(project.path().join("profiles")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

/// The only profile that there is.
fn profile(project: &Project) -> Value {
    let files = profiles(project);
    assert_eq!(files.len(), 1, "{files:?}");
    serde_json::from_slice(&std::fs::read(&files[0]).unwrap()).unwrap()
}

/// What <https://github.com/firefox-devtools/profiler/blob/main/docs-developer/processed-profile-format.md> asks for, and that the function
/// is in it which took the time.
fn expect_seen(profile: &Value) {
    assert!(profile["meta"]["preprocessedProfileVersion"].as_u64().is_some_and(|version| version >= 40), "{profile}");
    assert_eq!(profile["meta"]["interval"], 1.0);
    let thread = &profile["threads"][0];
    assert!(thread["samples"]["length"].as_u64().unwrap() > 0, "{thread}");
    let names = thread["stringArray"].as_array().or_else(|| profile["shared"]["stringArray"].as_array()).unwrap();
    assert!(names.iter().any(|name| name == "counting_up"), "{names:?}");
}

#[test]
fn a_profile_shows_the_function_that_took_the_time() {
    let module = format!("(module $counter {COUNT})");
    let component = format!(
        r#"(component (core module $m {COUNT}) (core instance $i (instantiate $m))
           (func (export "count") (param "to" u32) (result u32) (canon lift (core func $i "count"))))"#
    );
    for unit in [module, component] {
        let project = project().file("count.wat", unit);
        let flags = ["call", "count.wat", "count", MANY, "--fuel", "100_000_000_000", "--timeout", "1m"];
        let plain = json(project.wasmill(flags.iter().chain(&["--output", "json"])).run().expect(0));
        let output = project.wasmill(flags.iter().chain(&["--output", "json", "--guest-profile", "profiles"])).run();
        let profiled = json(output.expect(0));
        assert!(output.stderr.contains("1 profile is in `profiles`"), "{output}");
        expect_seen(&profile(&project));
        // It is looked at, and nothing else is different.
        let of = |document: &Value| document["steps"]["call"]["attempts"][0].clone();
        let (plain, profiled) = (of(&plain), of(&profiled));
        assert_eq!((&plain["output"], &plain["usage"]["fuel"]), (&profiled["output"], &profiled["usage"]["fuel"]));
    }
}

#[test]
fn a_guest_that_is_stopped_has_a_profile_too() {
    let project = project().file("count.wat", format!("(module $counter {COUNT})"));
    let flags = ["call", "count.wat", "count", "4000000000", "--profile", "fast", "--timeout", "300ms"];
    project.wasmill(flags.iter().chain(&["--guest-profile", "profiles"])).run().expect(3);
    expect_seen(&profile(&project));
}

#[test]
fn who_is_done_at_once_has_none_and_is_told_why() {
    let project = project().file("count.wat", format!("(module $counter {COUNT})"));
    let flags = ["call", "count.wat", "count", "1", "--guest-profile", "profiles", "--engine", "wasmi"];
    let output = project.wasmill(flags).run();
    assert!(output.expect(0).stderr.contains("no profile was written"), "{output}");
    assert!(profiles(&project).is_empty());
    let output = project.wasmill(["call", "count.wat", "count", "1", "--guest-profile", "count.wat"]).run();
    assert!(output.expect(2).stderr.contains("profiles cannot be written into `count.wat`"), "{output}");
}

#[test]
fn who_is_dumped_by_no_engine_is_told_why() {
    let project = project().file("trap.wat", "(module (func (export \"trap\") unreachable))");
    let call = ["call", "trap.wat", "trap", "--coredump", "dumps"];
    let output = project.wasmill(call.iter().chain(&["--engine", "wasmi"])).run();
    let said =
        "note: no core dump was written: no unit trapped, or none of them on wasmtime, the engine that can write one";
    assert!(output.expect(1).stderr.contains(said), "{output}");
    let output = project.wasmill(call).run();
    assert!(!output.expect(1).stderr.contains("no core dump"), "{output}");
    assert_eq!(std::fs::read_dir(project.path().join("dumps")).unwrap().count(), 1);
}
