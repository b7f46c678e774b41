//! From what a browser says of a trap to its kind. There is nothing but the words: the error of a trap has no code.

use wasmill_model::TrapKind;

/// Words of V8, SpiderMonkey and JavaScriptCore, and what they mean. Looked for in this order, in small letters.
const WORDS: [(&str, TrapKind); 31] = [
    ("unreachable", TrapKind::Unreachable),
    // Active segments, at instantiation.
    ("data segment", TrapKind::MemoryOutOfBounds),
    ("element segment", TrapKind::TableOutOfBounds),
    ("table initializer", TrapKind::TableOutOfBounds),
    // V8 did not always tell a call through an empty slot from one of another type.
    ("function signature mismatch", TrapKind::BadSignature),
    ("null function", TrapKind::NullReference),
    ("indirect call signature mismatch", TrapKind::BadSignature),
    ("call_indirect to a signature that does not match", TrapKind::BadSignature),
    ("indirect call to null", TrapKind::NullReference),
    ("call_indirect to a null", TrapKind::NullReference),
    ("dereferencing a null", TrapKind::NullReference),
    ("null dereference", TrapKind::NullReference),
    ("dereferencing null", TrapKind::NullReference),
    ("out of bounds call_indirect", TrapKind::TableOutOfBounds),
    ("out of bounds table", TrapKind::TableOutOfBounds),
    ("table index", TrapKind::TableOutOfBounds),
    ("table access", TrapKind::TableOutOfBounds),
    ("out-of-bounds table", TrapKind::TableOutOfBounds),
    ("divide by zero", TrapKind::IntegerDivisionByZero),
    ("division by zero", TrapKind::IntegerDivisionByZero),
    ("remainder by zero", TrapKind::IntegerDivisionByZero),
    ("divide result unrepresentable", TrapKind::IntegerOverflow),
    ("integer overflow", TrapKind::IntegerOverflow),
    ("float unrepresentable", TrapKind::BadConversionToInteger),
    ("invalid conversion to integer", TrapKind::BadConversionToInteger),
    ("out of bounds trunc", TrapKind::BadConversionToInteger),
    ("unaligned", TrapKind::Misaligned),
    ("memory access out of bounds", TrapKind::MemoryOutOfBounds),
    ("out of bounds memory", TrapKind::MemoryOutOfBounds),
    ("out-of-bounds memory", TrapKind::MemoryOutOfBounds),
    ("index out of bounds", TrapKind::MemoryOutOfBounds),
];

/// The kind of a `WebAssembly.RuntimeError`.
pub(crate) fn kind(message: &str) -> TrapKind {
    let message = message.to_lowercase();
    WORDS.iter().find(|(words, _)| message.contains(words)).map_or(TrapKind::Other, |(_, kind)| *kind)
}

/// Whether an error says that the stack is used up: V8 and JavaScriptCore throw a `RangeError`, SpiderMonkey an `InternalError`.
pub(crate) fn is_stack_overflow(name: &str, message: &str) -> bool {
    match name {
        "RangeError" => message.contains("call stack"),
        "InternalError" => message.contains("recursion"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_is_understood() {
        use TrapKind::{
            BadConversionToInteger, BadSignature, IntegerDivisionByZero, IntegerOverflow, MemoryOutOfBounds,
            NullReference, Other, TableOutOfBounds, Unreachable,
        };
        for (message, expected) in [
            // V8.
            ("unreachable", Unreachable),
            ("memory access out of bounds", MemoryOutOfBounds),
            ("divide by zero", IntegerDivisionByZero),
            ("remainder by zero", IntegerDivisionByZero),
            ("divide result unrepresentable", IntegerOverflow),
            ("float unrepresentable in integer range", BadConversionToInteger),
            ("table index is out of bounds", TableOutOfBounds),
            ("function signature mismatch", BadSignature),
            ("null function", NullReference),
            ("null function or function signature mismatch", BadSignature),
            (
                "WebAssembly.Instance(): data segment 0 is out of bounds (offset 65536 + size 4 > memory_size 65536 bytes)",
                MemoryOutOfBounds,
            ),
            ("WebAssembly.Instance(): table initializer 0: table index out of bounds", TableOutOfBounds),
            // SpiderMonkey.
            ("unreachable executed", Unreachable),
            ("index out of bounds", MemoryOutOfBounds),
            ("integer divide by zero", IntegerDivisionByZero),
            ("integer overflow", IntegerOverflow),
            ("invalid conversion to integer", BadConversionToInteger),
            ("indirect call to null", NullReference),
            ("indirect call signature mismatch", BadSignature),
            ("table index out of bounds", TableOutOfBounds),
            // JavaScriptCore.
            ("Unreachable code should not be executed (evaluating 'f()')", Unreachable),
            ("Out of bounds memory access (evaluating 'f()')", MemoryOutOfBounds),
            ("Division by zero (evaluating 'f()')", IntegerDivisionByZero),
            ("Integer overflow (evaluating 'f()')", IntegerOverflow),
            ("Out of bounds Trunc operation (evaluating 'f()')", BadConversionToInteger),
            ("call_indirect to a null table entry (evaluating 'f()')", NullReference),
            ("call_indirect to a signature that does not match (evaluating 'f()')", BadSignature),
            ("Out of bounds call_indirect (evaluating 'f()')", TableOutOfBounds),
            ("Out of bounds table access (evaluating 'f()')", TableOutOfBounds),
            ("something new", Other),
        ] {
            assert_eq!(kind(message), expected, "{message}");
        }
    }

    #[test]
    fn a_used_up_stack_is_no_other_range_error() {
        assert!(is_stack_overflow("RangeError", "Maximum call stack size exceeded"));
        assert!(is_stack_overflow("InternalError", "too much recursion"));
        assert!(!is_stack_overflow(
            "RangeError",
            "WebAssembly.Instance(): Out of memory: Cannot allocate Wasm memory for new instance"
        ));
        assert!(!is_stack_overflow("RuntimeError", "call stack"));
    }
}
