//! Run what never ends: `cargo run -p wasmill-engine-wasmtime --example limits`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "an example says what it sees")]

use std::error::Error;
use std::time::Duration;

use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Input, Limits, Verdict};

const HUNGRY: &str = r#"(module (memory 1)
  (func (export "spin") (loop (br 0)))
  (func (export "grow") (loop (br_if 0 (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0)))) (unreachable)))"#;

/// Async, with one limit crossed after the other.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let engine = WasmtimeEngine::new(Settings::default())?;
        let load = engine.load(wat::parse_str(HUNGRY)?)?.limits(Limits {
            memory: 4 << 20,
            fuel: 1_000_000_000_000,
            timeout: Duration::from_millis(100),
            ..Limits::default()
        });
        let spin = load.clone().function("spin").prepare().await?.call(Input::Positional(Vec::new())).await;
        let grow = load.function("grow").prepare().await?.call(Input::Positional(Vec::new())).await;
        println!("spin: {}\ngrow: {}", spin.receipt.verdict, grow.receipt.verdict);
        assert!(matches!(spin.receipt.verdict, Verdict::TimedOut { .. }));
        assert!(matches!(grow.receipt.verdict, Verdict::MemoryExceeded { .. }));
        Ok(())
    })
}
