//! `wasmill.lock` and what `plan` says of wants: a unit that changes, or wants more, is refused until it is accepted.

use std::fs;

use serde_json::Value;
use wasmill_testkit::{Output, Project};

use crate::fixtures::{ARITHMETIC, CAT, UPPER};
use crate::pipeline;

const TWO: &str = r#"wasmill: 1
name: two
units:
  upper: { path: upper.wat }
  cat: { path: units/cat.wat }
steps:
  up: { unit: upper, with: hello }
  same: { unit: cat, grants: { args: [] } }
  noisy: { unit: cat, with: "x", grants: { args: ["-x"] }, fallback: { value: "" } }
"#;

/// The command, which also reads the clock and writes to a folder.
fn more() -> String {
    CAT.replace(
        "(module",
        r#"(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"#,
    )
}

fn two() -> Project {
    pipeline(TWO).file("upper.wat", UPPER).file("units/cat.wat", CAT)
}

fn plan(project: &Project, more: &[&str]) -> Output {
    project.wasmill([&["plan", "pipeline.yaml"], more].concat()).run()
}

fn lock(project: &Project) -> String {
    fs::read_to_string(project.path().join("wasmill.lock")).unwrap()
}

#[test]
fn what_is_wanted_stands_against_what_is_granted() {
    let project = two();
    project.replace("units/cat.wat", more());
    let text = plan(&project, &[]).expect(0).text().to_owned();
    let wants = text.split("wants\n").nth(1).unwrap().split("limits of").next().unwrap();
    for said in [
        "wasi_snapshot_preview1 (args): granted to noisy; else empty",
        "cat: wasi_snapshot_preview1 (clock): virtual",
        "(dirs): no folder is there",
    ] {
        assert!(wants.replace("\n    ", " ").contains(said), "{said}: {wants}");
    }
    let document: Value = serde_json::from_str(plan(&project, &["--output", "json"]).expect(0).text()).unwrap();
    let wants = &document["units"]["cat"]["wants"];
    let args = wants.as_array().unwrap().iter().find(|want| want["grant"] == "args").unwrap();
    assert_eq!(args["granted_to"], serde_json::json!(["noisy"]), "{wants}");
    assert!(wants.to_string().contains("wasi_snapshot_preview1::path_open"), "{wants}");
    assert_eq!(document["units"]["upper"].get("wants"), None);
}

#[test]
fn a_unit_that_changed_is_refused_until_it_is_accepted() {
    let project = two();
    assert!(!project.path().join("wasmill.lock").exists());
    assert!(plan(&project, &["--accept"]).expect(0).stderr.contains("accepted: `wasmill.lock`"));
    let first = lock(&project);
    assert!(
        first.contains("[pipelines.\"pipeline.yaml\".units.cat]") && first.contains("wants = [\"args\"]"),
        "{first}"
    );
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
    plan(&project, &[]).expect(0);

    project.replace("units/cat.wat", more());
    for verb in ["run", "check", "plan"] {
        let output = project.wasmill([verb, "pipeline.yaml"]).run();
        let stderr = &output.expect(2).stderr;
        assert!(stderr.contains("WM0321") && stderr.contains("pipeline.yaml:5:"), "{verb}: {output}");
        assert!(stderr.contains("it wants more than it did: clock, dirs"), "{verb}: {output}");
        assert!(stderr.contains("--accept"), "{verb}: {output}");
    }
    let shown = plan(&project, &[]).text().to_owned();
    let changed = shown.split("changed since it was accepted\n").nth(1).unwrap();
    assert!(changed.contains("~ cat") && changed.contains("+ clock") && changed.contains("sha256"), "{changed}");
    assert!(!changed.contains("upper"), "{changed}");

    plan(&project, &["--accept"]).expect(0);
    assert_ne!(lock(&project), first);
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
}

