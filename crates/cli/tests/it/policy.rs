//! The host's policy and the `Component.toml` of units: who may use what, whoever wrote the pipeline.

use insta::assert_snapshot;
use wasmill_testkit::Project;

use crate::fixtures::{ARITHMETIC, CHAIN};
use crate::{json, pipeline, project};

const POLICY: &str = r#"[policy.limits.defaults]
memory = "1MiB"
fuel = 1_000_000

[policy.limits.ceilings]
memory = "2MiB"
timeout = "10s"
"#;

const COMPONENT_TOML: &str = r#"[component]
name = "arithmetic"
version = "1.0.0"

[resources.memory]
max_bytes = "1MiB"

[resources.cpu]
max_fuel = 5_000
timeout_seconds = 2
"#;

const SPIN: &str = "(module (func (export \"spin\") (loop $on (br $on))))";

fn chain() -> Project {
    pipeline(CHAIN).file("arithmetic.wat", ARITHMETIC)
}

/// The limits in the first receipt of a run that ends with this code.
fn limits(project: &Project, arguments: &[&str], code: i32) -> serde_json::Value {
    let output = project.wasmill(arguments.iter().chain(&["--output", "json"])).run();
    let document = json(output.expect(code));
    let steps = document["steps"].as_object().unwrap();
    steps.values().next().unwrap()["attempts"][0]["limits"].clone()
}

#[test]
fn a_policy_gives_the_defaults() {
    let project = chain().file("host.toml", POLICY);
    let limits = limits(&project, &["run", "pipeline.yaml", "--policy", "host.toml"], 0);
    assert_eq!((&limits["memory"], &limits["fuel"]), (&(1 << 20).into(), &1_000_000.into()));
    // What it does not name is built in, and lowered to its ceiling.
    assert_eq!((&limits["log"], &limits["timeout_ms"]), (&(1 << 20).into(), &10_000.into()));
}

#[test]
fn a_manifest_above_the_policy_is_refused_before_the_run() {
    let text = CHAIN
        .replace("    function: add\n    with: { a", "    function: add\n    limits: { memory: 3MiB }\n    with: { a");
    let project = pipeline(&text).file("arithmetic.wat", ARITHMETIC).file("host.toml", POLICY);
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml", "--policy", "host.toml"]).run().to_string());
    let checked = project.wasmill(["check", "pipeline.yaml", "--policy", "host.toml"]).run();
    assert!(checked.expect(2).stderr.contains("WM0206"), "{checked}");
    project.wasmill(["check", "pipeline.yaml"]).run().expect(0);
}

#[test]
fn a_flag_above_the_policy_is_refused_before_the_run() {
    let project = chain().file("host.toml", POLICY);
    let output = project.wasmill(["run", "pipeline.yaml", "--policy", "host.toml", "--timeout", "1m"]).run();
    assert_snapshot!(output.to_string());
    let output =
        project.wasmill(["call", "arithmetic.wat", "add", "1", "2", "--policy", "host.toml", "--memory", "4MiB"]);
    assert!(output.run().expect(2).stderr.contains("the host allows 2 MiB"));
}

#[test]
fn where_a_policy_is_found() {
    let fuel = |fuel: u32| format!("[policy.limits.defaults]\nfuel = {fuel}\n");
    let project = chain().file("flag.toml", fuel(100_001)).file("variable.toml", fuel(100_002));
    let run = |flags: &[&str], variable: &str| {
        let all = ["run", "pipeline.yaml", "--output", "json"].iter().chain(flags);
        let output = project.wasmill(all).env("WASMILL_POLICY", variable).run();
        json(output.expect(0))["steps"]["sum"]["attempts"][0]["limits"]["fuel"].as_u64().unwrap()
    };
    assert_eq!(run(&["--policy", "flag.toml"], "variable.toml"), 100_001);
    assert_eq!(run(&[], "variable.toml"), 100_002);
    // An empty variable is none.
    assert_eq!(run(&[], ""), 10_000_000_000);
    let folder = project.path().parent().unwrap().join("config/wasmill");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("wasmill.toml"), fuel(100_003)).unwrap();
    assert_eq!(run(&[], ""), 100_003);
    assert_eq!(run(&[], "variable.toml"), 100_002);
}

/// Whoever wrote the pipeline must not decide what it may use.
#[test]
fn a_policy_beside_the_manifest_is_not_read() {
    let project = chain().file("wasmill.toml", "[policy.limits.defaults]\nfuel = 7\nthis is no TOML");
    assert_eq!(limits(&project, &["run", "pipeline.yaml"], 0)["fuel"], 10_000_000_000_u64);
}

#[test]
fn policies_that_make_no_sense() {
    let project = chain()
        .file("syntax.toml", "[policy.limits\n")
        .file("wrong.toml", "[policy.limits.ceilngs]\n\n[policy.limits.defaults]\nmemory = \"1TiB\"\nfuel = 0\n")
        .file("folder/x", "");
    for file in ["missing.toml", "syntax.toml", "wrong.toml", "folder"] {
        let output = project.wasmill(["run", "pipeline.yaml", "--policy", file]).run();
        assert_snapshot!(format!("policies_that_make_no_sense_{file}"), output.expect(2).to_string());
    }
    // A named one that is not there is an error also where the environment names it.
    let output = project.wasmill(["check", "pipeline.yaml"]).env("WASMILL_POLICY", "missing.toml").run();
    assert!(output.expect(2).stderr.contains("there is no policy file `missing.toml`"), "{output}");
}

