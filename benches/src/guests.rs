//! The units that are measured: small enough to show the price of a call, real enough to move data.

use wasmill_unit::Unit;

/// `add(i32, i32) -> i32` beside one page of memory.
pub const ADD: &str = r#"(module (memory (export "memory") 1)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#;

/// Nothing at all.
pub const NOOP: &str = r#"(module (func (export "run")))"#;

/// The C ABI: upper-cases ASCII in place.
pub const BYTES_UPPER: &str = r#"(module (memory (export "memory") 40)
    (global $next (mut i32) (i32.const 1024))
    (func $allocate (export "allocate") (param $size i32) (result i32) (local $at i32)
        (local.set $at (global.get $next))
        (global.set $next (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 15)) (i32.const -16)))
        (local.get $at))
    (func (export "deallocate") (param i32 i32))
    (func (export "process") (param $at i32) (param $length i32) (param $out i32) (result i32)
        (local $end i32) (local $here i32) (local $byte i32)
        (local.set $here (local.get $at))
        (local.set $end (i32.add (local.get $at) (local.get $length)))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $here) (local.get $end)))
            (local.set $byte (i32.load8_u (local.get $here)))
            (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 26))
                (then (i32.store8 (local.get $here) (i32.sub (local.get $byte) (i32.const 32)))))
            (local.set $here (i32.add (local.get $here) (i32.const 1)))
            (br $next)))
        (i32.store (local.get $out) (local.get $length))
        (local.get $at)))"#;

/// `upper(text: string) -> string`.
pub const COMPONENT_UPPER: &str = r#"(component
    (core module $m (memory (export "memory") 40)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (global.get $next))
            (global.set $next (i32.and (i32.add (i32.add (local.get $at) (local.get 3)) (i32.const 15)) (i32.const -16)))
            (local.get $at))
        (func (export "upper") (param $at i32) (param $length i32) (result i32)
            (local $end i32) (local $here i32) (local $byte i32)
            (local.set $here (local.get $at))
            (local.set $end (i32.add (local.get $at) (local.get $length)))
            (block $done (loop $next
                (br_if $done (i32.ge_u (local.get $here) (local.get $end)))
                (local.set $byte (i32.load8_u (local.get $here)))
                (if (i32.lt_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 26))
                    (then (i32.store8 (local.get $here) (i32.sub (local.get $byte) (i32.const 32)))))
                (local.set $here (i32.add (local.get $here) (i32.const 1)))
                (br $next)))
            (i32.store (i32.const 16) (local.get $at))
            (i32.store (i32.const 20) (local.get $length))
            (i32.const 16)))
    (core instance $i (instantiate $m))
    (func (export "upper") (param "text" string) (result string)
        (canon lift (core func $i "upper") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#;

/// A WASI preview 1 program that copies stdin to stdout.
pub const COMMAND_COPY: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 1024))
        (loop $next
            (i32.store (i32.const 4) (i32.const 65536))
            (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (unreachable)))
            (if (i32.load (i32.const 8)) (then
                (i32.store (i32.const 4) (i32.load (i32.const 8)))
                (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)) (then (unreachable)))
                (br $next))))))"#;

/// Never ends.
pub const SPIN: &str = r#"(module (func (export "run") (loop $again (br $again))))"#;

/// The text of a module with about this many bytes of code in small functions that call each other, always the same.
pub fn large_module(bytes: usize) -> String {
    /// Instructions of a function, and the bytes that they and their function take.
    const OPERATIONS: usize = 24;
    const BYTES_PER_FUNCTION: usize = 263;
    let functions = bytes / BYTES_PER_FUNCTION;
    let mut text = String::from("(module (memory 1)\n");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        // xorshift64 (Marsaglia, 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for function in 0..functions {
        text.push_str(&format!("(func $f{function} (param $a i32) (param $b i32) (result i32)\n"));
        for _ in 0..OPERATIONS {
            let operation =
                ["add", "sub", "mul", "xor", "and", "rotl"].get(random(6) as usize).copied().unwrap_or("or");
            let line = match random(4) {
                0 => format!("(local.set $a (i32.{operation} (local.get $a) (i32.const {})))\n", random(1 << 20)),
                1 => format!("(local.set $b (i32.{operation} (local.get $a) (local.get $b)))\n"),
                2 => "(if (i32.lt_u (local.get $a) (local.get $b)) (then (local.set $a (local.get $b))))\n".to_owned(),
                _ => format!(
                    "(local.set $b (i32.load offset={} (i32.and (local.get $a) (i32.const 1023))))\n",
                    random(64)
                ),
            };
            text.push_str(&line);
        }
        let called = if function == 0 { 0 } else { random(function as u64) };
        let result = if function == 0 {
            "(local.get $a))\n".to_owned()
        } else {
            format!("(call $f{called} (local.get $a) (local.get $b)))\n")
        };
        text.push_str(&result);
    }
    text.push_str(&format!("(export \"run\" (func $f{})))", functions.saturating_sub(1)));
    text
}

/// A binary from its text.
///
/// # Panics
/// When the text is wrong: a defect of the benches.
#[allow(clippy::expect_used, reason = "a defect of the benches must be seen")]
pub fn binary(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).expect("the guest's text parses")
}

/// A unit from its text.
///
/// # Panics
/// When the text is wrong: a defect of the benches.
#[allow(clippy::expect_used, reason = "a defect of the benches must be seen")]
pub fn unit(wat: &str) -> Unit {
    Unit::from_binary(binary(wat)).expect("the guest is a unit")
}

/// Text of this many bytes.
pub fn text(bytes: usize) -> String {
    "The quick brown fox jumps over the lazy dog. ".chars().cycle().take(bytes).collect()
}
