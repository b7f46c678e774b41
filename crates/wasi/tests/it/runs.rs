//! Requests that are right, and what comes of them.

use serde_json::{Value, json};
use wasmill_model::ExitCode;

use super::{DOUBLE, ECHO, base64, run, shown, units};

/// The document that comes of a request.
fn document(arguments: &[&str], request: &Value) -> (ExitCode, Value) {
    let (code, stdout, stderr) = run(arguments, request.to_string());
    assert_eq!(stderr, "");
    (code, serde_json::from_str(&stdout).unwrap())
}

fn doubling() -> Value {
    json!({
        "wasmill": 1,
        "name": "doubling",
        "inputs": { "number": { "type": "integer", "required": true } },
        "units": { "double": "double.wasm" },
        "steps": { "twice": { "unit": "double", "with": "${{ inputs.number }}" } },
        "outputs": { "twice": "${{ steps.twice.output }}" },
    })
}

#[test]
fn a_manifest_v1_is_answered_in_its_own_form() {
    let manifest = json!({
        "version": "v1",
        "metadata": { "name": "calculator" },
        "nodes": [
            { "id": "double", "node_type": "MultiplyNode", "params": { "factor": 2 } },
            { "id": "add", "node_type": "AddNode", "params": { "addend": 10 } },
        ],
        "connections": [{ "from": "double", "to": "add" }],
    });
    let (code, answer) = document(&[], &json!({ "manifest": manifest, "input_data": [5, 7, 3] }));
    assert_eq!(code, ExitCode::Success);
    let graph = json!({ "node_count": 2, "source_count": 1, "sink_count": 1, "execution_order": ["double", "add"] });
    assert_eq!(answer, json!({ "status": "success", "outputs": [20, 24, 16], "graph_info": graph }));
    // Bare, it is given the one item `null`.
    let bare = json!({ "version": "v1", "nodes": [{ "id": "same", "node_type": "PassThrough" }] });
    let (code, answer) = document(&[], &bare);
    assert_eq!((code, &answer["outputs"], &answer["status"]), (ExitCode::Success, &Value::Null, &json!("success")));
    // In a run request, the answer is the run document.
    let (code, answer) = document(&[], &json!({ "pipeline": manifest, "inputs": { "input_data": [1] } }));
    assert_eq!(code, ExitCode::Success);
    assert_eq!(answer["outputs"], json!({ "add": [12] }));
    assert_eq!(answer["wasmill"], 1);
}

#[test]
fn nodes_of_a_manifest_v1_are_found_in_the_folder() {
    let request = json!({
        "manifest": { "version": "v1", "nodes": [{ "id": "a", "node_type": "double" }], "connections": [] },
        "input_data": [1, 2],
    });
    for place in ["units/double.wasm", "double.wasm"] {
        let folder = units(&[(place, DOUBLE)]);
        let (code, answer) = document(&["--units", shown(folder.path())], &request);
        assert_eq!((code, &answer["outputs"]), (ExitCode::Success, &json!([2, 4])), "{place}: {answer}");
    }
}

#[test]
fn a_pipeline_is_an_object_or_a_text() {
    let yaml = "wasmill: 1\ninputs: { number: integer }\nunits: { double: double.wasm }\n\
                steps: { twice: { unit: double, with: \"${{ inputs.number }}\" } }\noutputs: { twice: \"${{ steps.twice.output }}\" }\n";
    let toml = "# doubling\nwasmill = 1\n[inputs]\nnumber = 'integer'\n[units]\ndouble = 'double.wasm'\n[steps.twice]\nunit = 'double'\n\
                with = '${{ inputs.number }}'\n[outputs]\ntwice = '${{ steps.twice.output }}'\n";
    let pipelines = [doubling(), json!(doubling().to_string()), json!(yaml), json!(toml)];
    for pipeline in pipelines {
        let request =
            json!({ "pipeline": pipeline, "inputs": { "number": 21 }, "units": { "double": base64(DOUBLE) } });
        let (code, answer) = document(&[], &request);
        assert_eq!(code, ExitCode::Success, "{answer}");
        assert_eq!(answer["outputs"], json!({ "twice": 42 }));
        assert_eq!(answer["steps"]["twice"]["attempts"][0]["engine"]["name"], "wasmi");
    }
}

