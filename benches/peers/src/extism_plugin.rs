//! extism: upper-casing in a plugin, beside upper-casing in a `bytes` unit.

use std::error::Error;

use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use wasmill_benches::guests::{BYTES_UPPER, binary, text, unit};
use wasmill_benches::measure::{Effort, blocking_side, current_thread, in_turn, side};
use wasmill_benches::report::{Report, Row, Target};
use wasmill_benches::wasmill::{Prepared, engine};
use wasmill_model::{Input, Value};

/// Rounds of a full measurement.
const ROUNDS: usize = 200;

/// The work of [`BYTES_UPPER`] as a plugin: the input is copied into its memory eight bytes at a time, as extism's own kits do it,
/// upper-cased in place by the same loop, and copied out again.
const PLUGIN: &str = r#"(module
    (import "extism:host/env" "input_length" (func $input_length (result i64)))
    (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
    (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
    (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
    (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
    (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
    (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
    (memory (export "memory") 40)
    (func (export "upper") (result i32)
        (local $length i32) (local $words i32) (local $here i32) (local $end i32) (local $byte i32) (local $out i64)
        (local.set $length (i32.wrap_i64 (call $input_length)))
        (local.set $words (i32.and (local.get $length) (i32.const -8)))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $here) (local.get $words)))
            (i64.store offset=1024 (local.get $here) (call $input_load_u64 (i64.extend_i32_u (local.get $here))))
            (local.set $here (i32.add (local.get $here) (i32.const 8)))
            (br $next)))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $here) (local.get $length)))
            (i32.store8 offset=1024 (local.get $here) (call $input_load_u8 (i64.extend_i32_u (local.get $here))))
            (local.set $here (i32.add (local.get $here) (i32.const 1)))
            (br $next)))
        (local.set $here (i32.const 1024))
        (local.set $end (i32.add (i32.const 1024) (local.get $length)))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $here) (local.get $end)))
            (local.set $byte (i32.load8_u (local.get $here)))
            (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 26))
                (then (i32.store8 (local.get $here) (i32.sub (local.get $byte) (i32.const 32)))))
            (local.set $here (i32.add (local.get $here) (i32.const 1)))
            (br $next)))
        (local.set $out (call $alloc (i64.extend_i32_u (local.get $length))))
        (local.set $here (i32.const 0))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $here) (local.get $words)))
            (call $store_u64 (i64.add (local.get $out) (i64.extend_i32_u (local.get $here)))
                (i64.load offset=1024 (local.get $here)))
            (local.set $here (i32.add (local.get $here) (i32.const 8)))
            (br $next)))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $here) (local.get $length)))
            (call $store_u8 (i64.add (local.get $out) (i64.extend_i32_u (local.get $here)))
                (i32.load8_u offset=1024 (local.get $here)))
            (local.set $here (i32.add (local.get $here) (i32.const 1)))
            (br $next)))
        (call $output_set (local.get $out) (i64.extend_i32_u (local.get $length)))
        (i32.const 0)))"#;

pub(crate) fn report(effort: Effort) -> Result<Report, Box<dyn Error>> {
    let manifest = Manifest::new([Wasm::data(binary(PLUGIN))]);
    let compiled = CompiledPlugin::new(PluginBuilder::new(manifest).with_wasi(false).with_cache_disabled())?;
    let mut reused = Plugin::new_from_compiled(&compiled)?;
    let engine = engine()?;
    let runtime = current_thread()?;
    let mut rows = Vec::new();
    for (size, bytes, fresh_target, reused_target) in
        [("1 KiB", 1 << 10, Target::Ahead(5.0), Target::Ahead(1.0)), ("1 MiB", 1 << 20, Target::None, Target::None)]
    {
        let input = text(bytes);
        let expected = input.to_ascii_uppercase();
        assert_eq!(reused.call::<&str, &str>("upper", &input)?, expected);
        let given = Input::Single(Value::text(input.clone()));
        let prepared = runtime.block_on(Prepared::new(&engine, &unit(BYTES_UPPER), None, given))?;
        let output = runtime.block_on(prepared.output()).map_err(|verdict| format!("{verdict:?}"))?;
        assert_eq!(output, Value::Bytes(expected.into()));
        let samples = in_turn(
            effort,
            ROUNDS,
            &mut [
                blocking_side(|| {
                    let mut plugin = Plugin::new_from_compiled(&compiled).unwrap();
                    plugin.call::<&str, &str>("upper", &input).unwrap().len()
                }),
                blocking_side(|| reused.call::<&str, &str>("upper", &input).unwrap().len()),
                side(&runtime, || prepared.call()),
            ],
        );
        let [fresh, warm, wasmill] = samples.as_slice() else { unreachable!() };
        rows.push(Row::beside(&format!("upper-case {size}"), "extism, fresh plugin", fresh, wasmill, fresh_target));
        rows.push(Row::beside(&format!("upper-case {size}"), "extism, reused plugin", warm, wasmill, reused_target));
    }
    Ok(Report {
        name: "extism",
        title: "Beside extism",
        method: "extism 1.41.0 (the crate, without default features, its own wasmtime 49): a plugin made from a compiled one for each call \
                 (`Plugin::new_from_compiled`, call, drop), and one plugin that is called again and again, with what the call before left \
                 in it. Beside them a Wasmill call in a fresh instance with every limit on. The guests do the same work with the same loop; \
                 the plugin has no limits.",
        rows,
        notes: vec![
            "With 1 MiB the work itself decides: a loop over a million bytes, which Wasmill counts (fuel) and the plugin does not."
                .to_owned(),
            "extism 1.41.0 is its newest release; it says nothing of a Rust version, its wasmtime 49 asks for Rust 1.96 and builds with 1.95 \
             (`--ignore-rust-version`)."
                .to_owned(),
        ],
    })
}
