//! Requests that are wrong, each with the document that says so.

use std::fmt::Write as _;

use wasmill_model::ExitCode;

use super::{DOUBLE, base64, run, shown, units};

const CASES: &[(&str, &str)] = &[
    ("empty", ""),
    ("blank", " \n\t\n"),
    ("null", "null"),
    ("a list", "[1, 2]"),
    ("a text", "\"run\""),
    ("cut off", r#"{"pipeline": {"wasmill": 1, "steps""#),
    ("two documents", "{\"pipeline\": {}}\n---\n{}"),
    ("a key twice", r#"{"pipeline": {"wasmill": 1, "steps": {}}, "inputs": {}, "inputs": {}}"#),
    ("nothing that is known", r#"{"name": "x"}"#),
    ("an unknown key", r#"{"pipeline": {"wasmill": 1, "steps": {}}, "input": {"a": 1}}"#),
    ("a misspelt pipeline", r#"{"pipelin": {"wasmill": 1}}"#),
    ("a pipeline of the wrong type", r#"{"pipeline": 7}"#),
    ("a pipeline without steps", r#"{"pipeline": {"wasmill": 1}}"#),
    ("an unknown key of the pipeline", r#"{"pipeline": {"wasmill": 1, "stpes": {}, "steps": {}}}"#),
    ("a text pipeline that is wrong", r#"{"pipeline": "wasmill: 1\nsteps:\n  a: { unti: x }\n", "file": "a/b.yaml"}"#),
    ("a TOML pipeline that is wrong", r#"{"pipeline": "wasmill = 1\n[steps.a]\nunit = 7\n"}"#),
    (
        "units that are wrong",
        r#"{"pipeline": {"wasmill": 1, "units": {"stats": "stats.wasm"}, "steps": {"a": {"unit": "stats"}}},
            "units": {"stats": "AGFzbQ*", "stat": "AGFzbQEAAAA=", "other": 7}}"#,
    ),
    (
        "a unit that is no WebAssembly",
        r#"{"pipeline": {"wasmill": 1, "units": {"stats": "stats.wasm"}, "steps": {"a": {"unit": "stats"}}}, "units": {"stats": "aGVsbG8="}}"#,
    ),
    (
        "a unit of another digest",
        r#"{"pipeline": {"wasmill": 1, "units": {"stats": {"path": "s.wasm", "sha256": "00000000000000000000000000000000000000000000000000000000000000aa"}},
            "steps": {"a": {"unit": "stats"}}}, "units": {"stats": "AGFzbQEAAAA="}}"#,
    ),
    (
        "a unit in a file, and no folder",
        r#"{"wasmill": 1, "units": {"stats": "stats.wasm"}, "steps": {"a": {"unit": "stats"}}}"#,
    ),
    (
        "units that are not loaded here",
        r#"{"wasmill": 1, "units": {
            "far": {"url": "https://example.com/far.wasm", "sha256": "00000000000000000000000000000000000000000000000000000000000000aa"},
            "built": {"language": "python", "code": "def main(): return 1"}, "tool": {"program": "/bin/true"}},
            "steps": {"a": {"unit": "far"}, "b": {"unit": "built"}, "c": {"unit": "tool"}}}"#,
    ),
    (
        "a folder is granted",
        r#"{"wasmill": 1, "units": {"u": {"wat": "(module (func (export \"f\")))"}}, "steps": {"a": {"unit": "u", "grants": {"dirs": {".": "/data"}}}}}"#,
    ),
    (
        "inputs that do not fit",
        r#"{"pipeline": {"wasmill": 1, "inputs": {"count": {"type": "integer", "required": true}, "text": {"type": "string", "required": true}},
            "units": {"u": {"wat": "(module (func (export \"f\") (param i32)))"}}, "steps": {"a": {"unit": "u", "with": "${{ inputs.count }}"}}},
            "inputs": {"count": "seven", "tekst": "x"}}"#,
    ),
    (
        "limits, engines and secrets that are wrong",
        r#"{"pipeline": {"wasmill": 1, "units": {"u": {"wat": "(module (func (export \"f\")))"}}, "steps": {"a": {"unit": "u"}}},
            "limits": {"memory": "1TiB", "feul": 1, "timeout": 0}, "engine": [], "profile": "quick", "secrets": {"API KEY": "x", "SHORT": "abc", "NUMBER": 7},
            "policy": {"limits": {"ceilings": {"memory": "1TiB"}}}}"#,
    ),
    (
        "limits above the policy",
        r#"{"pipeline": {"wasmill": 1, "units": {"u": {"wat": "(module (func (export \"f\")))"}}, "steps": {"a": {"unit": "u"}}},
            "limits": {"memory": "2GiB"}, "policy": {"limits": {"ceilings": {"memory": "1GiB"}}}}"#,
    ),
    (
        "an engine that there is not",
        r#"{"pipeline": {"wasmill": 1, "units": {"u": {"wat": "(module (func (export \"f\")))"}}, "steps": {"a": {"unit": "u"}}}, "engine": "wasmy"}"#,
    ),
    (
        "an engine that is elsewhere",
        r#"{"wasmill": 1, "units": {"u": {"wat": "(module (func (export \"f\")))"}}, "steps": {"a": {"unit": "u", "engine": "wasmtime"}}}"#,
    ),
    (
        "WebAssembly text that does not parse",
        r#"{"wasmill": 1, "units": {"u": {"wat": "(module (fun))"}}, "steps": {"a": {"unit": "u"}}}"#,
    ),
    (
        "interpreters that are wrong",
        r#"{"pipeline": {"wasmill": 1, "units": {"a": "a.wasm", "b": "b.wasm", "c": "c.wasm"}, "steps": {"s": {"unit": "a"}}},
            "units": {"a": {"base64": "AGFzbQ==", "interpreter": "pyton"}, "b": {"interpreter": "python"}, "c": {"bas64": "AA==", "base64": 7}},
            "interpreters": {"python": "AGFzbQEAAAA=", "other": "*"}}"#,
    ),
    (
        "called pipelines that are wrong",
        r#"{"pipeline": {"wasmill": 1, "steps": {"s": {"pipeline": "inner.yaml"}}}, "pipelines": {
            "inner.yaml": {"pipeline": {"wasmill": 1, "stpes": {}}}, "./inner.yaml": {"pipeline": "wasmill: 1\nsteps:\n  a: { wat: x }\n"},
            "none.yaml": {}, "number.yaml": 7}}"#,
    ),
    (
        "a called pipeline that is not there",
        r#"{"pipeline": {"wasmill": 1, "steps": {"s": {"pipeline": "inner.yaml"}}}, "pipelines": {"outer.yaml": {"pipeline": {"wasmill": 1,
            "units": {"u": {"wat": "(module (func (export \"f\")))"}}, "steps": {"a": {"unit": "u"}}}}}}"#,
    ),
    (
        "pipelines that call each other",
        r#"{"pipeline": {"wasmill": 1, "steps": {"s": {"pipeline": "in/a.yaml"}}}, "pipelines": {
            "in/a.yaml": {"pipeline": {"wasmill": 1, "steps": {"s": {"pipeline": "../b.yaml"}}}},
            "b.yaml": {"pipeline": {"wasmill": 1, "steps": {"s": {"pipeline": "in/./a.yaml"}}}}}}"#,
    ),
    ("a manifest v1 with an unknown node", r#"{"version": "v1", "nodes": [{"id": "a", "node_type": "AddNod"}]}"#),
    ("input_data that is no list", r#"{"manifest": {"version": "v1", "nodes": []}, "input_data": 5}"#),
];

#[test]
fn what_is_wrong_is_said_in_json() {
    let mut said = String::new();
    for (name, stdin) in CASES {
        let (code, stdout, stderr) = run(&[], stdin);
        assert_eq!(stderr, "", "{name}");
        let document: serde_json::Value =
            serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{name}: {error}\n{stdout}"));
        assert!(document["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{name}: {stdout}");
        assert_eq!(code, ExitCode::Invalid, "{name}: {stdout}");
        writeln!(said, "## {name}\n").unwrap();
        for error in document["errors"].as_array().unwrap() {
            let text = |key: &str| error[key].as_str().unwrap_or("-").to_owned();
            let at = &error["at"];
            writeln!(said, "{} {}:{}:{} {}", text("code"), at["file"], at["line"], at["column"], text("message"))
                .unwrap();
            writeln!(said, "    help: {}", text("help")).unwrap();
        }
        said.push('\n');
    }
    insta::assert_snapshot!("requests", said);
}

#[test]
fn what_is_no_text_is_refused() {
    for stdin in [&b"\0asm\x01\0\0\0"[..], b"{\"pipeline\": \"\xff\"}"] {
        let (code, stdout, _) = run(&[], stdin);
        assert_eq!(code, ExitCode::Invalid);
        assert!(stdout.contains("WM0405"), "{stdout}");
    }
}

/// Stdin that fails in the middle.
struct Torn(usize);

impl std::io::Read for Torn {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        self.0 -= 1;
        buffer[0] = b'{';
        Ok(1)
    }
}

#[test]
fn a_torn_stdin_is_said() {
    let mut stdout = Vec::new();
    assert_eq!(wasmill_wasi::run([], Torn(3), &mut stdout, std::io::sink()), ExitCode::Invalid);
    assert!(String::from_utf8(stdout).unwrap().contains("stdin cannot be read"));
}

#[test]
fn deep_and_wide_requests_end() {
    for stdin in ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 20), format!("[{}1]", "1,".repeat(1 << 20))] {
        let (code, stdout, _) = run(&[], stdin);
        assert_eq!(code, ExitCode::Invalid);
        assert!(stdout.len() < 4096, "{stdout}");
    }
}

