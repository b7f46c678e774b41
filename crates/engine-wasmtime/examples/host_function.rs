//! Offer units a function of your own: `cargo run -p wasmill-engine-wasmtime --example host_function`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "an example says what it sees")]

use std::error::Error;

use wasmill_engine_wasmtime::{HostCall, HostFunctions, Settings, WasmtimeEngine};
use wasmill_model::{Grants, Value};

/// A C-ABI unit that hands its input to the function: a JSON array in, `{"ok": …}` or `{"error": …}` out.
const CLERK: &str = r#"(module
  (import "acme:billing/prices" "price" (func $price (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (func (export "allocate") (param i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get 0))))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param i32 i32 i32) (result i32)
    (call $price (local.get 0) (local.get 1) (local.get 2))))"#;

/// The step must be granted the interface; without, it is refused before it runs.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut functions = HostFunctions::new();
    functions.add("acme:billing/prices", "price", |_: HostCall, (item, count): (String, u32)| async move {
        if item == "nail" { Ok(f64::from(count) * 0.5) } else { Err(format!("there is no {item}")) }
    });
    let engine = WasmtimeEngine::new(Settings { functions, ..Settings::default() })?;
    let clerk = engine.load(wat::parse_str(CLERK)?)?;
    println!("{}", clerk.clone().prepare_blocking().expect_err("it was not granted"));

    let mut grants = Grants::default();
    grants.functions = vec!["acme:billing/prices".to_owned()];
    let answer = clerk.grants(grants).prepare_blocking()?.call_blocking(r#"["nail", 7]"#).output;
    println!("{answer:?}");
    assert_eq!(answer, Some(Value::from(r#"{"ok":3.5}"#)));
    Ok(())
}
