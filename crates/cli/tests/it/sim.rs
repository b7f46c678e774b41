//! `wasmill sim`: the examples' planted mistakes are found, and each is seen again from its seed.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::{Value, json};
use wasmill_testkit::workspace;

use crate::fixtures::ARITHMETIC;
use crate::{json, pipeline, project};

fn sim(example: &str, arguments: &[&str], exit: i32) -> Value {
    let folder = workspace().join("examples").join(example);
    let mut all = vec!["sim", "pipeline.yaml", "--output", "json"];
    all.extend(arguments);
    json(project().sharing_builds().wasmill(all).in_folder(&folder).run().expect(exit))
}

/// The kinds of findings with their steps.
fn found(document: &Value) -> BTreeSet<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    let steps = |finding: &Value| -> Vec<String> {
        finding["steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap().to_owned()).collect()
    };
    findings.map(|finding| format!("{} {}", finding["kind"].as_str().unwrap(), steps(finding).join(" "))).collect()
}

#[test]
fn the_planted_mistakes_are_found_and_seen_again_from_their_seeds() {
    for (example, expected) in [
        ("sim-race", vec!["order-changes-result rate", "shared-folder refresh report"]),
        ("sim-storm", vec!["retry-storm bill"]),
        ("sim-stuck", vec!["stuck-retry deliver", "stuck-retry share"]),
    ] {
        let document = sim(example, &["--seeds", "100"], 1);
        let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(found(&document), expected, "{example}");
        for finding in document["findings"].as_array().unwrap() {
            let kind = finding["kind"].as_str().unwrap();
            let mut outputs = BTreeSet::new();
            for one in finding["reproduce"].as_array().unwrap() {
                let (seed, strategy) = (one["seed"].to_string(), one["strategy"].as_str().unwrap());
                let folder = workspace().join("examples").join(example);
                let arguments = ["sim", "pipeline.yaml", "--output", "json", "--seed", &seed, "--strategy", strategy];
                let output = project().sharing_builds().wasmill(arguments).in_folder(&folder).run();
                let replay = json(&output);
                outputs.insert(replay["outputs"].to_string());
                match kind {
                    "retry-storm" | "stuck-retry" => {
                        let again = found(&replay);
                        assert!(again.iter().any(|one| expected.contains(one) && one.starts_with(kind)), "{again:?}");
                        let shows = |replay: &Value| {
                            let all = replay["findings"].as_array().unwrap().iter();
                            all.flat_map(|one| one["reproduce"].as_array().unwrap()).any(|other| other == one)
                        };
                        assert!(shows(&replay), "{one} is not in {replay}");
                        output.expect(1);
                    }
                    "shared-folder" => {
                        let times = |what: &str| {
                            let timeline = replay["timeline"].as_array().unwrap().iter();
                            let mut found = timeline.filter(|one| one["what"].as_str().unwrap().starts_with(what));
                            found.next().unwrap()["at_us"].as_u64().unwrap()
                        };
                        let (refresh, report) = (times("refresh ends"), times("report ends"));
                        let first = if refresh <= report { "`refresh` ends first" } else { "`report` ends first" };
                        assert!(one["shows"].as_str().unwrap().contains(first), "{one} {replay}");
                    }
                    _ => {}
                }
            }
            if kind == "order-changes-result" {
                assert_eq!(outputs.len(), 2, "two seeds, two results");
            }
        }
    }
}

/// A service that nobody calls.
const PIPELINE: &str = r#"wasmill: 1
units:
  service: { wat: '(module (func (export "ask") (result i64) (i64.const 1)))' }
  next: { wat: '(module (func (export "next") (param $n i64) (result i64) (i64.add (local.get $n) (i64.const 1))))' }
steps:
  fetch:
    unit: service
    grants: { net: ["api.example.com:443"] }
    retry: { attempts: 3, initial: 100ms }
    simulate: { output: 41, takes: 10ms..50ms }
  add: { unit: next, with: "${{ steps.fetch.output }}" }
"#;

#[test]
fn what_is_said_for_people_and_for_programs() {
    let project = pipeline(PIPELINE);
    assert_snapshot!("sim_text", project.wasmill(["sim", "pipeline.yaml", "--seeds", "20"]).run());
    assert_snapshot!("sim_json", project.wasmill(["sim", "pipeline.yaml", "--seeds", "20", "--output", "json"]).run());
    let one = ["sim", "pipeline.yaml", "--seed", "7", "--inject", "fetch=timed-out:1"];
    assert_snapshot!("sim_seed", project.wasmill(one).run());
    assert_snapshot!("sim_crash", project.wasmill(["sim", "pipeline.yaml", "--seeds", "20", "--crash-anywhere"]).run());
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let project = pipeline(&PIPELINE.replace("output: 41, ", "")).file("run.json", "{}");
    assert_snapshot!("sim_unknown", project.wasmill(["sim", "pipeline.yaml"]).run());
    assert_snapshot!("sim_no_recording", project.wasmill(["sim", "pipeline.yaml", "--from", "run.json"]).run());
    let project = pipeline(PIPELINE);
    assert_snapshot!("sim_no_step", project.wasmill(["sim", "pipeline.yaml", "--inject", "fetsh=trap:1"]).run());
    assert_snapshot!("sim_no_verdict", project.wasmill(["sim", "pipeline.yaml", "--inject", "fetch=timeout:1"]).run());
}

