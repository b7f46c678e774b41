//! Units from WebAssembly text, inspected.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;
use wasmill_model::{Code, Interface};
use wasmill_unit::{
    Cap, FunctionError, ImportKind, InspectError, LooksLike, Preview, Unit, UnitInfo, missing_import_help,
};

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn inspect(text: &str) -> UnitInfo {
    UnitInfo::inspect(&binary(text)).unwrap()
}

fn refused(text: &str) -> InspectError {
    UnitInfo::inspect(&binary(text)).unwrap_err()
}

fn signatures(info: &UnitInfo) -> Vec<String> {
    info.functions.iter().map(|function| function.signature()).collect()
}

const BYTES: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "allocate") (param i32) (result i32) i32.const 8)
    (func (export "deallocate") (param i32 i32))
    (func (export "process") (param i32 i32 i32) (result i32) local.get 0)
    (func (export "version") (result i32) i32.const 1))"#;

const COMMAND: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")))"#;

/// A component as WIT tools make them: an interface and a function beside it, over named types.
const COMPONENT: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 16)
        (func (export "count") (param i32 i32) (result i32) i32.const 0)
        (func (export "upper") (param i32 i32) (result i32) i32.const 0))
    (core instance $i (instantiate $m))
    (type $word' (record (field "word" string) (field "count" u32)))
    (type $level' (enum "low" "high"))
    (component $inner
        (import "count" (func $count (param "text" string) (result (list (tuple string u32)))))
        (type $word' (record (field "word" string) (field "count" u32)))
        (export $word "word-count" (type $word'))
        (type $level' (enum "low" "high"))
        (export $level "level" (type $level'))
        (export $reexport "count" (func $count)))
    (func $count (param "text" string) (result (list (tuple string u32)))
        (canon lift (core func $i "count") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (instance $api (instantiate $inner (with "count" (func $count))))
    (export "acme:text/words@1.2.0" (instance $api))
    (export $word "word-count" (type $word'))
    (func $upper' (param "words" (list $word)) (result string)
        (canon lift (core func $i "upper") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (export "upper-all" (func $upper')))"#;

#[test]
fn core_functions_have_their_types_and_names() {
    let info = inspect(
        r#"(module
            (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
            (import "host" "thing" (func $thing))
            (memory (export "memory") 1)
            (global (export "limit") i32 (i32.const 1))
            (func (export "add") (param $left i32) (param $right i64) (result i64) (local $sum i64) local.get 1)
            (func (export "pair") (param f32 f64) (result f64 f32) local.get 1 local.get 0)
            (func (export "vector") (param v128) (result v128) local.get 0)
            (func (export "reference") (param funcref))
            (func (export "_initialize")))"#,
    );
    assert_eq!(info.interface, Interface::Core);
    assert_eq!(info.preview, None);
    assert!(!info.is_component);
    assert_eq!(
        signatures(&info),
        ["add(left: i32, right: i64) -> i64", "pair(f32, f64) -> (f64, f32)", "vector(v128) -> v128"]
    );
    let others: Vec<&str> = info.other_exports.iter().map(|name| &**name).collect();
    assert_eq!(others, ["memory", "limit", "reference", "_initialize"]);
    assert_eq!(info.imports.len(), 2);
    assert!(info.imports[0].provided);
    assert!(!info.imports[1].provided);
    assert_eq!(info.imports[1].kind, ImportKind::Function);
    assert!(info.wants.is_empty());
}

#[test]
fn an_abort_of_another_type_is_not_assemblyscripts() {
    let info = inspect(r#"(module (import "env" "abort" (func)))"#);
    assert!(!info.imports[0].provided);
    assert!(missing_import_help("env", "abort").is_some());
}

#[test]
fn names_that_are_there_twice_name_nothing() {
    // The text format cannot say this; the name section can.
    let mut bytes = binary(r#"(module (func (export "f") (param i32 i32 i32)))"#);
    let names = [4, b'n', b'a', b'm', b'e', 2, 12, 1, 0, 3, 0, 1, b'x', 1, 1, b'x', 2, 1, b'y'];
    bytes.push(0);
    bytes.push(names.len() as u8);
    bytes.extend(names);
    let info = UnitInfo::inspect(&bytes).unwrap();
    assert_eq!(signatures(&info), ["f(i32, i32, y: i32)"]);
}

#[test]
fn the_byte_interface_is_one_function() {
    let info = inspect(BYTES);
    assert_eq!(info.interface, Interface::Bytes);
    assert_eq!(signatures(&info), ["process(input: list<u8>) -> list<u8>"]);
    assert_eq!(info.resolve(None).unwrap().unwrap().bare_name(), "process");
    assert!(info.other_exports.iter().any(|name| &**name == "version"));
    // Without one of the four it is a core module.
    assert_eq!(inspect(&BYTES.replace("\"deallocate\"", "\"free\"")).interface, Interface::Core);
    assert_eq!(inspect(&BYTES.replace("\"memory\"", "\"mem\"")).interface, Interface::Core);
}

#[test]
fn commands_of_preview_1_say_what_they_want() {
    let info = inspect(COMMAND);
    assert_eq!(info.interface, Interface::Command);
    assert_eq!(info.preview, Some(Preview::Preview1));
    assert_eq!(info.wants, ["clock", "dirs", "env"]);
    assert!(info.imports.iter().all(|import| import.provided));
    assert_eq!(info.resolve(None), Ok(None));
    assert_eq!(info.resolve(Some("main")), Err(FunctionError::Command));
    assert!(info.functions.is_empty());
    // A `_start` that takes something is just a function.
    assert_eq!(inspect(r#"(module (func (export "_start") (param i32)))"#).interface, Interface::Core);
}

#[test]
fn components_that_export_run_are_commands() {
    let text = |version: &str| {
        format!(
            r#"(component
                (import "wasi:random/random@0.2.3" (instance (export "get-random-u64" (func (result u64)))))
                (import "wasi:http/types@0.2.3" (instance))
                (core module $m (func (export "run") (result i32) i32.const 0))
                (core instance $i (instantiate $m))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance $cli (export "run" (func $run)))
                (export "wasi:cli/run@{version}" (instance $cli))
                (export "other" (func $run)))"#
        )
    };
    let info = inspect(&text("0.2.3"));
    assert_eq!((info.interface, info.preview), (Interface::Command, Some(Preview::Preview2)));
    assert!(info.is_component && info.functions.is_empty());
    assert_eq!(&*info.other_exports[0], "other");
    assert_eq!(info.wants, ["net", "random"]);
    assert!(info.imports.iter().all(|import| import.provided));
    // Randomness is there without the grant, if not the real one; HTTP is not.
    assert!(!info.imports[0].needs_grant && info.imports[1].needs_grant);
    assert_eq!(info.imports[0].kind, ImportKind::Interface);
    let newer = inspect(&text("0.3.0"));
    assert_eq!(newer.interface, Interface::Component);
    assert_eq!(&*newer.functions[0].name, "wasi:cli/run@0.3.0#run");
}

#[test]
fn components_show_their_functions_and_types() {
    let info = inspect(COMPONENT);
    assert_eq!(info.interface, Interface::Component);
    assert_eq!(
        signatures(&info),
        [
            "acme:text/words@1.2.0#count(text: string) -> list<tuple<string, u32>>",
            "upper-all(words: list<word-count>) -> string",
        ]
    );
    assert_eq!(info.types, ["record word-count { word: string, count: u32 }"]);
    for name in ["count", "acme:text/words@1.2.0#count", "words#count", "acme:text/words#count", "words@1.2.0#count"] {
        assert_eq!(&*info.resolve(Some(name)).unwrap().unwrap().name, "acme:text/words@1.2.0#count", "{name}");
    }
    assert!(matches!(info.resolve(None), Err(FunctionError::Needed { candidates }) if candidates.len() == 2));
}

#[test]
fn every_component_type_is_written_as_wit() {
    let info = inspect(
        r#"(component
            (type $flags (flags "a" "b"))
            (import "flags" (type $f (eq $flags)))
            (type $shape (variant (case "none") (case "round" f64)))
            (import "shape" (type $s (eq $shape)))
            (type $nested (record (field "shape" (option $s)) (field "flags" $f)))
            (import "nested" (type $n (eq $nested)))
            (type $alias (list u8))
            (import "blob" (type $b (eq $alias)))
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 16)
                (func (export "f") (param i32) (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func $f (param "a" bool) (param "b" s8) (param "c" u8) (param "d" s16) (param "e" u16) (param "f" s32)
                (param "g" s64) (param "h" u64) (param "i" f32) (param "j" f64) (param "k" char)
                (param "l" (result)) (param "m" (result u8)) (param "n" (result (error string))) (param "o" (tuple u8 string))
                (param "p" (list $n)) (param "q" $b)
                (result (result string (error $s)))
                (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
            (export "all" (func $f)))"#,
    );
    assert_eq!(
        signatures(&info),
        ["all(a: bool, b: s8, c: u8, d: s16, e: u16, f: s32, g: s64, h: u64, i: f32, j: f64, k: char, l: result, \
          m: result<u8>, n: result<_, string>, o: tuple<u8, string>, p: list<nested>, q: blob) -> result<string, shape>"]
    );
    assert_eq!(
        info.types,
        [
            "record nested { shape: option<shape>, flags: flags }",
            "flags flags { a, b }",
            "variant shape { none, round(f64) }",
            "type blob = list<u8>",
        ]
    );
    // Names for types ask for nothing.
    assert!(info.imports.iter().all(|import| import.provided && import.kind == ImportKind::Type));
}

#[test]
fn functions_of_resources_are_shown_but_not_called() {
    let info = inspect(
        r#"(component
            (type $counter' (resource (rep i32)))
            (export $counter "counter" (type $counter'))
            (core module $m (func (export "f") (param i32) (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (func $new (param "start" u32) (result (own $counter)) (canon lift (core func $i "f")))
            (export "[constructor]counter" (func $new))
            (func $next (param "self" (borrow $counter)) (result u32) (canon lift (core func $i "f")))
            (export "[method]counter.next" (func $next))
            (export "take" (func $new))
            (func $plain (param "n" u32) (result u32) (canon lift (core func $i "f")))
            (export "plain" (func $plain)))"#,
    );
    assert_eq!(signatures(&info), ["plain(n: u32) -> u32"]);
    let others: Vec<&str> = info.other_exports.iter().map(|name| &**name).collect();
    assert_eq!(others, ["[constructor]counter", "[method]counter.next", "take"]);
}

#[test]
fn producers_of_nested_modules_are_found_once() {
    let info = inspect(
        r#"(component
            (core module (@producers (language "Rust" "2024") (processed-by "rustc" "1.95.0")))
            (core module (@producers (language "Rust" "2024") (processed-by "clang" "20"))))"#,
    );
    let names: Vec<&str> = info.producers.iter().map(|producer| producer.name.as_str()).collect();
    assert_eq!(names, ["Rust", "rustc", "clang"]);
    assert_eq!(info.producers[1].field, "processed-by");
    assert_eq!(info.producers[1].version, "1.95.0");
}

#[test]
fn functions_are_found_by_the_name_that_is_unique() {
    let info = inspect(
        r#"(module
            (func (export "transform"))
            (func (export "analyse"))
            (func (export "__wbindgen_malloc") (param i32) (result i32) i32.const 0))"#,
    );
    let Err(FunctionError::Unknown { similar, candidates, .. }) = info.resolve(Some("transfrom")) else { panic!() };
    assert_eq!(similar.as_deref(), Some("transform"));
    assert_eq!(candidates.len(), 3);
    let Err(FunctionError::Unknown { similar, .. }) = info.resolve(Some("zzz")) else { panic!() };
    assert_eq!(similar, None);
    let Err(FunctionError::Needed { candidates }) = info.resolve(None) else { panic!() };
    assert_eq!(candidates.len(), 2, "glue is not offered: {candidates:?}");
    let one = inspect(r#"(module (func (export "go")) (func (export "__new")))"#);
    assert_eq!(&*one.resolve(None).unwrap().unwrap().name, "go");
    assert_eq!(&*one.resolve(Some("__new")).unwrap().unwrap().name, "__new");
    assert_eq!(inspect("(module)").resolve(None), Err(FunctionError::None));
    assert_eq!(inspect("(module)").resolve(Some("go")), Err(FunctionError::None));
}

#[test]
fn a_bare_name_in_two_interfaces_is_ambiguous() {
    let info = inspect(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $x (export "go" (func $f)))
            (export "a:b/one@1.0.0" (instance $x))
            (export "a:b/two@1.0.0" (instance $x)))"#,
    );
    let Err(FunctionError::Ambiguous { candidates, .. }) = info.resolve(Some("go")) else { panic!() };
    assert_eq!(candidates.iter().map(|name| &**name).collect::<Vec<_>>(), ["a:b/one@1.0.0#go", "a:b/two@1.0.0#go"]);
    assert_eq!(&*info.resolve(Some("two#go")).unwrap().unwrap().name, "a:b/two@1.0.0#go");
}

#[test]
fn what_is_no_webassembly_is_recognised() {
    let cases: &[(&[u8], LooksLike, &str)] = &[
        (b"", LooksLike::Empty, "no bytes"),
        (b"\x7fELF\x02\x01", LooksLike::Elf, "build it for WebAssembly"),
        (b"PK\x03\x04...", LooksLike::Zip, "unpack"),
        (b"\x1f\x8b\x08", LooksLike::Gzip, "unpack"),
        (b"\n  (module)", LooksLike::WebAssemblyText, ".wat"),
        (b";; a comment\n(component)", LooksLike::WebAssemblyText, ".wat"),
        (b"<!doctype html>", LooksLike::Html, "page"),
        (b"AGFzbQEAAAA=", LooksLike::Base64WebAssembly, "base64"),
        (b"hello", LooksLike::OtherText, "binary"),
        (b"\xff\xfe\x00", LooksLike::Unknown, "binary"),
    ];
    for (bytes, expected, help) in cases {
        let error = UnitInfo::inspect(bytes).unwrap_err();
        assert_eq!(error, InspectError::NotWasm { looks_like: *expected });
        assert_eq!(error.code(), Code::CorruptUnit);
        assert!(error.help().contains(help), "{}", error.help());
    }
}

#[test]
fn proposals_that_are_off_are_named() {
    let cases = [
        (r#"(module (memory 1 2 shared))"#, "threads"),
        (r#"(module (memory i64 1))"#, "memory64"),
        (r#"(module (tag))"#, "exception"),
        (r#"(module (type (struct)))"#, "GC"),
        (r#"(module (func (param externref)))"#, "externref"),
        (r#"(module (func (param (ref func))))"#, "function references"),
        (
            "(module (func (result v128) (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))))",
            "relaxed SIMD",
        ),
    ];
    for (text, feature) in cases {
        let error = refused(text);
        assert_eq!(error.code(), Code::UnsupportedUnit, "{text}: {error:?}");
        assert!(error.to_string().contains(feature), "{text}: {error}");
        assert!(matches!(error, InspectError::UnsupportedFeature { .. }), "{text}: {error:?}");
    }
    // What is on.
    inspect(
        r#"(module
            (memory 1) (memory 1) (table 1 funcref)
            (func $f (result i32 i64) i32.const 0 i32.extend8_s i64.const 0)
            (func (result i32 i64) return_call $f)
            (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (drop (i32.trunc_sat_f32_s (f32.const 0))))
            (func (result v128) v128.const i64x2 0 0)
            (global i32 (i32.add (i32.const 1) (i32.const 2))))"#,
    );
}

#[test]
fn broken_binaries_say_where() {
    let whole = binary(BYTES);
    let error = UnitInfo::inspect(&whole[..whole.len() - 1]).unwrap_err();
    assert!(matches!(error, InspectError::Truncated { size, .. } if size == whole.len() - 1), "{error:?}");
    assert!(matches!(UnitInfo::inspect(b"\0as"), Err(InspectError::Truncated { .. })));
    assert!(matches!(UnitInfo::inspect(b"\0asm\x01\0"), Err(InspectError::Truncated { .. })));
    let invalid = binary("(module (func (result i32)))");
    let Err(InspectError::Corrupt { offset, message }) = UnitInfo::inspect(&invalid) else { panic!() };
    assert!(offset > 8 && message.contains("type mismatch"), "{message}");
    let version = UnitInfo::inspect(b"\0asm\x02\0\0\0").unwrap_err();
    assert_eq!(version.to_string(), "the binary is WebAssembly version 2, which Wasmill does not run");
    assert!(UnitInfo::inspect(b"\0asm\x0c\0\x01\0").unwrap_err().to_string().contains("draft encoding 12"));
    let mut object = binary("(module)");
    object.extend([0, 9, 7, b'l', b'i', b'n', b'k', b'i', b'n', b'g', 2]);
    assert_eq!(UnitInfo::inspect(&object), Err(InspectError::ObjectFile));
}

#[test]
fn hostile_exports_are_bounded() {
    // One function of many parameters under thousands of names.
    let mut text = String::from("(module (func $f (param");
    text.push_str(&" i32".repeat(255));
    text.push_str("))");
    for index in 0..3_000 {
        text.push_str(&format!("(export \"e{index}\" (func $f))"));
    }
    text.push(')');
    assert!(matches!(refused(&text), InspectError::TooComplex { .. }));
    // Types that double with each level.
    let mut text = String::from("(component (type $t0 (tuple u8 u8))");
    for level in 1..17 {
        text.push_str(&format!("(type $t{level} (tuple $t{0} $t{0}))", level - 1));
    }
    text.push_str(
        r#"(core module $m (memory (export "memory") 1)
            (func (export "r") (param i32 i32 i32 i32) (result i32) i32.const 0) (func (export "f") (param i32)))
        (core instance $i (instantiate $m))
        (func $f (param "x" $t16) (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "r"))))
        (export "f" (func $f)))"#,
    );
    let info = inspect(&text);
    assert!(info.functions[0].params[0].kind.len() < 8192);
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("(module (func {} {}))", "block ".repeat(20_000), "end ".repeat(20_000));
    inspect(&deep);
    // Components in components, made by hand: the text parser would recurse.
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..2000 {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        let mut size = bytes.len();
        loop {
            let more = size >= 0x80;
            outer.push((size & 0x7f) as u8 | if more { 0x80 } else { 0 });
            size >>= 7;
            if !more {
                break;
            }
        }
        outer.append(&mut bytes);
        bytes = outer;
    }
    let _ = UnitInfo::inspect(&bytes);
}

#[test]
fn a_unit_knows_its_digest() {
    let unit = Unit::from_binary(binary(BYTES)).unwrap();
    assert_eq!(unit.digest(), wasmill_model::Digest::of(&unit.bytes()));
    assert_eq!(unit.info().size, unit.bytes().len() as u64);
    assert_eq!(unit.interface(), Interface::Bytes);
}

fn samples() -> Vec<Vec<u8>> {
    [BYTES, COMMAND, COMPONENT].iter().map(|text| binary(text)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn truncation_never_panics(which in 0..3_usize, at in 0.0..1.0_f64) {
        let sample = &samples()[which];
        let at = (sample.len() as f64 * at) as usize;
        prop_assert!(UnitInfo::inspect(&sample[..at]).is_err() || at >= 8);
    }

    #[test]
    fn flips_never_panic(which in 0..3_usize, flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..8)) {
        let mut bytes = samples().swap_remove(which);
        for (index, mask) in flips {
            let at = index.index(bytes.len());
            bytes[at] ^= mask;
        }
        if let Ok(info) = UnitInfo::inspect(&bytes) {
            let _ = info.resolve(None);
            let _ = info.resolve(Some("x"));
        }
    }

    #[test]
    fn noise_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..200), component: bool) {
        let _ = UnitInfo::inspect(&bytes);
        let mut with_header = if component { b"\0asm\x0d\0\x01\0".to_vec() } else { b"\0asm\x01\0\0\0".to_vec() };
        with_header.append(&mut bytes);
        let _ = UnitInfo::inspect(&with_header);
    }
}

/// One unit for each cap, just above it; as small as such a thing can be.
#[test]
fn every_cap_has_a_unit_that_crosses_it() {
    let cases = [
        (Cap::Functions, format!("(module {})", "(func)".repeat(250_001))),
        (Cap::FunctionSize, format!("(module (func {}))", "nop ".repeat((4 << 20) + 1))),
        (Cap::Types, format!("(module {})", "(type (func))".repeat(250_001))),
        (Cap::Parameters, format!("(module (type (func (param{}))))", " i32".repeat(256))),
        (Cap::Results, format!("(module (type (func (result{}))))", " i32".repeat(65))),
        (Cap::Imports, format!("(module {})", "(import \"\" \"\" (func))".repeat(250_001))),
        (Cap::Globals, format!("(module {})", "(global i32 i32.const 0)".repeat(250_001))),
        (Cap::Tables, format!("(module {})", "(table 0 funcref)".repeat(1_001))),
        (Cap::Memories, format!("(module {})", "(memory 0)".repeat(1_001))),
        (Cap::DataSegments, format!("(module {})", "(data \"\")".repeat(100_001))),
        (Cap::ElementSegments, format!("(module {})", "(elem func)".repeat(100_001))),
        (Cap::Modules, format!("(component {})", "(core module)".repeat(1_001))),
        (Cap::Components, format!("(component {})", "(component)".repeat(1_001))),
        (Cap::Depth, format!("{}{}", "(component ".repeat(18), ")".repeat(18))),
        (Cap::Instances, format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(10_001))),
    ];
    let mut crossed: Vec<Cap> = Vec::new();
    let mut check = |cap: Cap, binary: &[u8]| {
        let error = UnitInfo::inspect(binary).unwrap_err();
        assert!(matches!(error, InspectError::TooLarge { cap: found, .. } if found == cap), "{cap:?}: {error:?}");
        assert_eq!(error.code(), Code::UnsupportedUnit);
        assert!(
            error.to_string().contains(&cap.limit().to_string()) && error.to_string().contains(cap.what()),
            "{error}"
        );
        assert!(!error.help().is_empty());
        crossed.push(cap);
    };
    for (cap, text) in &cases {
        check(*cap, &binary(text));
    }
    // What text cannot say in little: sections that are written out.
    let exports: Vec<u8> = (0..250_001_u32)
        .flat_map(|index| [&[3][..], &format!("{index:03x}").as_bytes()[..3], &[0, 0]].concat())
        .collect();
    check(
        Cap::Exports,
        &module(&[(1, &[1, 0x60, 0, 0]), (3, &[1, 0]), (7, &counted(250_001, &exports)), (10, &[1, 2, 0, 0x0b])]),
    );
    let body = |locals: u32| [&[1][..], &leb(locals), &[0x7f, 0x0b]].concat();
    let function = |locals| [&leb(body(locals).len() as u32)[..], &body(locals)].concat();
    let with_bodies = |count: u32, locals: u32| {
        let code = function(locals).repeat(count as usize);
        module(&[(1, &[1, 0x60, 0, 0]), (3, &counted(count, &vec![0; count as usize])), (10, &counted(count, &code))])
    };
    check(Cap::FunctionLocals, &with_bodies(1, 20_001));
    check(Cap::Locals, &with_bodies(251, 20_000));
    check(Cap::Size, &[&b"\0asm\x01\0\0\0"[..], &vec![0; 256 << 20]].concat());
    let alias = [0, 0, 1, 0, 1, b'f'];
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    component.extend(section(6, &counted(500_001, &alias.repeat(500_001))));
    check(Cap::Adapters, &component);
    crossed.sort_by_key(|cap| *cap as u8);
    assert_eq!(crossed, Cap::ALL, "every cap is crossed once");

    // At the caps themselves nothing is refused.
    assert!(UnitInfo::inspect(&with_bodies(250, 20_000)).is_ok());
    assert!(UnitInfo::inspect(&binary(&format!("(component {})", "(core module)".repeat(1_000)))).is_ok());
    assert!(UnitInfo::inspect(&binary(&format!("{}{}", "(component ".repeat(17), ")".repeat(17)))).is_ok());
}

/// A count that the bytes cannot hold is broken, not large.
#[test]
fn a_section_that_lies_about_its_count_is_corrupt() {
    let error = UnitInfo::inspect(&module(&[(1, &leb(4_000_000_000))])).unwrap_err();
    assert!(matches!(error, InspectError::Corrupt { .. }), "{error:?}");
}

fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn counted(count: u32, items: &[u8]) -> Vec<u8> {
    [&leb(count)[..], items].concat()
}

fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(contents.len() as u32), contents].concat()
}

fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, contents) in sections {
        bytes.extend(section(*id, contents));
    }
    bytes
}
