//! Values over 256 KiB: out of run documents, in their folder, and back.

use std::fs;
use std::path::PathBuf;

use wasmill_model::Digest;
use wasmill_testkit::{Project, guest};

use crate::{json, pipeline};

const LIMIT: usize = 256 << 10;

/// Three steps, each of which gives back what it is given.
const THRICE: &str = r#"wasmill: 1
name: thrice
inputs: { given: { type: string, required: true } }
defaults: { limits: { output: 96MiB, memory: 512MiB } }
units: { echo: { path: echo.wasm } }
steps:
  a: { unit: echo, with: "${{ inputs.given }}" }
  b: { unit: echo, with: "${{ steps.a.output }}" }
  c: { unit: echo, with: "${{ steps.b.output }}" }
outputs: { result: "${{ steps.c.output }}" }
"#;

const POLICY: &str = "[policy.limits.ceilings]\noutput = \"96MiB\"\nmemory = \"512MiB\"\n";

fn thrice(text: &str) -> Project {
    pipeline(text).file("echo.wasm", guest("bytes", "echo")).file("policy.toml", POLICY)
}

const RUN: [&str; 6] = ["run", "pipeline.yaml", "--policy", "policy.toml", "--output", "json"];

fn run(project: &Project, more: &[&str]) -> serde_json::Value {
    json(project.wasmill(RUN.iter().chain(more)).run().expect(0))
}

/// The files of a project's folder of blobs.
fn blobs(project: &Project) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(project.path().parent().unwrap().join("blobs")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn reference(contents: &[u8], kind: &str) -> serde_json::Value {
    serde_json::json!({ "$blob": Digest::of(contents).to_string(), "type": kind, "size": contents.len() })
}

#[test]
fn text_over_256_kib_stands_outside_once() {
    let text = "é".repeat(150 << 10);
    let project = thrice(THRICE).file("given.txt", &text);
    let document = run(&project, &["--input", "given=@given.txt"]);
    let expected = reference(text.as_bytes(), "string");
    assert_eq!(document["outputs"]["result"], expected);
    for step in ["a", "b", "c"] {
        assert_eq!(document["steps"][step]["output"], expected);
        // A receipt's digest is that of a kind byte and the contents.
        let digest = Digest::of(format!("s{text}").as_bytes()).to_string();
        assert_eq!(document["steps"][step]["attempts"][0]["output"], digest);
    }
    let [file] = &blobs(&project)[..] else { panic!("not one blob") };
    assert_eq!(fs::read(file).unwrap(), text.as_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file), mode(file.parent().unwrap())), (0o600, 0o700));
    }

    let digest = expected["$blob"].as_str().unwrap();
    assert_eq!(project.wasmill(["blob", "get", digest]).run().expect(0).stdout, text.as_bytes());
    let written = project.wasmill(["blob", "get", digest, "-o", "back.txt", "--output", "json"]).run();
    let written = json(written.expect(0));
    assert_eq!((&written["digest"], &written["size"]), (&digest.into(), &text.len().into()));
    assert_eq!((&written["file"], &written["receipt"]["json"]), (&"back.txt".into(), &serde_json::Value::Null));
    assert_eq!(written["receipt"]["string"], document["steps"]["a"]["attempts"][0]["output"]);
    assert_eq!(fs::read(project.path().join("back.txt")).unwrap(), text.as_bytes());
    let found = json(project.wasmill(["blob", "get", digest, "--output", "json"]).run().expect(0));
    assert_eq!(found["file"], file.to_str().unwrap());

    // Without `--output json` it goes to stdout, and nowhere else.
    let other = "x".repeat(LIMIT + 1);
    let plain = project.wasmill(["run", "pipeline.yaml", "--policy", "policy.toml"]).stdin(other.clone()).run();
    assert_eq!(plain.expect(0).text(), format!("{other}\n"));
    assert_eq!(blobs(&project).len(), 1);
}

