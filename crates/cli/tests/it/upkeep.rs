//! `wasmill cache` and `wasmill doctor`

use std::fs;
use std::path::PathBuf;

use insta::assert_snapshot;
use wasmill_testkit::{Command, Output, Project};

use crate::fixtures::{ARITHMETIC, COMPONENT};
use crate::{json, project};

/// The folder of compiled code of a project.
fn cache(project: &Project) -> PathBuf {
    project.path().parent().unwrap().join("cache")
}

fn entries(project: &Project) -> Vec<PathBuf> {
    let files = fs::read_dir(cache(project)).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "cwasm")).collect();
    entries.sort_by_key(|path| fs::metadata(path).unwrap().len());
    entries
}

/// A project in which a module and a component were run.
fn used() -> Project {
    let project = project().file("arithmetic.wat", ARITHMETIC).file("component.wat", COMPONENT);
    for unit in ["arithmetic.wat", "component.wat"] {
        assert_eq!(project.wasmill(["call", unit, "add", "2", "3"]).run().expect(0).text(), "5\n");
    }
    project
}

/// Takes a snapshot, without what differs between machines and versions.
fn pin(name: &str, output: &Output) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r" *[0-9.]+ KiB", " [SIZE]");
    settings.add_filter(r"48\.\d+\.\d+ *", "[VERSION] ");
    settings.add_filter("[0-9a-f]{64}", "[NAME]");
    settings.add_filter("(?m)^[0-9a-f]{12} ", "[UNIT] ");
    settings.add_filter("unit [0-9a-f]{12}", "unit [UNIT]");
    settings.bind(|| assert_snapshot!(name.to_owned(), output.to_string()));
}

#[test]
fn what_is_kept_is_listed_counted_and_removed() {
    let project = used();
    let listed = project.wasmill(["cache", "ls"]).run();
    pin("ls", listed.expect(0));
    let document = json(project.wasmill(["cache", "ls", "--output", "json"]).run().expect(0));
    let entries = document["entries"].as_array().unwrap();
    let inspected = json(project.wasmill(["inspect", "component.wat", "--output", "json"]).run().expect(0));
    let component = entries.iter().find(|entry| entry["kind"] == "component").unwrap();
    assert_eq!(component["unit"], inspected["digest"]);
    assert_eq!(component["profile"], "metered");
    assert!(component["size"].as_u64().unwrap() > 1000 && component["unused_s"].as_u64().unwrap() < 3600);

    pin("stats", project.wasmill(["cache", "stats"]).run().expect(0));
    let stats = json(project.wasmill(["cache", "stats", "--output", "json"]).run().expect(0));
    assert_eq!((&stats["entries"], &stats["modules"], &stats["unknown"]), (&2.into(), &1.into(), &0.into()));

    // Nothing is of no use, and nothing is old.
    let count = |arguments: &[&str]| {
        let arguments = [&["cache", "clean", "--output", "json"], arguments].concat();
        json(project.wasmill(arguments).run().expect(0))["removed"].as_u64().unwrap()
    };
    assert_eq!(count(&[]), 0);
    assert_eq!(count(&["--older-than", "1h"]), 0);
    let file = fs::File::options().write(true).open(&self::entries(&project)[0]).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(7200)).unwrap();
    assert_eq!(count(&["--older-than", "1h"]), 1);
    pin("clean", project.wasmill(["cache", "clean", "--all"]).run().expect(0));
    assert_eq!(count(&["--all"]), 0);
    project.wasmill(["cache", "clean", "--all", "--older-than", "1h"]).run().expect(2);
}

