//! Fuel, as wasmtime counts it.

use wasmill_instrument::{InstrumentError, Options, instrument};
use wasmtime::Trap;

use crate::sides::{Bounds, Ended, PLENTY, Sides, validate};

fn all(text: &str) -> Ended {
    Sides::metered().text(text, "go", PLENTY)
}

/// Under every limit from none to more than enough: it is stopped, or not, in the same place.
fn step_by_step(text: &str) {
    let sides = Sides::metered();
    let binary = wat::parse_str(text).unwrap();
    let ready = sides.ready(&binary);
    let enough = ready.both("go", PLENTY).fuel.unwrap();
    let mut stopped = 0;
    for fuel in 0..=enough + 2 {
        let ended = ready.both("go", Bounds { fuel, ..PLENTY });
        stopped += u64::from(ended.end == Err(Trap::OutOfFuel));
    }
    assert!(stopped > 0 && enough < 5_000, "{stopped} of {enough}");
}

#[test]
fn a_loop_costs_what_it_does() {
    let ended = all(r#"(module (func (export "go") (result i64) (local i64)
            (loop (local.set 0 (i64.add (local.get 0) (i64.const 1))) (br_if 0 (i64.lt_u (local.get 0) (i64.const 1000))))
            (local.get 0)))"#);
    assert_eq!(ended.fuel, Some(8_002));
}

#[test]
fn every_way_out_of_a_function() {
    step_by_step(
        r#"(module
            (type $binary (func (param i32 i32) (result i32)))
            (table 4 funcref) (elem (i32.const 0) $add $early $out $tail)
            (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
            (func $early (type $binary)
              (if (local.get 0) (then (return (i32.const 7)))) nop (i32.const 8))
            (func $out (type $binary)
              (block (br_if 1 (i32.const 3) (local.get 1)) drop (br 1 (i32.const 4)) (drop (i32.const 1))) (i32.const 9))
            (func $tail (type $binary)
              (return_call_indirect (type $binary) (local.get 1) (local.get 0) (i32.const 0)) (i32.const 1) drop)
            (func $two (param i32) (result i32 i64) (local.get 0) (i64.const 3)
              (br_table 0 0 0 (local.get 0)))
            (func $fall (result i32 i64) (return_call $two (i32.const 2)))
            (func (export "go") (result i32) (local i32 i32)
              (loop
                (local.set 1 (i32.add (local.get 1)
                  (call_indirect (type $binary) (local.get 0) (i32.rem_u (local.get 0) (i32.const 2)) (local.get 0))))
                (call $fall) drop drop
                (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 4))))
              (local.get 1)))"#,
    );
}

#[test]
fn branches_and_what_cannot_be_reached() {
    step_by_step(
        r#"(module
            (func $side (param i32) (result i32)
              (if (result i32) (local.get 0)
                (then (i32.const 1) (br 0) (i32.const 2) (drop) (drop) (unreachable))
                (else (block (br 0) (loop (i32.const 5) (drop) (br 0))) (i32.const 2)))
              (block (result i32) (loop (result i32) (br 1 (i32.const 9))) (i32.const 3) (i32.add))
              (i32.add (block (result i32)
                (loop (br_if 1 (i32.const 2) (local.get 0)) (drop) (local.set 0 (i32.const 1)) (br 0))
                (i32.const 3) (drop) (i32.const 4)))
              (i32.add))
            (func $dead (result i32)
              (if (i32.const 1) (then (return (i32.const 4))) (else (return (i32.const 5))))
              (i32.const 1) (drop) (i32.const 6))
            (func $table (param i32) (result i32)
              (block (block (block (br_table 0 1 2 (local.get 0)) (i32.const 1) (drop)) (return (i32.const 10)))
                (return (i32.const 20)))
              (i32.const 30))
            (func (export "go") (result i32) (local i32 i32)
              (loop
                (local.set 1 (i32.add (i32.add (local.get 1) (call $side (i32.and (local.get 0) (i32.const 1))))
                  (i32.add (call $dead) (call $table (local.get 0)))))
                (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 4))))
              (local.get 1)))"#,
    );
}