#[test]
fn no_path_leaves_the_folder() {
    let outside = units(&[("out.wasm", DOUBLE), ("in/double.wasm", DOUBLE), ("in/deep/double.wasm", DOUBLE)]);
    let folder = outside.path().join("in");
    let request = |path: &str| {
        format!(
            r#"{{"wasmill": 1, "units": {{"u": {{"path": "{path}"}}}}, "steps": {{"a": {{"unit": "u", "with": 21}}}}}}"#
        )
    };
    for path in ["double.wasm", "./double.wasm", "deep/../double.wasm", "deep/./double.wasm"] {
        let (code, stdout, _) = run(&["--units", shown(&folder)], request(path));
        assert_eq!(code, ExitCode::Success, "{path}: {stdout}");
        assert!(stdout.contains("\"a\": 42"), "{path}: {stdout}");
    }
    let absolute = folder.join("double.wasm");
    for path in ["../out.wasm", "deep/../../out.wasm", "deep/../../in/double.wasm", "..", shown(&absolute)] {
        let (code, stdout, _) = run(&["--units", shown(&folder)], request(path));
        assert_eq!(code, ExitCode::Invalid, "{path}: {stdout}");
        assert!(stdout.contains("outside of the folder of units"), "{path}: {stdout}");
    }
    for path in ["doubel.wasm", "none/double.wasm"] {
        let (code, stdout, _) = run(&["--units", shown(&folder)], request(path));
        assert_eq!(code, ExitCode::Invalid, "{path}: {stdout}");
        assert!(stdout.contains("WM0301"), "{path}: {stdout}");
    }
}

