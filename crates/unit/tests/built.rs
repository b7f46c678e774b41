//! Units that say what they were built from: the section, what is read of it, and hostile ones.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::prelude::*;
use wasmill_model::{Digest, Interface, Language};
use wasmill_unit::{BUILT_SECTION, BuiltFunction, InspectError, Interpreter, Parameter, Unit};

/// A unit of the C ABI, without a body that matters.
fn bytes_unit() -> Vec<u8> {
    wat::parse_str(
        r#"(module (memory (export "memory") 1)
            (func (export "allocate") (param i32) (result i32) i32.const 8)
            (func (export "deallocate") (param i32 i32))
            (func (export "process") (param i32 i32 i32) (result i32) i32.const 0))"#,
    )
    .unwrap()
}

fn function(params: &[(&str, bool)]) -> BuiltFunction {
    let params = params
        .iter()
        .map(|(name, optional)| Parameter { name: Some((*name).into()), kind: "any".to_owned(), optional: *optional })
        .collect();
    BuiltFunction { params, ..BuiltFunction::new(Language::Rust, Some("total".into())) }
}

fn with(content: &[u8]) -> Result<Unit, InspectError> {
    let mut binary = bytes_unit();
    let size = 1 + BUILT_SECTION.len() + content.len();
    binary.push(0);
    for place in 0..5 {
        binary.push(((size >> (7 * place)) & 0x7f) as u8 | if place < 4 { 0x80 } else { 0 });
    }
    binary.push(BUILT_SECTION.len() as u8);
    binary.extend_from_slice(BUILT_SECTION.as_bytes());
    binary.extend_from_slice(content);
    Unit::from_binary(binary)
}

#[test]
fn a_unit_is_called_as_its_section_says() {
    let mut binary = bytes_unit();
    let plain = Unit::from_binary(binary.clone()).unwrap();
    assert!(plain.info().built.is_none());
    binary.extend(function(&[("rows", false), ("limit", true)]).to_section());
    let unit = Unit::from_binary(binary.clone()).unwrap();
    assert_eq!((unit.digest(), unit.interface()), (Digest::of(&binary), Interface::Bytes));
    let signature = unit.info().resolve(None).unwrap().unwrap().signature();
    assert_eq!(signature, "total(rows: any, limit?: any)");
    assert!(unit.info().resolve(Some("total")).is_ok() && unit.info().resolve(Some("process")).is_err());
    assert!(unit.info().takes_parameters() && !plain.info().takes_parameters());
    // What an engine runs is what is really exported, of the same bytes.
    assert_eq!(unit.plain().digest(), unit.digest());
    assert!(unit.plain().info().resolve(Some("process")).is_ok());
}

#[test]
fn a_script_is_a_unit_of_its_own_on_the_code_of_its_interpreter() {
    let binary = bytes_unit();
    let interpreter = Interpreter::from_hashed(wasmill_unit::HashedBytes::new(binary.clone())).unwrap();
    let script = |text: &str| BuiltFunction { script: Some(text.into()), ..function(&[]) };
    let (one, other) = (interpreter.with(script("one")), interpreter.with(script("other")));
    assert_ne!(one.digest(), other.digest());
    for unit in [&one, &other] {
        // The digest is that of the file that it would be, and the code is the interpreter's.
        assert_eq!((unit.digest(), unit.info().size), (Digest::of(&unit.bytes()), unit.bytes().len() as u64));
        assert_eq!(unit.plain().digest(), Digest::of(&binary));
        assert_eq!(unit.plain().bytes(), binary);
        let read = Unit::from_binary(unit.bytes()).unwrap();
        assert_eq!((read.info(), read.plain().info()), (unit.info(), unit.plain().info()));
    }
    let whole =
        interpreter.with(BuiltFunction { script: Some("x".into()), ..BuiltFunction::new(Language::Python, None) });
    assert_eq!(whole.info().resolve(None), Ok(None));
    assert!(whole.info().resolve(Some("main")).unwrap_err().to_string().contains("run as a whole"));
}

#[test]
fn what_a_section_cannot_be_is_refused() {
    let wrong = |content: &str| with(content.as_bytes()).unwrap_err().to_string();
    assert!(with(br#"{"protocol": 1, "language": "go"}"#).is_ok());
    for (content, words) in [
        ("", "not valid"),
        ("{", "not valid"),
        ("[]", "not valid"),
        (r#"{"protocol": 2, "language": "go"}"#, "protocol 2"),
        (r#"{"protocol": 1, "language": "cobol"}"#, "not valid"),
        (r#"{"protocol": 1, "language": "go", "more": 1}"#, "not valid"),
        (r#"{"protocol": 1, "language": "go", "params": [{"type": "any"}]}"#, "a name of its own"),
        (
            r#"{"protocol": 1, "language": "go", "params": [{"name": "a", "type": "any"}, {"name": "a", "type": "int"}]}"#,
            "a name of its own",
        ),
    ] {
        assert!(wrong(content).contains(words), "{content}: {}", wrong(content));
    }
    let long = format!(r#"{{"protocol": 1, "language": "go", "name": "{}"}}"#, "x".repeat(5_000));
    assert!(wrong(&long).contains("too long"), "{}", wrong(&long));
    let many: Vec<String> = (0..1_001).map(|number| format!(r#"{{"name": "p{number}", "type": "any"}}"#)).collect();
    assert!(
        wrong(&format!(r#"{{"protocol": 1, "language": "go", "params": [{}]}}"#, many.join(","))).contains("too many")
    );
    // Deep JSON is an error, and no end of the stack.
    assert!(wrong(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))).contains("not valid"));
    // Only the last section counts: another one after it makes it a note.
    let mut binary = bytes_unit();
    binary.extend(function(&[]).to_section());
    binary.extend(b"\0\x02\x01x");
    assert!(Unit::from_binary(binary).unwrap().info().built.is_none());
}

proptest! {
    #[test]
    fn no_section_makes_a_panic(content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = with(&content);
    }
}