/// Every verb that runs units, or says that they may be run, holds them to the lock.
#[test]
fn nothing_that_calls_a_unit_overlooks_the_lock() {
    let text = "wasmill: 1\ninputs: { text: { type: string, default: a } }\nunits: { upper: { path: upper.wat } }\nsteps: { up: { unit: upper, with: \"${{ inputs.text }}\" } }\ntests: { one: {} }\n";
    let project = pipeline(text).file("upper.wat", UPPER).file("rows", "{}\n");
    plan(&project, &["--accept"]).expect(0);
    let verbs: [&[&str]; 8] = [
        &["run", "pipeline.yaml"],
        &["run", "pipeline.yaml", "--each", "rows"],
        &["run", "pipeline.yaml", "--cache", "auto"],
        &["check", "pipeline.yaml"],
        &["plan", "pipeline.yaml"],
        &["test", "pipeline.yaml"],
        &["export", "pipeline.yaml", "-o", "run.wasmill"],
        &["sim", "pipeline.yaml", "--seeds", "1"],
    ];
    for verb in verbs {
        project.wasmill(verb.iter().copied()).run().expect(0);
    }
    project.replace("upper.wat", UPPER.replace("i32.const 122", "i32.const 121"));
    for verb in verbs {
        let output = project.wasmill(verb.iter().copied()).run();
        let stderr = &output.expect(2).stderr;
        let is_said = stderr.contains("WM0321") && stderr.contains("the unit `upper` is not the one that was accepted");
        assert!(is_said, "{verb:?}: {output}");
    }
}

/// What it wants is looked at by itself: an interpreter may change under a script that stays the same.
#[test]
fn a_unit_that_wants_more_is_refused_though_its_bytes_and_its_name_stay() {
    let project = two();
    plan(&project, &["--accept"]).expect(0);
    let accepted = lock(&project);
    project.replace("wasmill.lock", accepted.replace("wants = [\"args\"]\n", ""));
    assert_ne!(lock(&project), accepted);
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    let stderr = &output.expect(2).stderr;
    assert!(stderr.contains("the unit `cat`") && stderr.contains("it wants more than it did: args"), "{output}");
    assert!(plan(&project, &[]).text().contains("wants      + args"), "{}", plan(&project, &[]));
    // One that wants less than was accepted hurts nobody, and `plan` says so.
    project.replace("wasmill.lock", accepted.replace("[\"args\"]", "[\"args\", \"net\"]"));
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
    assert!(plan(&project, &[]).expect(0).text().contains("wants      - net"));
    // Another interface is another unit.
    project.replace("wasmill.lock", accepted.replace("\"command\"", "\"component\""));
    project.wasmill(["run", "pipeline.yaml"]).run().expect(2);
}

