//! Load a unit, call it, read the receipt: `cargo run -p wasmill-engine-wasmtime --example call`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "an example says what it sees")]

use std::error::Error;

use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Input, Value};

const ADD: &str =
    r#"(module (func (export "add") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1))))"#;

/// Blocking; `prepare` and `call` are the same for async callers.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let engine = WasmtimeEngine::new(Settings::default())?;
    let add = engine.load(wat::parse_str(ADD)?)?.function("add").prepare_blocking()?;
    let attempt = add.call_blocking(Input::Positional(vec![Value::Int(2), Value::Int(40)]));
    println!("{:?}", attempt.output);
    println!("{}", serde_json::to_string_pretty(&attempt.receipt)?);
    assert_eq!(attempt.output, Some(Value::Int(42)));
    Ok(())
}
