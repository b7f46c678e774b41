//! What units are granted, from the command line and from the manifest, and secrets.

use insta::assert_snapshot;

use crate::fixtures::{ARITHMETIC, CAT, CHAIN};
use crate::{json, pipeline, project};

const SECRET: &str = "s3cr3t-value-of-mine";

fn with_grants(grants: &str) -> String {
    format!(
        "wasmill: 1\nname: granted\nunits: {{ cat: {{ path: cat.wat }} }}\nsteps:\n  one:\n    unit: cat\n    with: hello\n    \
         grants: {grants}\n"
    )
}

#[test]
fn folders_that_are_not_there_are_said_before_the_run() {
    let text = with_grants("{ dirs: { ./missing: /a, cat.wat: /b, ./data: /c } }");
    let project = pipeline(&text).file("cat.wat", CAT).file("data/x", "");
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().to_string());
    let checked = project.wasmill(["check", "pipeline.yaml", "--output", "json"]).run();
    assert_eq!(json(checked.expect(2))["errors"].as_array().unwrap().len(), 2);
    let called = project.wasmill(["call", "cat.wat", "--dir", "missing"]).run();
    assert_snapshot!(called.to_string());
}

#[test]
fn folders_are_relative_to_the_manifest_and_receipts_keep_them_as_written() {
    let text = with_grants("{ dirs: { ./data: { at: /data, mode: rw } } }");
    let project = project().file("sub/pipeline.yaml", text).file("sub/cat.wat", CAT).file("sub/data/x", "");
    let document = json(project.wasmill(["run", "sub/pipeline.yaml", "--output", "json"]).run().expect(0));
    let grants = &document["steps"]["one"]["attempts"][0]["grants"];
    assert_eq!(grants["dirs"], serde_json::json!({ "./data": { "at": "/data", "mode": "rw" } }));
}

#[test]
fn flags_of_call_are_grants() {
    let project = project().file("cat.wat", CAT).file("data/x", "").file("key.txt", SECRET);
    let arguments = [
        "call",
        "cat.wat",
        "--output",
        "json",
        "--env",
        "LANG=en",
        "--dir",
        "data:/models:rw",
        "--dir",
        ".",
        "--net",
        "API.example.com:443",
        "--clock",
        "real",
        "--random",
        "real",
        "--secret",
        "KEY=@key.txt",
    ];
    let document = json(project.wasmill(arguments).stdin("x").run().expect(0));
    assert_eq!(
        document["steps"]["call"]["attempts"][0]["grants"],
        serde_json::json!({
            "env": { "LANG": "en" },
            "dirs": { "data": { "at": "/models", "mode": "rw" }, ".": { "at": "/", "mode": "ro" } },
            "net": ["api.example.com:443"],
            "clock": "real",
            "random": "real",
            "secrets": ["KEY"],
        })
    );
}

#[test]
fn flags_that_grant_nothing() {
    let project = project().file("cat.wat", CAT).file("data/x", "");
    let all: &[&[&str]] = &[
        &["--dir", ":/data"],
        &["--dir", "data:models"],
        &["--dir", "data:/../x"],
        &["--dir", "data", "--dir", "./data:/data"],
        &["--net", "example.com"],
        &["--clock", "fake"],
        &["--profile", "fats"],
        &["--profile", "deterministic", "--clock", "real"],
        &["--profile", "fast", "--fuel", "1000"],
    ];
    for (index, flags) in all.iter().enumerate() {
        let output = project.wasmill(["call", "cat.wat"].iter().chain(*flags)).run();
        let shown = format!("call cat.wat {}\n{}", flags.join(" "), output.expect(2));
        assert_snapshot!(format!("flags_that_grant_nothing_{index}"), shown);
    }
}

