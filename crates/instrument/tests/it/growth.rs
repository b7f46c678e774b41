//! Memories and tables that grow, within limits and past them.

use wasmill_engine::parts::Refused;
use wasmill_instrument::{Counter, Options, instrument};
use wasmill_model::LimitKind;
use wasmtime::Trap;

use crate::sides::{Bounds, PLENTY, Sides, validate};

const PAGE: u64 = 65_536;

fn sides() -> Sides {
    Sides::new(Options::default())
}

fn said(results: &[&str]) -> Result<Vec<String>, Trap> {
    Ok(results.iter().map(|text| (*text).to_owned()).collect())
}

#[test]
fn two_memories_share_one_limit() {
    let text = r#"(module (memory 1) (memory 1)
        (func (export "go") (result i32 i32 i32 i32)
          (memory.grow 0 (i32.const 3)) (memory.grow 1 (i32.const 3))
          (memory.grow 1 (i32.const 4)) (memory.grow 1 (i32.const 1))))"#;
    let ended = sides().text(text, "go", Bounds { memory: 9 * PAGE, ..PLENTY });
    assert_eq!(ended.end, said(&["I32(1)", "I32(1)", "I32(-1)", "I32(4)"]));
    assert_eq!(ended.refused, Some(Refused { of: LimitKind::Memory, limit: 9 * PAGE, wanted: 12 * PAGE }));
    assert_eq!(ended.peak, 9 * PAGE);
}

#[test]
fn tables_and_memories_share_one_limit() {
    let text = r#"(module (memory 1) (table 0 funcref) (table 8 funcref)
        (func (export "go") (result i32 i32 i32)
          (table.grow 0 (ref.null func) (i32.const 8184))
          (memory.grow (i32.const 1))
          (table.grow 1 (ref.null func) (i32.const 1))))"#;
    let ended = sides().text(text, "go", Bounds { memory: 2 * PAGE, ..PLENTY });
    assert_eq!(ended.end, said(&["I32(0)", "I32(-1)", "I32(-1)"]));
    assert_eq!(ended.peak, 2 * PAGE);
    assert_eq!(ended.refused.map(|refused| refused.wanted), Some(3 * PAGE));
}

#[test]
fn elements_have_a_limit_of_their_own() {
    let text = r#"(module (table 5 funcref) (table 0 funcref)
        (func (export "go") (result i32 i32)
          (table.grow 0 (ref.null func) (i32.const 5)) (table.grow 1 (ref.null func) (i32.const 1))))"#;
    let ended = sides().text(text, "go", Bounds { table_elements: 10, ..PLENTY });
    assert_eq!(ended.end, said(&["I32(5)", "I32(-1)"]));
    assert_eq!(ended.refused, Some(Refused { of: LimitKind::TableElements, limit: 10, wanted: 11 }));
}

#[test]
fn a_maximum_of_its_own_is_no_refusal() {
    let text = r#"(module (memory 1 2) (table 1 2 funcref)
        (func (export "go") (result i32 i32)
          (memory.grow (i32.const 5)) (table.grow 0 (ref.null func) (i32.const 5))))"#;
    let ended = sides().text(text, "go", PLENTY);
    assert_eq!((ended.end, ended.refused), (said(&["I32(-1)", "I32(-1)"]), None));
    // Below the maximum stands the limit: that is one.
    let ended = sides().text(text, "go", Bounds { memory: PAGE + 100, ..PLENTY });
    assert_eq!(ended.refused.map(|refused| refused.wanted), Some(6 * PAGE + 8));
}

#[test]
fn the_greatest_growths_there_are() {
    let text = r#"(module (memory 1) (table 1 funcref)
        (func (export "go") (result i32 i32 i32 i32)
          (memory.grow (i32.const -1)) (table.grow 0 (ref.null func) (i32.const -1))
          (memory.grow (i32.const 0x10000)) (memory.grow (i32.const 0))))"#;
    for memory in [0x1_0008, 1 << 20, 1 << 32, 1 << 40, u64::MAX] {
        let ended = sides().text(text, "go", Bounds { memory, ..PLENTY });
        assert_eq!(ended.end, said(&["I32(-1)", "I32(-1)", "I32(-1)", "I32(1)"]), "{memory}");
    }
}

#[test]
fn growth_for_ever_ends_at_the_limit() {
    let text = r#"(module (memory 0) (memory 0) (table 0 funcref)
        (func (export "go") (result i32) (local i32)
          (loop
            (drop (table.grow (ref.func 0) (i32.const 100)))
            (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
            (br_if 0 (i32.ne (memory.grow 1 (i32.const 1)) (i32.const -1))))
          (i32.add (memory.size) (memory.size 1)))
        (elem declare func 0))"#;
    let ended = sides().text(text, "go", Bounds { memory: 100 * PAGE, ..PLENTY });
    assert!(ended.peak <= 100 * PAGE && ended.peak > 98 * PAGE, "{ended:?}");
}

#[test]
fn without_limits_nothing_grows() {
    let text = r#"(module (memory 0) (func (export "go") (result i32) (memory.grow (i32.const 1))))"#;
    let ended = sides().text(text, "go", Bounds { memory: 0, table_elements: 0, fuel: 0 });
    assert_eq!(ended.end, said(&["I32(-1)"]));
}

#[test]
fn start_functions_wait_for_the_limits() {
    let text = r#"(module (memory (export "m") 1) (global (export "g") (mut i32) (i32.const 0))
        (func $go (global.set 0 (memory.grow (i32.const 3)))) (start $go) (func (export "go") (result i32) (global.get 0)))"#;
    let ended = sides().text(text, "go", PLENTY);
    assert_eq!(ended.end, said(&["I32(1)"]));
    assert_eq!(ended.peak, 4 * PAGE);
}

#[test]
fn no_export_of_a_unit_is_in_the_way() {
    let binary = |text: &str| instrument(&wat::parse_str(text).unwrap(), Options::default()).unwrap();
    let plain = binary(r#"(module (func $go) (start $go))"#);
    assert_eq!((plain.start(), plain.export(Counter::Fuel)), ("wasmill:start".to_owned(), "wasmill:fuel".to_owned()));
    let clash = binary(
        r#"(module (func $go (export "wasmill:start") (export "wasmill__:x") (export "wasmillion")) (start $go))"#,
    );
    validate(&clash.binary);
    assert_eq!(clash.start(), "wasmill___:start");
}

#[test]
fn sizes_at_the_start_are_told() {
    let text = r#"(module (memory 1) (memory 3 9) (table 7 funcref) (table 2 funcref))"#;
    let size = instrument(&wat::parse_str(text).unwrap(), Options::default()).unwrap().size;
    assert_eq!(size.memories, [PAGE, 3 * PAGE]);
    assert_eq!(size.tables, [7, 2]);
    assert_eq!((size.memory(), size.elements()), (4 * PAGE, 9));
}

#[test]
fn what_is_no_module_is_an_error() {
    assert!(instrument(b"", Options::default()).is_err());
    assert!(instrument(b"\0asm\x01\0\0\0\x0a\x05\x01\x03\0\x10", Options::default()).is_err());
}

#[test]
fn names_stay() {
    let binary =
        wat::parse_str(r#"(module $unit (func $grow_it (export "go") (drop (memory.grow (i32.const 1)))) (memory 1))"#);
    let binary = instrument(&binary.unwrap(), Options::default()).unwrap().binary;
    assert!(binary.windows(7).any(|bytes| bytes == b"grow_it"));
}
