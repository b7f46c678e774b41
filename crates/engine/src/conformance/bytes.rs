//! Cases over the C ABI: everything that a guest can say about pointers and lengths.

use wasmill_model::{Input, Interface, LimitKind, Limits, OutputFormat, TrapKind as T, Value, VerdictKind as V};

use super::Expected::{self, OneOf, Output, Trap, Verdict as Ends};
use super::{Case, endings, fuel, guest, memory, text};

fn case(name: &'static str, guest: &'static str, input: Input, expected: Expected) -> Case {
    Case::new(name, Interface::Bytes, guest, input, expected)
}

fn bytes(bytes: &'static [u8]) -> Expected {
    Output(Value::Bytes(bytes.into()))
}

pub(super) fn cases() -> Vec<Case> {
    [pointers(), endless(), outputs()].concat()
}

fn pointers() -> Vec<Case> {
    let call = |name, guest, expected| case(name, guest, text("x"), expected);
    vec![
        call("null-result", guest!("limits/null-result.wat"), Ends(V::GuestError)),
        call("null-allocate", guest!("limits/null-allocate.wat"), Ends(V::GuestError)),
        call("wrapping-pointer", guest!("limits/wrapping-pointer.wat"), Trap(T::InvalidAbi)),
        call("negative-pointer", guest!("limits/negative-pointer.wat"), Trap(T::InvalidAbi)),
        call("huge-output", guest!("limits/huge-output.wat"), Trap(T::InvalidAbi)),
        call("out-of-memory-pointer", guest!("limits/out-of-memory-pointer.wat"), Trap(T::InvalidAbi)),
        case("negative-allocate", guest!("limits/negative-allocate.wat"), text("12345"), Trap(T::InvalidAbi)),
        case("overlap", guest!("bytes/overlap.wat"), text("abc"), bytes(b"bc")),
        case("overlap: to nothing", guest!("bytes/overlap.wat"), text("a"), bytes(b"")),
        case("one-place", guest!("bytes/one-place.wat"), text("abcdef"), bytes(b"\x06\0\0\0ef")),
        case("unaligned", guest!("bytes/unaligned.wat"), text("abc"), bytes(b"abc")),
        case("far-output", guest!("bytes/far-output.wat"), text("abc"), bytes(b"z")),
        call("exit-process", guest!("limits/exit-process.wat"), OneOf(&[V::GuestError, V::Trap])),
        case("reactor", guest!("bytes/reactor.wat"), text("abc"), bytes(b"1")),
        case("recurse-process", guest!("limits/recurse-process.wat"), text("x"), Trap(T::StackOverflow)),
    ]
}

fn endless() -> Vec<Case> {
    let spin = |guest| case("", guest, text("x"), Ends(V::Ok));
    let mut cases = Vec::new();
    cases.extend(spin(guest!("limits/spin-allocate.wat")).endless(endings!("spin-allocate")));
    cases.extend(spin(guest!("limits/spin-process.wat")).endless(endings!("spin-process")));
    cases
}

fn outputs() -> Vec<Case> {
    let (echo, flood) = (guest!("bytes/echo.wat"), guest!("limits/output-flood.wat"));
    let within = |output| Limits { output, ..fuel(100_000_000) };
    let malformed = guest!("limits/malformed-text.wat");
    let as_text = |case| Case { output: OutputFormat::Text, ..case };
    vec![
        case("echo", echo, text("grüße"), bytes("grüße".as_bytes())),
        case("echo: exact fuel", echo, text("grüße"), bytes("grüße".as_bytes())).exact_fuel(),
        case("echo: empty input, empty output", echo, text(""), bytes(b"")),
        case("echo: the limit itself", echo, text("12345"), bytes(b"12345")).within(within(5), LimitKind::Output),
        case("echo: one byte past", echo, text("123456"), Ends(V::OutputExceeded)).within(within(5), LimitKind::Output),
        case("echo: nothing under no output", echo, text(""), bytes(b"")).within(within(0), LimitKind::Output),
        case("output-flood", flood, text("x"), Ends(V::OutputExceeded))
            .within(Limits { output: 1_000, ..memory(2_000) }, LimitKind::Output),
        case("malformed-text: as bytes", malformed, text("x"), bytes(b"a\xc3\x28")),
        as_text(case("malformed-text: as text", malformed, text("x"), Ends(V::GuestError))),
        as_text(case("echo: as text", echo, text("ä"), Output(Value::from("ä")))),
    ]
}