#[test]
fn bytes_and_lists_too() {
    let bytes: Vec<u8> = (0..300 << 10).map(|number: u32| (number % 251) as u8).collect();
    let project = thrice("").file("bytes", &bytes);
    let call = |input: &[u8], kind: &str| {
        json(project.wasmill(["call", "echo.wasm", "--as", kind, "--output", "json"]).stdin(input).run().expect(0))
    };
    assert_eq!(call(&bytes, "bytes")["outputs"]["result"], reference(&bytes, "bytes"));
    let list = format!("[{}]", (0..80_000).map(|number| number.to_string()).collect::<Vec<_>>().join(","));
    let both = format!("{{\"z\":[],\"list\":{list},\"a\":1}}");
    let expected = serde_json::json!({ "z": [], "list": reference(list.as_bytes(), "json"), "a": 1 });
    assert_eq!(call(both.as_bytes(), "json")["outputs"]["result"], expected);
    let rows = (0..3000).map(|row| format!("{{\"text\":\"{}\",\"row\":{row}}}", "y".repeat(100)));
    let rows = format!("[{}]", rows.collect::<Vec<_>>().join(","));
    let document = call(rows.as_bytes(), "json");
    let expected = reference(rows.as_bytes(), "json");
    assert_eq!(document["outputs"]["result"], expected);
    let got = project.wasmill(["blob", "get", expected["$blob"].as_str().unwrap(), "--output", "json"]).run();
    assert_eq!(json(got.expect(0))["receipt"]["json"], document["steps"]["call"]["attempts"][0]["output"]);
    assert_eq!(blobs(&project).len(), 3);
}

#[test]
fn exactly_256_kib_stand_in_the_document() {
    let project = thrice("");
    let call = |kind: &str, length: usize| {
        let document = project.wasmill(["call", "echo.wasm", "--as", kind, "--output", "json"]);
        json(document.stdin("x".repeat(length)).run().expect(0))["outputs"]["result"].clone()
    };
    assert_eq!(call("text", LIMIT).as_str().unwrap().len(), LIMIT);
    assert!(call("bytes", LIMIT).get("$base64").is_some());
    assert!(blobs(&project).is_empty());
    // Where there is nothing to be kept, there is no folder.
    assert!(!project.path().parent().unwrap().join("blobs").exists());
    let over = reference("x".repeat(LIMIT + 1).as_bytes(), "string");
    assert_eq!(call("text", LIMIT + 1), over);
    assert_eq!(call("bytes", LIMIT + 1)["type"], "bytes");
    // The same contents, one file.
    assert_eq!(blobs(&project).len(), 1);
}

#[test]
fn a_folder_of_ones_own() {
    let project = thrice(THRICE).file("given.txt", "x".repeat(LIMIT + 1));
    let document = run(&project, &["--input", "given=@given.txt", "--blobs", "values"]);
    let digest = document["outputs"]["result"]["$blob"].as_str().unwrap();
    assert!(blobs(&project).is_empty());
    assert!(project.path().join(format!("values/{digest}.blob")).is_file());
    let missing = project.wasmill(["blob", "get", digest]).run();
    assert!(missing.expect(1).stderr.contains("is not there"), "{missing}");
    assert!(missing.stderr.contains("help: name the folder that it is kept in: `--blobs DIR`"), "{missing}");
    project.wasmill(["blob", "get", digest, "--blobs", "values"]).run().expect(0);
    let other = Digest::of(b"").to_string();
    let missing = project.wasmill(["blob", "get", &other, "--blobs", "values"]).run();
    assert!(missing.expect(1).stderr.contains("is not in `values`"), "{missing}");
    assert!(project.wasmill(["blob", "get", "abc"]).run().expect(2).stderr.contains("64 hexadecimal digits"));
}

#[test]
fn what_was_tampered_with_is_found() {
    let text = "x".repeat(LIMIT + 1);
    let project = thrice(THRICE).file("given.txt", &text);
    let document = run(&project, &["--input", "given=@given.txt"]);
    let digest = document["outputs"]["result"]["$blob"].as_str().unwrap();
    let file = blobs(&project).remove(0);
    fs::write(&file, text.replacen('x', "y", 1)).unwrap();
    let got = project.wasmill(["blob", "get", digest]).run();
    assert!(got.expect(1).stderr.contains("is damaged"), "{got}");
    assert!(got.stdout.is_empty());
    // A run that gives it again mends it.
    run(&project, &["--input", "given=@given.txt"]);
    assert_eq!(fs::read(&file).unwrap(), text.as_bytes());
    fs::write(&file, "x").unwrap();
    let found = json(project.wasmill(["cache", "verify", "--output", "json"]).run().expect(1));
    assert_eq!((&found["ok"], &found["damaged"]), (&false.into(), &serde_json::json!([])));
    assert_eq!(found["blobs"]["damaged"][0]["name"], digest);
    let found = json(project.wasmill(["cache", "verify", "blobs", "--output", "json"]).run().expect(0));
    let expected = serde_json::json!({ "wasmill": 1, "ok": true, "blobs": found["blobs"] });
    assert_eq!((&found, &found["blobs"]["good"]), (&expected, &0.into()));
}