#[test]
fn damage_is_found_removed_and_does_no_harm() {
    let project = used();
    pin("verify_good", project.wasmill(["cache", "verify"]).run().expect(0));
    let damaged = entries(&project)[0].clone();
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[3000] ^= 16;
    fs::write(&damaged, &bytes).unwrap();
    fs::write(cache(&project).join(format!("{}.cwasm", "0".repeat(64))), "no entry").unwrap();
    let found = project.wasmill(["cache", "verify"]).run();
    pin("verify_damaged", found.expect(1));
    assert!(!damaged.exists());
    let after = json(project.wasmill(["cache", "verify", "--output", "json"]).run().expect(0));
    assert_eq!((&after["ok"], &after["good"]), (&true.into(), &1.into()));

    // A run does not mind: it compiles again, silently.
    let entry = entries(&project)[0].clone();
    let mut bytes = fs::read(&entry).unwrap();
    bytes[3000] ^= 16;
    fs::write(&entry, &bytes).unwrap();
    for unit in ["arithmetic.wat", "component.wat"] {
        let output = project.wasmill(["call", "--quiet", unit, "add", "2", "3"]).run();
        assert_eq!((output.expect(0).text(), output.stderr.as_str()), ("5\n", ""));
    }
    let after = json(project.wasmill(["cache", "verify", "--output", "json"]).run().expect(0));
    assert_eq!(after["good"], 2);
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_with_a_remedy() {
    let project = project().file("cache", "no folder");
    let verb = project.wasmill(["cache", "ls"]).env("WASMILL_CACHE_DIR", "cache");
    let output = verb.run();
    assert!(output.expect(1).stderr.contains("help: make `cache` a folder that you can write to"), "{output}");
}

/// Every run would compile again, and nobody would know why it is slow.
#[test]
fn what_cannot_be_kept_is_told() {
    let project = used();
    let entry = entries(&project)[0].clone();
    fs::remove_file(&entry).unwrap();
    fs::create_dir_all(entry.join("mine")).unwrap();
    let output = project.wasmill(["call", "arithmetic.wat", "add", "2", "3"]).run();
    assert_eq!(output.expect(0).text(), "5\n");
    assert!(output.stderr.starts_with("warning: compiled code is not kept in `"), "{output}");
    assert!(output.stderr.contains("help: `wasmill doctor`"), "{output}");
    let verified = json(project.wasmill(["cache", "verify", "--output", "json"]).run().expect(1));
    assert_eq!((&verified["ok"], verified["stuck"].as_array().unwrap().len()), (&false.into(), 1), "{verified}");
    let cleaned = json(project.wasmill(["cache", "clean", "--output", "json"]).run().expect(1));
    assert_eq!((&cleaned["removed"], &cleaned["stuck"]), (&0.into(), &1.into()));
}

#[test]
fn somebodys_folder_is_left_alone() {
    let project = project().file("arithmetic.wat", ARITHMETIC).file("folder/notes.txt", "mine");
    for arguments in [&["cache", "ls"][..], &["doctor", "--fix"]] {
        let output = project.wasmill(arguments.iter().copied()).env("WASMILL_CACHE_DIR", "folder").run();
        assert!(output.expect(1).to_string().contains("has other things in it (`notes.txt`)"), "{output}");
    }
    let call = project.wasmill(["call", "arithmetic.wat", "add", "2", "3"]).env("WASMILL_CACHE_DIR", "folder");
    assert!(call.run().expect(0).stderr.contains("`WASMILL_CACHE_DIR` names the folder"));
    assert_eq!(fs::read_dir(project.path().join("folder")).unwrap().count(), 1);
}

/// `wasmill doctor` with tools that are these scripts.
#[cfg(unix)]
fn doctor(project: &Project, arguments: &[&str]) -> Command {
    use std::os::unix::fs::PermissionsExt as _;

    let scripts = [
        ("path/go", "echo go version go1.26 linux/amd64"),
        ("path/node", "echo broken node >&2; exit 1"),
        ("tools/c-wasi/ziglang/zig", "test \"$1\" = version && echo 0.17.0"),
        ("tools/binaryen/bin/wasm-opt", "echo wasm-opt version 123"),
    ];
    for (name, script) in scripts {
        project.write(name, format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(project.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = project.path().join("path");
    let tools = project.path().join("tools");
    let command = project.wasmill([&["doctor"], arguments].concat());
    command.env("PATH", path.to_str().unwrap()).env("WASMILL_TOOLS", tools.to_str().unwrap())
}

#[cfg(unix)]
fn checks(output: &Output, topic: &str) -> Vec<(String, String)> {
    let text = |check: &serde_json::Value, key: &str| check[key].as_str().unwrap().to_owned();
    let document = json(output);
    let checks = document["checks"].as_array().unwrap().iter().filter(|check| check["topic"] == topic);
    checks.map(|check| (text(check, "name"), text(check, "status"))).collect()
}

#[cfg(unix)]
#[test]
fn the_doctor_tells_everything() {
    let project = used();
    let output = doctor(&project, &[]).env("WASMILL_WORKERS", "3").run();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"wasmtime( +)48\.\d+\.\d+", "wasmtime$1[VERSION]");
    settings.add_filter(r"[0-9.]+ KiB", "[SIZE]");
    settings.add_filter(r"\d+ cores", "[CORES] cores");
    settings.add_filter(r"is \d+", "is [NUMBER]");
    settings.bind(|| assert_snapshot!("doctor", output.expect(0).to_string()));
    let document = json(doctor(&project, &["--output", "json"]).run().expect(0));
    assert_eq!(document["status"], "warning");
    for check in document["checks"].as_array().unwrap() {
        assert_eq!(check["status"] == "ok", check["remedy"].is_null(), "what is not ok has a remedy: {check}");
    }
}

#[cfg(unix)]
#[test]
fn the_doctor_mends_a_broken_folder() {
    use std::os::unix::fs::PermissionsExt as _;

    let project = used();
    let folder = cache(&project);
    // Everything at once: others may write, an entry is damaged, a killed process left something.
    let entry = entries(&project)[0].clone();
    let mut bytes = fs::read(&entry).unwrap();
    bytes[3000] ^= 16;
    fs::write(&entry, &bytes).unwrap();
    fs::write(folder.join("incoming/.tmp1"), "half").unwrap();
    let left = fs::File::options().write(true).open(folder.join("incoming/.tmp1")).unwrap();
    left.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    for unsafe_folder in [folder.join("incoming"), folder.clone()] {
        fs::set_permissions(unsafe_folder, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let broken = doctor(&project, &["--output", "json"]).run();
    let expected: Vec<(String, String)> = [("folder", "error"), ("folder", "error"), ("leftovers", "warning")]
        .map(|(name, status)| (name.to_owned(), status.to_owned()))
        .to_vec();
    assert_eq!(checks(broken.expect(1), "cache"), expected);
    assert!(json(&broken).to_string().contains("`wasmill doctor --fix`"));
    // Looking changes nothing.
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o777);

    let fixed = doctor(&project, &["--fix", "--output", "json"]).run();
    assert_eq!(checks(fixed.expect(0), "cache"), [("folder".to_owned(), "ok".to_owned())]);
    let told = json(&fixed)["fixed"].to_string();
    for words in ["only you can write to it now", "1 damaged entry: removed", "1 file of killed processes: removed"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!entry.exists() && !folder.join("incoming/.tmp1").exists());
    let again = doctor(&project, &["--fix", "--output", "json"]).run();
    assert_eq!(json(again.expect(0))["fixed"], serde_json::json!([]));

    // A key that nothing can be renamed over is told, with what to do about it.
    fs::remove_file(folder.join("key")).unwrap();
    fs::create_dir(folder.join("key")).unwrap();
    for arguments in [&[][..], &["--fix"]] {
        let output = doctor(&project, arguments).run();
        assert!(output.expect(1).to_string().contains("it cannot be read: it is a folder"), "{output}");
        assert!(output.to_string().contains("help: `rm -r "), "{output}");
    }
    // So is what stands in the way of making a folder.
    let nowhere = doctor(&project, &["--fix"]).env("WASMILL_CACHE_DIR", "/proc/none").run();
    assert!(nowhere.expect(1).to_string().contains("`/proc/none` cannot be used"), "{nowhere}");

    // A folder that is not there is made.
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(checks(doctor(&project, &["--output", "json"]).run().expect(0), "cache").len(), 1);
    assert!(!folder.exists());
    doctor(&project, &["--fix"]).run().expect(0);
    assert!(folder.join("key").is_file());
    // What is not a folder is not touched.
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "mine").unwrap();
    doctor(&project, &["--fix"]).run().expect(1);
    assert_eq!(fs::read(&folder).unwrap(), b"mine");
}

#[cfg(unix)]
#[test]
fn the_doctor_sees_settings_that_make_no_sense() {
    let project = project();
    for (name, value, check) in [
        ("WASMILL_COMPILER", "gcc", "compiler"),
        ("WASMILL_COMPILE_MEMORY", "1MiB", "compiler"),
        ("WASMILL_WORKERS", "0", "threads"),
    ] {
        let output = doctor(&project, &["--output", "json"]).env(name, value).run();
        let all = [checks(output.expect(1), "engine"), checks(&output, "machine")].concat();
        assert!(all.contains(&(check.to_owned(), "error".to_owned())), "{name}: {output}");
    }
    let output = doctor(&project, &["--output", "json"]).env("WASMILL_COMPILER", "in-process").run();
    assert!(checks(output.expect(0), "engine").contains(&("compiler".to_owned(), "warning".to_owned())), "{output}");
}