#[test]
fn bulk_instructions_cost_what_they_go_over() {
    step_by_step(
        r#"(module (memory (export "memory") 2) (data $d "0123456789") (table $t 20 funcref) (elem $e func 0 0 0)
            (func (export "go") (result i32) (local i32 i32) (local.set 1 (i32.const 30))
              (memory.fill (i32.const 0) (i32.const 1) (i32.const 100))
              (memory.fill (i32.const 200) (i32.const 2) (i32.const 128))
              (memory.fill (i32.const 400) (i32.const 1) (i32.const 129))
              (memory.fill (i32.const 0) (i32.const 1) (local.get 0))
              (memory.copy (i32.const 0) (i32.const 9) (local.get 1))
              (memory.copy (i32.const 0) (i32.const 9) (i32.load8_u (i32.const 5)))
              (memory.init $d (i32.const 0) (i32.const 2) (i32.const 7))
              (table.fill $t (i32.const 0) (ref.func 0) (i32.const 5))
              (table.copy $t $t (i32.const 1) (i32.const 0) (i32.load8_u (i32.const 5)))
              (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 3))
              (drop (table.grow $t (ref.func 0) (i32.const 3)))
              (drop (table.grow $t (ref.func 0) (i32.load8_u (i32.const 5))))
              (drop (memory.grow (i32.const 1)))
              (drop (memory.grow (i32.load8_u (i32.const 5))))
              (data.drop $d) (elem.drop $e)
              (i32.add (memory.size) (table.size $t))))"#,
    );
}

#[test]
fn a_gigabyte_at_one_instruction_is_stopped() {
    let text = r#"(module (memory 1)
        (func (export "go") (param i32)
          (loop (memory.fill (i32.const 0) (i32.const 1) (i32.sub (local.get 0) (i32.const -0x40000000))) (br 0))))"#;
    assert_eq!(Sides::metered().text(text, "go", PLENTY).end, Err(Trap::OutOfFuel));
}

#[test]
fn traps_leave_behind_what_calls_had_stored() {
    for trapping in [
        "unreachable",
        "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
        "(drop (i32.load (i32.const -1)))",
        "(drop (i32.load offset=0xffffffff (i32.const 0)))",
        "(drop (i32.load offset=0xfffffffc (i32.const 4)))",
        "(drop (i32.load $small offset=65533 (i32.const 0)))",
        "(drop (v128.load64_lane $small offset=65529 0 (i32.const 0) (v128.const i64x2 0 0)))",
        "(call_indirect (i32.const 3))",
        "(call_indirect (i32.const 0))",
        "(memory.fill (i32.const 65536) (i32.const 0) (i32.load8_u (i32.const 1)))",
        "(memory.fill (i32.const 65530) (i32.const 0) (i32.const 200))",
        "(table.set (i32.const 9) (ref.null func))",
        "(if (i32.const 1) (then (drop (i32.const 1)) unreachable))",
    ] {
        let text = format!(
            r#"(module (memory 1) (memory $small 1 1) (table 1 funcref) (data (i32.const 1) "\10")
                (func $call (drop (i32.const 1)))
                (func $deep (param i32)
                  (call $call) (drop (i32.const 1)) (drop (i32.const 1))
                  (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))))
                  (drop (i32.const 1)) {trapping} (drop (i32.const 1)))
                (func (export "go") (call $deep (i32.const 3))))"#
        );
        let ended = all(&text);
        assert!(ended.end.is_err(), "{trapping}");
        step_by_step(&text);
    }
}

#[test]
fn recursion_ends_by_fuel() {
    let text = r#"(module (func $go (export "go") (param i32) (result i32)
        (if (result i32) (i32.eq (local.get 0) (i32.const -1)) (then (i32.const 1))
          (else (return_call $go (i32.add (local.get 0) (i32.const 1)))))))"#;
    assert_eq!(all(text).end, Err(Trap::OutOfFuel));
}

