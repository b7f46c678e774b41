//! Units and pipelines that several tests use, small enough to be read.

/// Core: numbers.
pub(crate) const ARITHMETIC: &str = r#"(module
  (func $add (export "add") (param $a i32) (param $b i32) (result i32) (i32.add (local.get $a) (local.get $b)))
  (func $divide (export "divide") (param $a i32) (param $b i32) (result i32) (i32.div_s (local.get $a) (local.get $b)))
  (func $widen (export "widen") (param $a i64) (result i64) (i64.add (local.get $a) (i64.const 1))))"#;

/// Bytes: ASCII letters made upper case; null for an empty input.
pub(crate) const UPPER: &str = r#"(module
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (func (export "allocate") (param $size i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (local.get $size))))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param $start i32) (param $length i32) (param $out_length i32) (result i32)
    (local $at i32) (local $byte i32)
    (if (i32.eqz (local.get $length)) (then (return (i32.const 0))))
    (loop $next
      (local.set $byte (i32.load8_u (i32.add (local.get $start) (local.get $at))))
      (if (i32.and (i32.ge_u (local.get $byte) (i32.const 97)) (i32.le_u (local.get $byte) (i32.const 122)))
        (then (i32.store8 (i32.add (local.get $start) (local.get $at)) (i32.sub (local.get $byte) (i32.const 32)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $length))))
    (i32.store (local.get $out_length) (local.get $length))
    (local.get $start)))"#;

/// Command: stdin to stdout, as `cat`; with any argument it complains on stderr and exits with 3.
pub(crate) const CAT: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "warming up\nno such option\n")
  (func (export "_start")
    (drop (call $args (i32.const 32) (i32.const 36)))
    (if (i32.gt_u (i32.load (i32.const 32)) (i32.const 1))
      (then
        (i32.store (i32.const 0) (i32.const 64))
        (i32.store (i32.const 4) (i32.const 26))
        (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.const 3))))
    (loop $more
      (i32.store (i32.const 0) (i32.const 4096))
      (i32.store (i32.const 4) (i32.const 65536))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (i32.load (i32.const 8))
        (then
          (i32.store (i32.const 4) (i32.load (i32.const 8)))
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
          (br $more))))))"#;

/// Component: `add(a: s32, b: s32) -> s32` and `double(a: s32) -> s32`.
pub(crate) const COMPONENT: &str = r#"(component
  (core module $m
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
  (core instance $i (instantiate $m))
  (func (export "add") (param "a" s32) (param "b" s32) (result s32) (canon lift (core func $i "add")))
  (func (export "double") (param "a" s32) (result s32) (canon lift (core func $i "double"))))"#;

/// Two steps: `double` after `sum`; inputs with defaults, so that it runs without any.
pub(crate) const CHAIN: &str = r#"wasmill: 1
name: chain
inputs:
  a: { type: integer, default: 2 }
  b: { type: integer, default: 3 }
units:
  arithmetic: { path: arithmetic.wat }
steps:
  sum:
    unit: arithmetic
    function: add
    with: { a: "${{ inputs.a }}", b: "${{ inputs.b }}" }
  double:
    unit: arithmetic
    function: add
    with: ["${{ steps.sum.output }}", "${{ steps.sum.output }}"]
outputs:
  doubled: "${{ steps.double.output }}"
"#;

/// One `bytes` step over the one input.
pub(crate) const SHOUT: &str = r#"wasmill: 1
name: shout
inputs:
  text: { type: string, required: true }
units:
  upper: { path: upper.wat }
steps:
  shout: { unit: upper, with: "${{ inputs.text }}" }
outputs:
  shouted: "${{ steps.shout.output }}"
"#;