/// What is accepted is what stood on the screen, of this pipeline and of those that it calls; whatever else is in the lock stays.
#[test]
fn what_is_accepted_is_what_was_shown() {
    let other =
        "wasmill: 1\nunits: { sums: { path: sums.wat } }\nsteps: { a: { unit: sums, function: add, with: [1, 2] } }\n";
    let calls = format!("{TWO}  call: {{ pipeline: inner/pipeline.yaml }}\n");
    let project = pipeline(&calls).file("upper.wat", UPPER).file("units/cat.wat", CAT);
    let project = project.file("inner/pipeline.yaml", other).file("inner/sums.wat", ARITHMETIC);
    let project = project.file("other.yaml", other).file("sums.wat", ARITHMETIC);
    let table = |project: &Project| -> toml::Table { lock(project).parse().unwrap() };
    project.wasmill(["plan", "other.yaml", "--accept"]).run().expect(0);
    let of_other = table(&project)["pipelines"]["other.yaml"].clone();

    let shown = plan(&project, &["--accept", "--output", "json"]);
    let shown: Value = serde_json::from_str(shown.expect(0).text()).unwrap();
    let check = |shown: &Value, before: &toml::Table| {
        // The lock as it was, with the changes that were shown: nothing else.
        let mut expected = before.clone();
        let pipelines = expected["pipelines"].as_table_mut().unwrap();
        for change in shown["lock"]["changes"].as_array().unwrap() {
            let (pipeline, unit) = (change["pipeline"].as_str().unwrap(), change["unit"].as_str().unwrap());
            let new = || {
                toml::Value::Table(toml::Table::from_iter([(
                    "units".to_owned(),
                    toml::Value::Table(toml::Table::new()),
                )]))
            };
            let units = pipelines.entry(pipeline).or_insert_with(new)["units"].as_table_mut().unwrap();
            match change.get("is") {
                Some(is) => drop(units.insert(unit.to_owned(), toml::Value::try_from(is).unwrap())),
                None => drop(units.remove(unit)),
            }
        }
        assert_eq!(table(&project), expected, "{shown}");
    };
    let before: toml::Table = toml::from_str("version = 1\n[pipelines.other]\n").unwrap();
    let mut before = before;
    before["pipelines"] = toml::Value::Table(toml::Table::from_iter([("other.yaml".to_owned(), of_other.clone())]));
    check(&shown, &before);
    assert_eq!(shown["lock"]["changes"].as_array().unwrap().len(), 3, "{shown}");

    let before = table(&project);
    project.replace("units/cat.wat", more());
    project.replace("inner/sums.wat", ARITHMETIC.replace("i32.add", "i32.sub"));
    project.replace("pipeline.yaml", calls.replace("upper: {", "loud: {").replace("unit: upper", "unit: loud"));
    // The one that nobody asks for changes, too.
    project.replace("sums.wat", ARITHMETIC.replace("i32.add", "i32.mul"));
    let shown = plan(&project, &["--accept", "--output", "json"]);
    let shown: Value = serde_json::from_str(shown.expect(0).text()).unwrap();
    let changes = shown["lock"]["changes"].as_array().unwrap();
    let names: Vec<_> =
        changes.iter().map(|change| (change["pipeline"].as_str().unwrap(), change["unit"].as_str().unwrap())).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            ("inner/pipeline.yaml", "sums"),
            ("pipeline.yaml", "cat"),
            ("pipeline.yaml", "loud"),
            ("pipeline.yaml", "upper")
        ]
    );
    check(&shown, &before);
    assert_eq!(table(&project)["pipelines"]["other.yaml"], of_other);
    project.wasmill(["run", "other.yaml"]).run().expect(2);
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
}

#[test]
fn a_unit_that_nobody_accepted_is_refused_and_one_that_is_gone_is_not() {
    let project = two();
    plan(&project, &["--accept"]).expect(0);
    project.replace("pipeline.yaml", TWO.replace("units:", "units:\n  sums: { path: sums.wat }"));
    let project = project.file("sums.wat", ARITHMETIC);
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("the unit `sums` was never accepted"), "{output}");

    let without = TWO.replace("  upper: { path: upper.wat }\n", "").replace("  up: { unit: upper, with: hello }\n", "");
    project.replace("pipeline.yaml", without);
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
    let document: Value = serde_json::from_str(plan(&project, &["--output", "json"]).expect(0).text()).unwrap();
    assert_eq!(document["lock"]["state"], "stale");
    assert_eq!(document["lock"]["changes"][0]["unit"], "upper");
}

#[test]
fn pipelines_that_are_called_are_held_to_it_too() {
    let outer = "wasmill: 1\nsteps:\n  call: { pipeline: inner/pipeline.yaml }\n";
    let inner =
        "wasmill: 1\nunits: { sums: { path: sums.wat } }\nsteps: { a: { unit: sums, function: add, with: [1, 2] } }\n";
    let project = pipeline(outer).file("inner/pipeline.yaml", inner).file("inner/sums.wat", ARITHMETIC);
    plan(&project, &["--accept"]).expect(0);
    assert!(lock(&project).contains("[pipelines.\"inner/pipeline.yaml\".units.sums]"), "{}", lock(&project));
    project.replace("inner/sums.wat", ARITHMETIC.replace("i32.add", "i32.sub"));
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("inner/pipeline.yaml:2:"), "{output}");
    // By itself it was never accepted.
    project.wasmill(["run", "inner/pipeline.yaml"]).run().expect(0);
}

#[test]
fn pipelines_that_are_accepted_at_once_are_all_kept() {
    let project = two();
    let names: Vec<String> = (0..8).map(|number| format!("p{number}.yaml")).collect();
    let text = std::fs::read_to_string(project.path().join("pipeline.yaml")).unwrap();
    names.iter().for_each(|name| project.write(name, &text));
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| {
                project.wasmill(["plan", name, "--accept"]).run().expect(0);
            });
        }
    });
    let lock = lock(&project);
    assert!(names.iter().all(|name| lock.contains(name)), "{lock}");
}