#[test]
fn loops_without_calls_end_by_fuel() {
    for body in [
        "(loop (br 0))",
        "(loop (block (br_table 1 1 (i32.const 0))))",
        "(loop (loop (br 1)))",
        "(loop (i32.const 0) (if (then) (else (br 1))))",
    ] {
        let text = format!(r#"(module (func (export "go") {body}))"#);
        assert_eq!(all(&text).end, Err(Trap::OutOfFuel), "{body}");
    }
}

#[test]
fn what_a_module_costs_before_it_starts() {
    let start = r#"(func $init (drop (i32.const 1))) (start $init)"#;
    let data = r#"(data (i32.const 0) "abc")"#;
    for (parts, expected) in [
        ("", 0),
        (data, 0),
        (start, 4),
        (&*format!("{start} {data}"), 4),
        (r#"(global funcref (ref.func $go))"#, 1),
        (r#"(global i32 (i32.add (i32.const 1) (i32.const 2)))"#, 1),
        (&*format!("(global i32 (i32.add (i32.const 1) (i32.const 2))) {start}"), 7),
        (&*format!("(global i32 (i32.add (i32.const 1) (i32.const 2))) {start} {data}"), 4),
        (r#"(elem func $go $go)"#, 1),
        (r#"(elem funcref (ref.func $go) (ref.null func))"#, 1),
        (&*format!("(elem funcref (ref.func $go) (ref.null func)) {start}"), 6),
        (r#"(elem (i32.const 0) $go $go)"#, 0),
        (r#"(elem (i32.add (i32.const 0) (i32.const 1)) $go $go)"#, 1),
        (&*format!("(elem (i32.add (i32.const 0) (i32.const 1)) $go $go) {start}"), 9),
        (&*format!("(elem (i32.const 0) funcref (ref.func $go)) (elem (i32.const 1) $go) {start}"), 9),
        (r#"(data (i32.add (i32.const 0) (i32.const 1)) "abc")"#, 7),
        (&*format!(r#"(data (i32.add (i32.const 0) (i32.const 1)) "abc") {data} {start}"#), 14),
        (r#"(data (i32.const 0) "a") (data (i32.const 33554432) "b")"#, 5),
        (r#"(data (i32.const 0) "a") (data (i32.const 16777215) "b")"#, 5),
        (r#"(data (i32.const 0) "a") (data (i32.const 16777214) "b")"#, 0),
        // A memory without contents beside one that has some.
        (&*format!("(memory 1) {data}"), 1),
        (&*format!("(memory 1) {start} {data}"), 4),
        (r#"(memory 1) (data (memory 1) (i32.const 0) "abc") (data (i32.const 0) "abc")"#, 0),
        (r#"(table 300 funcref) (elem (table 1) (i32.const 299) func $go)"#, 0),
        (&*format!("(elem (i32.add (i32.const 0) (i32.const 0)) func {})", "$go ".repeat(9)), 1),
    ] {
        let text = format!(r#"(module (memory 600) (table 9 funcref) {parts} (func $go (export "go")))"#);
        let sides = Sides::metered();
        let bounds = Bounds { table_elements: 3_000_000, ..PLENTY };
        let ended = sides.text(&text, "go", bounds);
        assert_eq!(ended.fuel, Some(expected + 1), "{parts}");
        for fuel in 0..20 {
            sides.text(&text, "go", Bounds { fuel, ..bounds });
        }
    }
}

#[test]
fn functions_with_all_the_locals_there_may_be() {
    for count in [49_996, 49_997, 49_998, 49_999, 50_000] {
        let text = format!(
            r#"(module (memory 1)
                (func $call (param f64) (result f64) (local {locals})
                  (memory.fill (i32.const 0) (i32.const 1) (i32.load8_u (i32.const 0)))
                  (f64.add (local.get 0) (f64.mul (f64.const inf) (f64.const 0))))
                (func (export "go") (result f64) (call $call (call $call (f64.const 1)))))"#,
            locals = "i64 ".repeat(count - 1)
        );
        for options in [
            Options { fuel: true, canonical_nans: true, ..Options::default() },
            Options { fuel: true, ..Options::default() },
        ] {
            let sides = Sides::new(options);
            let ready = sides.ready(&wat::parse_str(&text).unwrap());
            for fuel in [1, 5, 13, 14, 1000] {
                ready.both("go", Bounds { fuel, ..PLENTY });
            }
        }
    }
}

#[test]
fn huge_tables_of_branches() {
    let labels = "0 ".repeat(60_000);
    let text = format!(
        r#"(module (func (export "go") (result i32) (local i32)
            (loop (block (br_table {labels} 1 (local.get 0)))
              (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 5))))
            (local.get 0)))"#
    );
    all(&text);
}

#[test]
fn a_function_that_would_be_too_large_is_an_error() {
    let text = format!(r#"(module (func (export "go") {}))"#, "(loop (br_if 0 (i32.const 0)))".repeat(700_000));
    let binary = wat::parse_str(text).unwrap();
    validate(&binary);
    let options = Options { fuel: true, ..Options::default() };
    assert!(matches!(instrument(&binary, options), Err(InstrumentError::TooLarge { .. })));
    assert!(instrument(&binary, Options::default()).is_ok());
}

#[test]
fn nans_have_one_bit_pattern() {
    let mut functions = String::new();
    let mut names = Vec::new();
    let mut add = |name: String, result: &str, body: String| {
        functions.push_str(&format!("(func (export \"{name}\") (result {result}) {body})\n"));
        names.push(name);
    };
    for (ty, nan, operators) in [
        ("f32", "(f32.reinterpret_i32 (i32.const 0xffa12345))", ""),
        ("f64", "(f64.reinterpret_i64 (i64.const 0xfff0123456789abc))", ""),
    ] {
        let _ = operators;
        for operator in ["add", "sub", "mul", "div", "min", "max"] {
            add(format!("{ty}.{operator}"), ty, format!("({ty}.{operator} {nan} ({ty}.const 1))"));
        }
        for operator in ["ceil", "floor", "trunc", "nearest", "sqrt", "neg", "abs"] {
            add(format!("{ty}.{operator}"), ty, format!("({ty}.{operator} {nan})"));
        }
        add(format!("{ty}.inf"), ty, format!("({ty}.sub ({ty}.const inf) ({ty}.const inf))"));
        add(format!("{ty}.plain"), ty, format!("({ty}.add ({ty}.const 1.5) ({ty}.const -0))"));
    }
    add("demote".into(), "f32", "(f32.demote_f64 (f64.const -nan:0x123456789abcd))".into());
    add("promote".into(), "f64", "(f64.promote_f32 (f32.const -nan:0x23456))".into());
    for (ty, nan) in [
        ("f32x4", "(v128.const i32x4 0xffa12345 0x3f800000 0x7fa00001 0)"),
        ("f64x2", "(v128.const i64x2 0xfff0123456789abc 0x3ff0000000000000)"),
    ] {
        for operator in ["add", "sub", "mul", "div", "min", "max"] {
            add(format!("{ty}.{operator}"), "v128", format!("({ty}.{operator} {nan} {nan})"));
        }
        for operator in ["ceil", "floor", "trunc", "nearest", "sqrt"] {
            add(format!("{ty}.{operator}"), "v128", format!("({ty}.{operator} {nan})"));
        }
    }
    let nan = "(v128.const i32x4 0xffa12345 0x3f800000 0x7fa00001 0)";
    add("demote.v".into(), "v128", format!("(f32x4.demote_f64x2_zero {nan})"));
    add("promote.v".into(), "v128", format!("(f64x2.promote_low_f32x4 {nan})"));
    let binary = wat::parse_str(format!("(module {functions})")).unwrap();
    let sides = Sides::new(Options { canonical_nans: true, ..Options::default() });
    let ready = sides.ready(&binary);
    for name in names {
        ready.both(&name, PLENTY);
    }
}