#[test]
fn a_recorded_run_is_simulated() {
    // It calls nobody, so that it can be run.
    let text = PIPELINE.replace("net: [\"api.example.com:443\"]", "clock: real").replace("output: 41, ", "");
    let project = pipeline(&text);
    let run = project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run();
    let project = project.file("run.json", std::str::from_utf8(&run.expect(0).stdout).unwrap());
    let arguments = ["sim", "pipeline.yaml", "--from", "run.json", "--seed", "1", "--output", "json"];
    let replay = json(project.wasmill(arguments).run().expect(0));
    assert_eq!(replay["outputs"], json!({"add": 2}));
}

/// The attempts of such a step are runs: what can fail is within.
#[test]
fn no_failure_is_injected_into_a_step_that_calls_a_pipeline() {
    let outer = "wasmill: 1\nsteps: { outer: { pipeline: inner.yaml } }\n";
    let inner = "wasmill: 1\nunits: { math: math.wat }\nsteps: { sum: { unit: math, function: add, with: [1, 2] } }\n";
    let project = pipeline(outer).file("inner.yaml", inner).file("math.wat", ARITHMETIC);
    let simulated = |step: &str| {
        let inject = format!("{step}=trap:1");
        project.wasmill(["sim", "pipeline.yaml", "--seeds", "3", "--inject", &inject, "--output", "json"]).run()
    };
    let refused = json(simulated("outer").expect(2));
    let problem = &refused["errors"][0];
    assert_eq!(problem["message"], "the step `outer` calls a pipeline: there is no call of its own to make fail");
    assert_eq!(problem["help"], "the steps within it are `outer/sum`");
    assert_eq!(json(simulated("inner").expect(2))["errors"][0]["help"], "the steps are `outer/sum`");
    assert_eq!(json(&simulated("outer/sum"))["strategies"]["level"]["failed"], 3);
}

/// The same folder by two names.
#[test]
#[cfg(unix)]
fn a_shared_folder_is_found_behind_a_link() {
    let text = r#"wasmill: 1
units: { one: { wat: '(module (func (export "one") (result i64) (i64.const 1)))' } }
steps:
  a: { unit: one, grants: { dirs: { ./out: { at: /out, mode: rw } } }, simulate: { takes: 5ms..50ms, output: a } }
  b: { unit: one, grants: { dirs: { ./link/sub: { at: /o, mode: rw } } }, simulate: { takes: 5ms..50ms, output: a } }
"#;
    let project = pipeline(text).file("out/sub/.keep", "");
    std::os::unix::fs::symlink("out", project.path().join("link")).unwrap();
    let output = project.wasmill(["sim", "pipeline.yaml", "--seeds", "50", "--output", "json"]).run();
    let document = json(output.expect(1));
    assert_eq!(found(&document), BTreeSet::from(["shared-folder a b".to_owned()]), "{document}");
    // As the manifest names it.
    assert!(document["findings"][0]["message"].as_str().unwrap().contains("`link/sub`"), "{document}");
}

#[test]
fn what_was_found_before_an_interrupt_is_told() {
    let text = PIPELINE.replace("attempts: 3", "attempts: 30").replace("simulate:", "timeout: 2s\n    simulate:");
    let project = pipeline(&text);
    let simulate = ["sim", "pipeline.yaml", "--seeds", "1000000000", "--inject", "fetch=guest-error:30"];
    for more in [&[][..], &["--output", "json"]] {
        let mut running = project.wasmill([&simulate, more].concat()).start();
        running.wait_for("simulating");
        running.signal("INT");
        let output = running.finish();
        let said = output.expect(130).to_string();
        assert!(said.contains("of 1,000,000,000 seeds were simulated"), "{output}");
        assert!(said.contains("stuck-retry"), "{output}");
        if !more.is_empty() {
            assert!(json(&output)["seeds"].as_u64().unwrap() > 0, "{output}");
        }
    }
}

#[test]
fn a_recorded_run_of_another_pipeline_is_none_of_this_one() {
    let math = "units: { math: math.wat }\nsteps: { STEP: { unit: math, function: add, with: [1, 2] } }\n";
    let named = |name: &str, step: &str| format!("wasmill: 1\nname: {name}\n{}", math.replace("STEP", step));
    let project = pipeline(&named("mine", "sum")).file("math.wat", ARITHMETIC);
    let project = project.file("other.yaml", named("other", "total")).file("renamed.yaml", named("renamed", "sum"));
    for of in ["other", "renamed", "pipeline"] {
        let run = project.wasmill(["run", &format!("{of}.yaml"), "--output", "json"]).run();
        project.write(format!("{of}.json"), &run.expect(0).stdout);
    }
    let simulated = |of: &str| {
        let from = format!("{of}.json");
        project.wasmill(["sim", "pipeline.yaml", "--seeds", "3", "--from", &from, "--output", "json"]).run()
    };
    let refused = simulated("other");
    assert!(
        refused.expect(2).text().contains("none of its steps is a step of this pipeline: it is a run of `other`"),
        "{refused}"
    );
    let note = "the recorded run is one of `renamed`, and this pipeline is `mine`";
    assert_eq!(json(simulated("renamed").expect(0))["notes"], json!([note]));
    assert_eq!(json(simulated("pipeline").expect(0))["notes"], json!([]));
}

#[test]
fn a_count_that_is_too_large_says_what_the_largest_is() {
    let project = pipeline(PIPELINE);
    let output = project.wasmill(["sim", "pipeline.yaml", "--inject", "fetch=trap:99999999999"]).run();
    assert!(output.expect(2).stderr.contains("a whole number from 1 to 4294967295"), "{output}");
}
