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

/// A unit from its text.
///
/// # Panics
/// When the text is wrong: a defect of the benches.
#[allow(clippy::expect_used, reason = "a defect of the benches must be seen")]
pub fn unit(wat: &str) -> Unit {
    Unit::from_binary(wat::parse_str(wat).expect("the guest's text parses")).expect("the guest is a unit")
}

/// Text of this many bytes.
pub fn text(bytes: usize) -> String {
    "The quick brown fox jumps over the lazy dog. ".chars().cycle().take(bytes).collect()
}