#[test]
fn the_name_of_the_file_names_the_pipeline() {
    let mut pipeline = doubling();
    pipeline.as_object_mut().unwrap().remove("name");
    let request = json!({
        "pipeline": pipeline, "file": "reports/pipeline.yaml", "inputs": { "number": 1 }, "units": { "double": base64(DOUBLE) },
    });
    assert_eq!(document(&[], &request).1["pipeline"], "reports");
}

#[test]
fn other_dialects_are_answered_with_the_run_document() {
    let config = json!({
        "strategy": "work_queue",
        "processors": [{ "id": "upper", "processor": "change_text_case_upper", "type": "local", "depends_on": [] }],
    });
    let (code, answer) = document(&[], &json!({ "pipeline": config, "inputs": { "input": "hello" } }));
    assert_eq!(code, ExitCode::Success, "{answer}");
    assert_eq!(answer["outputs"], json!({ "upper": "HELLO" }));
}

#[test]
fn values_keep_their_bytes_and_digits() {
    let request = json!({
        "pipeline": {
            "wasmill": 1,
            "inputs": { "value": { "required": true } },
            "units": { "echo": "echo.wasm" },
            "steps": { "echo": { "unit": "echo", "as": "json", "with": { "value": "${{ inputs.value }}" } } },
            "outputs": { "value": "${{ steps.echo.output.value }}" },
        },
        "units": { "echo": base64(ECHO) },
    });
    for value in [
        r#"18446744073709551615"#,
        r#"-9223372036854775808"#,
        r#"0.1"#,
        r#"1e300"#,
        r#"1.0"#,
        r#""Zoë \ud83d\ude00 \u0007 \"\\ /""#,
        r#"[null,true,{"a":[]}]"#,
    ] {
        let text = request.to_string();
        let text = format!("{}, \"inputs\": {{\"value\": {value}}}}}", &text[..text.len() - 1]);
        let (code, stdout, _) = run(&[], text);
        assert_eq!(code, ExitCode::Success, "{stdout}");
        let given: Value = serde_json::from_str(value).unwrap();
        let answer: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(answer["outputs"]["value"], given);
    }
}

#[test]
fn limits_hold_and_say_so_by_the_exit_code() {
    let request = |wat: &str, limits: Value| {
        json!({
            "pipeline": { "wasmill": 1, "units": { "u": { "wat": wat } }, "steps": { "s": { "unit": "u" } } },
            "limits": limits,
        })
    };
    let spin = r#"(module (func (export "f") (loop $l (br $l))))"#;
    let grow = r#"(module (memory 1) (func (export "f") (drop (memory.grow (i32.const 1000))) unreachable))"#;
    let recurse = r#"(module (func $f (export "f") (call $f) (call $f)))"#;
    for (wat, limits, verdict, exit) in [
        (spin, json!({ "fuel": 1_000_000 }), "fuel-exhausted", ExitCode::Limit),
        (spin, json!({ "timeout": "50ms" }), "timed-out", ExitCode::Limit),
        (grow, json!({ "memory": "1MiB" }), "memory-exceeded", ExitCode::Limit),
        (recurse, json!({}), "trap", ExitCode::Failed),
    ] {
        let (code, answer) = document(&[], &request(wat, limits));
        assert_eq!((answer["steps"]["s"]["verdict"].as_str(), code), (Some(verdict), exit), "{answer}");
    }
}

#[test]
fn a_policy_bounds_what_steps_may_ask_for() {
    let request = json!({
        "pipeline": { "wasmill": 1, "units": { "u": { "wat": "(module (func (export \"f\")))" } }, "steps": { "s": { "unit": "u" } } },
        "policy": { "limits": { "ceilings": { "memory": "1MiB" } } },
    });
    let (code, answer) = document(&[], &request);
    assert_eq!(code, ExitCode::Success);
    assert_eq!(answer["steps"]["s"]["attempts"][0]["limits"]["memory"], 1 << 20);
}