#[test]
fn data_that_looks_like_a_reference_is_data() {
    let project = thrice("").file(
        "pipeline.yaml",
        THRICE
            .replace("type: string", "type: any")
            .replace("with: \"${{ steps.a.output }}\"", "with: \"${{ steps.a.output }}\", as: json"),
    );
    let data = r#"{"given":{"$$blob":"00","$$$base64":1,"n":[{"$$blob":{"$$blob":2}}]}}"#;
    // As the document writes it, it is read.
    let document = run(&project, &["--input", data]);
    let expected = serde_json::json!({ "$$blob": "00", "$$$base64": 1, "n": [{ "$$blob": { "$$blob": 2 } }] });
    assert_eq!(document["steps"]["b"]["output"], expected);
    // A unit has it as it is, and so has stdout.
    let text = project.wasmill(["run", "pipeline.yaml", "--policy", "policy.toml", "--input", data]).run();
    assert_eq!(text.expect(0).text().trim(), r#"{"$blob":"00","$$base64":1,"n":[{"$blob":{"$blob":2}}]}"#);
    assert!(blobs(&project).is_empty());
    let malformed = project.wasmill(RUN.iter().chain(&["--input", r#"{"given":{"$blob":"00"}}"#])).run();
    let error = &json(malformed.expect(2))["errors"][0];
    assert!(error["help"].as_str().unwrap().contains("is written `$$blob`"), "{error}");
}

#[test]
fn the_document_of_one_run_feeds_another() {
    let text = "x".repeat(LIMIT + 1);
    let project = thrice(THRICE).file("given.txt", &text);
    let outputs = run(&project, &["--input", "given=@given.txt"])["outputs"].to_string();
    let inputs = outputs.replace("result", "given");
    let refused = project.wasmill(RUN.iter().chain(&["--input", &inputs])).run();
    let error = &json(refused.expect(2))["errors"][0];
    assert!(error["help"].as_str().unwrap().starts_with("`--allow-blobs` lets"), "{error}");
    let fed =
        project.wasmill(["run", "pipeline.yaml", "--policy", "policy.toml", "--allow-blobs"]).stdin(inputs.clone());
    assert_eq!(fed.run().expect(0).text(), format!("{text}\n"));
    // What is kept elsewhere is said to be missing.
    let elsewhere = project.wasmill(RUN.iter().chain(&["--input", &inputs, "--allow-blobs", "--blobs", "none"])).run();
    assert!(elsewhere.expect(2).text().contains("is not in `none`"), "{elsewhere}");
    fs::write(&blobs(&project)[0], "other").unwrap();
    let damaged = project.wasmill(RUN.iter().chain(&["--input", &inputs, "--allow-blobs"])).run();
    assert!(damaged.expect(2).text().contains("is damaged"), "{damaged}");
}

#[test]
fn what_cannot_be_kept_stays_in_the_document() {
    let text = "x".repeat(LIMIT + 1);
    let project = thrice(THRICE).file("given.txt", &text).file("taken", "a file").file("mine/notes.txt", "mine");
    for folder in ["taken", "mine", "/proc/none"] {
        let output = project.wasmill(RUN.iter().chain(&["--input", "given=@given.txt", "--blobs", folder])).run();
        let document = json(output.expect(0));
        assert_eq!(document["outputs"]["result"], text.as_str());
        assert_eq!(document["steps"]["a"]["output"], text.as_str());
        let warnings = output.stderr.matches("warning: large values stand in the document itself: ").count();
        assert_eq!(warnings, 1, "{}", output.stderr);
        assert!(output.stderr.contains("(`--blobs` or `WASMILL_BLOBS_DIR` names the folder)"), "{}", output.stderr);
    }
    assert_eq!(fs::read_dir(project.path().join("mine")).unwrap().count(), 1);
}

/// Writes its environment to its log, and to stdout with 300 KiB behind it.
const TELL: &str = r#"(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 8)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $get (i32.const 64) (i32.const 1024)))
    (i32.store (i32.const 8) (i32.const 1024))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 16)))
    (i32.store (i32.const 12) (i32.const 307200))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))"#;

/// What a unit gives as its output is data, small or large; what it says is not.
#[test]
fn secrets_are_treated_as_in_small_outputs() {
    const SECRET: &str = "s3cr3t-value-of-mine";
    let project = thrice("").file("tell.wat", TELL);
    let call = ["call", "tell.wat", "--secret", "API_KEY=env:API_KEY", "--output", "json"];
    let output = project.wasmill(call).env("API_KEY", SECRET).run();
    let document = json(output.expect(0));
    assert_eq!(document["outputs"]["result"]["size"], 307_200);
    assert!(!output.to_string().contains(SECRET), "{output}");
    assert!(document["steps"]["call"]["attempts"][0]["log"].as_str().unwrap().contains("[secret]"));
    let kept = fs::read(&blobs(&project)[0]).unwrap();
    assert!(kept.starts_with(format!("API_KEY={SECRET}").as_bytes()));
}