#[test]
fn a_unit_may_be_given_as_text() {
    let request = |unit: &str| {
        format!(
            r#"{{"pipeline": {{"wasmill": 1, "units": {{"u": "u.wat"}}, "steps": {{"a": {{"unit": "u"}}}}}}, "units": {{"u": {unit}}}}}"#
        )
    };
    let text = r#"{"wat": "(module (func (export \"f\") (result i32) (i32.const 42)))"}"#;
    let (code, stdout, _) = run(&[], request(text));
    assert_eq!(code, ExitCode::Success, "{stdout}");
    assert!(stdout.contains("\"a\": 42"), "{stdout}");
    let (code, stdout, _) = run(&[], request(r#"{"wat": "(module)", "base64": "AGFzbQEAAAA="}"#));
    assert_eq!(code, ExitCode::Invalid);
    assert!(stdout.contains("given as `base64` or as `wat`"), "{stdout}");
}

#[test]
fn a_missing_folder_is_said() {
    let request =
        r#"{"wasmill": 1, "units": {"u": {"path": "double.wasm"}}, "steps": {"a": {"unit": "u", "with": 21}}}"#;
    let (code, stdout, _) = run(&["--units", "/nowhere/at/all"], request);
    assert_eq!(code, ExitCode::Invalid);
    assert!(stdout.contains("WM0301"), "{stdout}");
    assert!(stdout.contains("the folder of units `/nowhere/at/all` cannot be opened"), "{stdout}");
}

#[test]
fn the_command_line_is_held_to_its_words() {
    let (code, stdout, _) = run(&["--unit", "x"], "{}");
    assert_eq!(code, ExitCode::Invalid);
    assert!(stdout.contains("WM0901"), "{stdout}");
    let (code, stdout, _) = run(&["--version"], "");
    assert_eq!((code, stdout.starts_with("wasmill-wasi ")), (ExitCode::Success, true));
}

#[test]
fn a_panic_is_a_document_too() {
    let (document, code) = wasmill_wasi::panic_document("at the disco");
    assert_eq!(code, ExitCode::Failed);
    let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["errors"][0]["code"], "WM0613");
}

#[test]
fn a_reader_that_went_away_has_seen_enough_and_a_full_disk_is_a_failure() {
    struct Broken(std::io::ErrorKind);
    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let stdin = format!(
        r#"{{"pipeline": {{"wasmill": 1, "units": {{"u": "u.wasm"}}, "steps": {{"a": {{"unit": "u", "with": 1}}}}}}, "units": {{"u": "{}"}}}}"#,
        base64(DOUBLE)
    );
    let end = |kind| wasmill_wasi::run([], stdin.as_bytes(), Broken(kind), std::io::sink());
    assert_eq!(end(std::io::ErrorKind::BrokenPipe), ExitCode::Success);
    assert_eq!(end(std::io::ErrorKind::StorageFull), ExitCode::Failed);
}