#[test]
fn components_are_for_wasmtime() {
    let component = json!({
        "pipeline": { "wasmill": 1, "units": { "u": "u.wasm" }, "steps": { "s": { "unit": "u", "function": "f" } } },
        "units": { "u": base64(r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m)) (func (export "f") (canon lift (core func $i "f"))))"#) },
    });
    let (code, answer) = document(&[], &component);
    assert_eq!(code, ExitCode::Invalid);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("wasmtime"), "{answer}");
}

#[test]
fn an_engine_that_is_elsewhere_is_passed_over_and_an_override_says_another() {
    let request = |engine: Value| {
        json!({
            "wasmill": 1,
            "units": { "u": { "wat": "(module (func (export \"f\")))" } },
            "steps": { "s": { "unit": "u", "engine": engine } },
        })
    };
    let (code, answer) = document(&[], &request(json!(["wasmedge", "wasmi"])));
    assert_eq!(code, ExitCode::Success, "{answer}");
    assert!(answer["steps"]["s"]["attempts"][0].to_string().contains("wasmedge"), "{answer}");
    let (code, answer) = document(&[], &json!({ "pipeline": request(json!("wasmtime")), "engine": "wasmi" }));
    assert_eq!(code, ExitCode::Success, "{answer}");
}

#[test]
fn retries_wait_and_go_on() {
    let request = json!({
        "wasmill": 1,
        "units": { "u": { "wat": "(module (func (export \"f\") unreachable))" } },
        "steps": { "s": { "unit": "u", "retry": { "attempts": 3, "initial": "1ms" } } },
    });
    let (code, answer) = document(&[], &request);
    assert_eq!(code, ExitCode::Failed);
    assert_eq!(answer["steps"]["s"]["attempts"].as_array().unwrap().len(), 3, "{answer}");
}

#[test]
fn pipelines_of_the_folder_are_called_and_limits_beside_units_hold() {
    let folder = units(&[
        ("deep/double.wasm", DOUBLE),
        ("deep/inner.yaml", &format!("{}", doubling())),
        (
            "deep/Component.toml",
            "[component]\nname = \"double\"\nversion = \"1.0.0\"\n[resources.memory]\nmax_bytes = 1048576\n[resources.cpu]\nmax_fuel = 1000000\ntimeout_seconds = 1\n",
        ),
    ]);
    let request = json!({
        "wasmill": 1,
        "units": { "inner": { "pipeline": "deep/inner.yaml" } },
        "steps": { "s": { "unit": "inner", "with": { "number": 4 } } },
    });
    let (code, answer) = document(&["--units", shown(folder.path())], &request);
    assert_eq!(code, ExitCode::Success, "{answer}");
    assert_eq!(answer["outputs"], json!({ "s": { "twice": 8 } }));
    let limits = &answer["steps"]["s"]["runs"][0]["steps"]["twice"]["attempts"][0]["limits"];
    assert_eq!(limits["memory"], 1 << 20, "{answer}");
}

#[test]
fn secrets_are_given_and_never_shown() {
    let program = base64(
        r#"(module
          (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_start")
            (drop (call $get (i32.const 0) (i32.const 1024)))
            (i32.store (i32.const 64) (i32.const 1024))
            (i32.store (i32.const 68) (i32.const 14))
            (drop (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72)))))"#,
    );
    let request = json!({
        "pipeline": { "wasmill": 1, "units": { "u": "u.wasm" }, "steps": { "s": { "unit": "u", "grants": { "secrets": ["KEY"] } } } },
        "units": { "u": program },
        "secrets": { "KEY": "abcdefghij" },
    });
    let (code, answer) = document(&[], &request);
    assert_eq!(code, ExitCode::Success, "{answer}");
    assert!(answer["steps"]["s"]["attempts"][0]["usage"]["bytes_out"] == 14, "{answer}");
}