#[test]
fn a_lock_that_is_none_is_an_error_and_is_not_overwritten() {
    let project = two().file("wasmill.lock", "version = 1\npipelines = 3\n");
    for arguments in [&["run", "pipeline.yaml"][..], &["plan", "pipeline.yaml", "--accept"]] {
        let output = project.wasmill(arguments.iter().copied()).run();
        assert!(output.expect(2).stderr.contains("WM0322"), "{output}");
    }
    assert!(lock(&project).contains("pipelines = 3"));
    for version in [0, 2] {
        project.replace("wasmill.lock", format!("version = {version}\n"));
        let output = plan(&project, &[]);
        let said = format!("is of version {version}, and this Wasmill knows 1");
        assert!(output.expect(2).stderr.contains(&said), "{output}");
    }
}

/// A lock that somebody meant to be there, and nothing that is there can be one: that is not the same as none.
#[test]
#[cfg(unix)]
fn what_stands_in_the_place_of_a_lock_and_is_none_is_an_error() {
    let project = two();
    let place = project.path().join("wasmill.lock");
    let refused = |what: &str| {
        for arguments in [&["run", "pipeline.yaml"][..], &["plan", "pipeline.yaml", "--accept"]] {
            let output = project.wasmill(arguments.iter().copied()).run();
            let stderr = &output.expect(2).stderr;
            assert!(stderr.contains("WM0322") && stderr.contains("--accept"), "{what}: {output}");
        }
        assert!(place.symlink_metadata().is_ok(), "{what} is left as it is");
    };
    std::os::unix::fs::symlink("gone.lock", &place).unwrap();
    refused("a link that leads nowhere");
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    refused("a folder");
    fs::remove_dir(&place).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&place).status();
    assert!(made.expect("`mkfifo` is among the coreutils").success());
    refused("a pipe");
    fs::remove_file(&place).unwrap();
    fs::write(&place, b"\xff\xfe").unwrap();
    refused("no text");
    fs::File::create(&place).unwrap().set_len((16 << 20) + 1).unwrap();
    refused("a file that is too large");
    // A link to a lock is one.
    fs::remove_file(&place).unwrap();
    fs::write(project.path().join("kept.lock"), "version = 1\n").unwrap();
    std::os::unix::fs::symlink("kept.lock", &place).unwrap();
    plan(&project, &["--accept"]).expect(0);
    assert!(fs::read_to_string(project.path().join("kept.lock")).unwrap().contains("pipeline.yaml"));
    project.replace("upper.wat", UPPER.replace("i32.const 122", "i32.const 121"));
    assert!(project.wasmill(["run", "pipeline.yaml"]).run().expect(2).stderr.contains("WM0321"));
}

/// What is accepted is the file, and not the name that somebody gives to it.
#[test]
#[cfg(unix)]
fn a_link_to_a_pipeline_is_held_to_the_lock_of_the_file() {
    use std::os::unix::fs::symlink;

    let project = two().file("other/units/cat.wat", CAT).file("other/upper.wat", UPPER);
    symlink("pipeline.yaml", project.path().join("link.yaml")).unwrap();
    symlink("../link.yaml", project.path().join("other/far.yaml")).unwrap();
    symlink("other", project.path().join("folder")).unwrap();
    let links = ["link.yaml", "other/far.yaml", "folder/far.yaml"];
    let run = |link: &str| project.wasmill(["run", link]).run();
    project.wasmill(["plan", "other/far.yaml", "--accept"]).run().expect(0);
    assert!(lock(&project).contains("[pipelines.\"pipeline.yaml\".units.cat]"), "{}", lock(&project));
    assert!(!project.path().join("other/wasmill.lock").exists());
    for link in links {
        run(link).expect(0);
    }
    for file in ["upper.wat", "other/upper.wat"] {
        project.replace(file, UPPER.replace("i32.const 122", "i32.const 121"));
    }
    for link in links {
        let output = run(link);
        assert!(output.expect(2).stderr.contains("WM0321"), "{link}: {output}");
    }
}