#[test]
fn the_document_of_64_mib_is_small() {
    let size = 64 << 20;
    let project = thrice(THRICE);
    let output = project.wasmill(RUN).stdin("x".repeat(size)).run();
    let document = json(output.expect(0));
    assert_eq!(document["outputs"]["result"]["size"], size);
    assert!(output.stdout.len() < 16 << 10, "{}", output.stdout.len());
    assert_eq!(blobs(&project).len(), 1);
    assert_eq!(fs::metadata(&blobs(&project)[0]).unwrap().len(), size as u64);
}

#[test]
fn blobs_are_listed_counted_and_removed_where_they_are_named() {
    let project = thrice("");
    for length in [LIMIT + 1, LIMIT + 2, LIMIT + 3] {
        let call = project.wasmill(["call", "echo.wasm", "--output", "json"]).stdin("x".repeat(length));
        call.run().expect(0);
    }
    let verb = |arguments: &[&str]| {
        json(project.wasmill(["cache"].iter().chain(arguments).chain(&["--output", "json"])).run().expect(0))
    };
    assert_eq!(verb(&["ls"])["blobs"]["entries"].as_array().unwrap().len(), 3);
    let stats = verb(&["stats"]);
    assert_eq!((&stats["blobs"]["entries"], &stats["blobs"]["bytes"]), (&3.into(), &(3 * LIMIT + 6).into()));
    assert_eq!((&stats["modules"], &stats["units"]["entries"]), (&1.into(), &0.into()));
    // Documents may still refer to them.
    assert_eq!(verb(&["clean", "--all"])["removed"], 1);
    assert_eq!(blobs(&project).len(), 3);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    fs::File::options().write(true).open(&blobs(&project)[1]).unwrap().set_modified(old).unwrap();
    assert_eq!(verb(&["clean", "blobs", "--older-than", "1h"])["blobs"]["removed"], 1);
    assert_eq!(verb(&["clean", "blobs", "--keep", "257KiB"])["blobs"]["removed"], 1);
    assert_eq!(blobs(&project).len(), 1);
    let cleaned = project.wasmill(["cache", "clean", "blobs", "--all"]).run();
    assert!(cleaned.expect(0).text().starts_with("removed 1 blob, 256.0 KiB, from "), "{cleaned}");
    assert!(blobs(&project).is_empty());
}

#[cfg(unix)]
#[test]
fn the_doctor_looks_at_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;

    let project = thrice(THRICE).file("given.txt", "x".repeat(LIMIT + 1));
    run(&project, &["--input", "given=@given.txt"]);
    let folder = blobs(&project)[0].parent().unwrap().to_owned();
    let look = |arguments: &[&str]| {
        let output = project.wasmill(["doctor", "--output", "json"].iter().chain(arguments)).run();
        let checks = json(&output)["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["topic"] == "blobs").unwrap()
    };
    let found = look(&[]);
    assert!(found["found"].as_str().unwrap().ends_with(": 1 blob, 256.0 KiB"), "{found}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(look(&[])["status"], "error");
    // What others could have written to is not used before that is mended.
    let output = project.wasmill(RUN.iter().chain(&["--input", "given=@given.txt"])).run();
    assert!(output.expect(0).stderr.contains("is not safe: others can write to it"));
    assert_eq!(look(&["--fix"])["status"], "ok");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

/// A pipeline that a step calls writes a document of its own, within the one of its caller.
#[test]
fn nested_runs_refer_to_the_same_value() {
    let text = "x".repeat(LIMIT + 1);
    let outer =
        "wasmill: 1\nname: outer\ninputs: { given: { type: string } }\nsteps:\n  all: { pipeline: pipeline.yaml }\n";
    let project = thrice(THRICE).file("outer.yaml", outer).file("given.txt", &text);
    let arguments = ["run", "outer.yaml", "--policy", "policy.toml", "--output", "json", "--input", "given=@given.txt"];
    let output = project.wasmill(arguments).run();
    let document = json(output.expect(0));
    let expected = reference(text.as_bytes(), "string");
    assert_eq!(document["outputs"]["all"]["result"], expected);
    assert_eq!(document["steps"]["all"]["output"]["result"], expected);
    let inner = &document["steps"]["all"]["runs"][0];
    assert_eq!((&inner["outputs"]["result"], &inner["steps"]["b"]["output"]), (&expected, &expected));
    assert!(output.stdout.len() < 16 << 10);
    assert_eq!(blobs(&project).len(), 1);
}