#[test]
fn a_component_toml_holds_for_run_and_call() {
    let project = chain().file("Component.toml", COMPONENT_TOML).file("spin/spin.wat", SPIN);
    project.write("spin/Component.toml", COMPONENT_TOML);
    for arguments in [&["run", "pipeline.yaml"][..], &["call", "arithmetic.wat", "add", "1", "2"]] {
        let limits = limits(&project, arguments, 0);
        assert_eq!(limits["memory"], 1 << 20, "{arguments:?}");
        assert_eq!(limits["fuel"], 5_000, "{arguments:?}");
        assert_eq!(limits["timeout_ms"], 2_000, "{arguments:?}");
        // The others are the host's.
        assert_eq!(limits["output"], 16 << 20, "{arguments:?}");
    }
    // A flag asks for more, and the lower one holds; a flag asks for less.
    assert_eq!(limits(&project, &["call", "spin/spin.wat", "--fuel", "1_000_000"], 3)["fuel"], 5_000);
    assert_eq!(limits(&project, &["call", "spin/spin.wat", "--fuel", "1_000"], 3)["fuel"], 1_000);
    project.wasmill(["check", "pipeline.yaml"]).run().expect(0);
}

#[test]
fn a_component_toml_that_is_wrong_stops_the_run() {
    let bad = COMPONENT_TOML.replace("\"1MiB\"", "\"64MiB\"").replace("timeout_seconds = 2\n", "");
    let project = chain().file("Component.toml", bad);
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().to_string());
    assert_snapshot!(project.wasmill(["call", "arithmetic.wat", "add", "1", "2"]).run().to_string());
    // The host may allow more.
    project.write("host.toml", "[policy.component]\nmemory_ceiling = \"64MiB\"\n");
    project.write("Component.toml", COMPONENT_TOML.replace("\"1MiB\"", "\"64MiB\""));
    let run = ["run", "pipeline.yaml", "--policy", "host.toml"];
    assert_eq!(limits(&project, &run, 0)["memory"], 64 << 20);
    // The pipeline's file and the unit's are told of at once.
    project.write("pipeline.yaml", CHAIN.replace("function: add", "function: ad"));
    let both = project.wasmill(["check", "pipeline.yaml"]).run();
    assert!(both.expect(2).stderr.contains("WM0305") && both.stderr.contains("WM0206"), "{both}");
}

#[test]
fn limits_land_on_no_other_unit_and_are_not_lost() {
    let fuel = |project: &Project, unit: &str| limits(project, &["call", unit, "add", "1", "2"], 0)["fuel"].clone();
    // The only unit of a folder, whatever the name; its text and its binary are one unit.
    let only = project().file("other.wat", ARITHMETIC).file("other.wasm", wasmill_testkit::assemble(ARITHMETIC));
    only.write("Component.toml", COMPONENT_TOML);
    assert_eq!(fuel(&only, "other.wat"), 5_000);
    assert_eq!(fuel(&only, "other.wasm"), 5_000);

    // Of several, the one with the name.
    let several = project().file("arithmetic.wat", ARITHMETIC).file("other.wat", ARITHMETIC);
    several.write("Component.toml", COMPONENT_TOML);
    assert_eq!(fuel(&several, "arithmetic.wat"), 5_000);
    assert_eq!(fuel(&several, "other.wat"), 10_000_000_000_u64);
    let path = several.path().join("other.wat");
    assert_eq!(fuel(&several, path.to_str().unwrap()), 10_000_000_000_u64);

    // Of several, none.
    several.write("Component.toml", COMPONENT_TOML.replace("\"arithmetic\"", "\"arithmetics\""));
    assert_snapshot!("component_of_none", several.wasmill(["call", "other.wat", "add", "1", "2"]).run().to_string());
    several.write("Component.toml", COMPONENT_TOML.replace("name = \"arithmetic\"\n", ""));
    assert_snapshot!("component_of_nobody", several.wasmill(["call", "other.wat", "add", "1", "2"]).run().to_string());

    // Cargo writes `_` for `-`.
    let cargo = project().file("word_count.wat", ARITHMETIC).file("other.wat", ARITHMETIC);
    cargo.write("Component.toml", COMPONENT_TOML.replace("arithmetic", "word-count"));
    assert_eq!(fuel(&cargo, "word_count.wat"), 5_000);

    // What came from stdin stands beside nothing.
    let stdin = only.wasmill(["call", "-", "add", "1", "2", "--output", "json"]);
    let document = json(stdin.stdin(wasmill_testkit::assemble(ARITHMETIC)).run().expect(0));
    assert_eq!(document["steps"]["call"]["attempts"][0]["limits"]["fuel"], 10_000_000_000_u64);

    // A unit that is in no file has none.
    let inline = pipeline("wasmill: 1\nsteps: { a: { unit: { wat: '(module (func (export \"f\")))' } } }\n");
    inline.write("Component.toml", COMPONENT_TOML);
    assert_eq!(limits(&inline, &["run", "pipeline.yaml"], 0)["fuel"], 10_000_000_000_u64);
}

#[test]
fn a_component_toml_is_no_pipeline() {
    let project = project().file("Component.toml", COMPONENT_TOML);
    assert_snapshot!(project.wasmill(["run", "Component.toml"]).run().to_string());
}

#[test]
fn fuel_of_a_unit_is_not_lost_to_a_profile() {
    let project = chain().file("Component.toml", COMPONENT_TOML);
    let output = project.wasmill(["run", "pipeline.yaml", "--profile", "fast"]).run();
    assert!(output.expect(2).stderr.contains("the `Component.toml` of `arithmetic` limits fuel"), "{output}");
}