#[test]
fn a_secret_comes_from_the_environment_or_a_file() {
    let project =
        pipeline(&with_grants("{ secrets: [API_KEY] }")).file("cat.wat", CAT).file("key.txt", format!("{SECRET}\n"));
    let run = |flag: &str| {
        let command = project.wasmill(["run", "pipeline.yaml", "--output", "json", "--secret", flag]);
        command.env("API_KEY", SECRET).env("ELSEWHERE", SECRET).run()
    };
    for flag in ["API_KEY=env:API_KEY", "API_KEY=env:", "API_KEY=env:ELSEWHERE", "API_KEY=@key.txt"] {
        let output = run(flag);
        let document = json(output.expect(0));
        assert_eq!(document["steps"]["one"]["attempts"][0]["grants"]["secrets"], serde_json::json!(["API_KEY"]));
        assert!(!output.to_string().contains(SECRET), "{output}");
    }
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().to_string());
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let project = pipeline(&with_grants("{ secrets: [API_KEY] }"))
        .file("cat.wat", CAT)
        .file("short.txt", "abc\n")
        .file("binary", b"\xff\xfe");
    let value = format!("API_KEY={SECRET}");
    let variable = format!("API_KEY=env:{SECRET}");
    let all = [
        &*value,
        &*variable,
        SECRET,
        "API_KEY",
        "API_KEY=env:NOT_SET",
        "API_KEY=@missing",
        "API_KEY=@short.txt",
        "API_KEY=@binary",
    ];
    for (index, flag) in all.into_iter().enumerate() {
        let output = project.wasmill(["run", "pipeline.yaml", "--secret", flag]).run();
        assert!(!output.expect(2).to_string().contains(SECRET), "{output}");
        assert_snapshot!(format!("a_secret_on_the_command_line_{index}"), output.to_string());
    }
    let twice = ["--secret", "KEY=@short.txt", "--env", "KEY=1"];
    let output = project.wasmill(["call", "cat.wat"].iter().chain(&twice)).run();
    assert_eq!(output.code, Some(2), "{output}");
}

#[test]
fn a_secret_that_goes_nowhere_is_noted() {
    let project = pipeline(CHAIN).file("arithmetic.wat", ARITHMETIC);
    let output =
        project.wasmill(["run", "pipeline.yaml", "--secret", "API_KEY=env:API_KEY"]).env("API_KEY", SECRET).run();
    assert_snapshot!(output.expect(0).to_string());
}

#[test]
fn secrets_are_not_for_expressions() {
    let text = with_grants("{ secrets: [API_KEY] }").replace("with: hello", "with: \"${{ secrets.API_KEY }}\"");
    let project = pipeline(&text).file("cat.wat", CAT);
    assert_snapshot!(project.wasmill(["check", "pipeline.yaml"]).run().expect(2).to_string());
}

#[test]
fn core_dumps_need_a_folder() {
    let project = project().file("arithmetic.wat", ARITHMETIC);
    let call = |folder: &str| project.wasmill(["call", "arithmetic.wat", "add", "1", "2", "--coredump", folder]).run();
    call("dumps/of/today").expect(0);
    assert!(project.path().join("dumps/of/today").is_dir());
    assert_snapshot!(call("arithmetic.wat").expect(2).to_string());
}

#[test]
fn a_trap_leaves_a_core_dump_and_says_where() {
    let project = project().file("trap.wat", "(module (memory 1) (func (export \"run\") unreachable))");
    let output = project.wasmill(["call", "trap.wat", "--coredump", "dumps"]).run();
    let said = output.expect(1).stderr.lines().last().unwrap().trim().to_owned();
    let files: Vec<_> =
        std::fs::read_dir(project.path().join("dumps")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    assert!(project.path().join(&said) == files[0] && output.stderr.contains("\n  core dump\n"), "{output}");
    assert_eq!(std::fs::read(&files[0]).unwrap().get(..8), Some(&b"\0asm\x01\0\0\0"[..]), "it is a module");
    let output = project.wasmill(["call", "trap.wat", "--coredump", "dumps", "--output", "json"]).run();
    let receipt = &json(output.expect(1))["steps"]["call"]["attempts"][0];
    assert!(std::path::Path::new(receipt["coredump"].as_str().unwrap()).starts_with("dumps"), "{receipt}");
}
