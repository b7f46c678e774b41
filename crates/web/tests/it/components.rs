//! Components that mean harm, in Chromium: each meets the end that it meets on wasmtime, and the page goes on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wasmill_testkit::{guest, prepared};

use super::same::in_chromium_with;

/// A call of a built guest that is a component, and what it is prepared as.
fn hostile(name: &str, limits: &Value) -> (Value, String) {
    let binary = guest("limits", name);
    let request = json!({
        "file": format!("{name}.json"),
        "pipeline": { "wasmill": 1, "name": "guest", "units": { "unit": "unit.wasm" }, "steps": { "step": { "unit": "unit" } } },
        "units": { "unit": STANDARD.encode(&binary) },
        "limits": limits,
    });
    (request, prepared(&binary).display().to_string())
}

/// What became of each, in Chromium.
fn ends(names: &[&str], limits: &Value) -> Vec<Value> {
    let (requests, prepared): (Vec<_>, Vec<_>) = names.iter().map(|name| hostile(name, limits)).unzip();
    let answers = in_chromium_with(&prepared, &requests);
    assert_eq!(answers.len(), names.len());
    let attempt = |(_, document): (i32, Value)| document["steps"]["step"]["attempts"][0].clone();
    answers.into_iter().map(attempt).collect()
}

#[test]
fn what_is_lifted_of_a_component_is_bounded_before_it_is_there() {
    // Little memory of the guest, much of the page's. The time is for a machine that does much else: a page that lifted all of it would
    // be out of memory long before.
    let names = ["huge-list", "aliased-strings", "aliased-lists", "aliased-tuples"];
    let limits = json!({ "output": "1MiB", "fuel": 1_000_000_000, "timeout": "60s" });
    for (attempt, name) in ends(&names, &limits).iter().zip(names) {
        assert_eq!(attempt["verdict"], "output-exceeded", "{name}: {attempt}");
    }
}
