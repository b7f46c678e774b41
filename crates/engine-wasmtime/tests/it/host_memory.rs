//! What the host holds on a guest's behalf is bounded: little memory of a guest does not become much of the host's.
//!
//! Each test is a process of its own, whose high-water mark the kernel keeps.
#![cfg(target_os = "linux")]

use wasmill_model::{Grants, Input, Limits, Object, OutputFormat, Source, Value, Verdict, VerdictKind};

use crate::units::{built, call, engine, nothing, prepare, prepare_with, status, text, unit};

/// What the host itself may take for one call beyond what the guest's limits allow.
const HOST: u64 = 64 << 20;

/// Calls it, and says how many bytes more than before this process had at once.
async fn peak_of(suite: &str, name: &str, input: Input, limits: &Limits) -> (VerdictKind, u64) {
    let engine = engine();
    let mut grants = Grants::default();
    (grants.clock, grants.random) = (Source::Real, Source::Real);
    let prepared = prepare_with(&engine, &built(suite, name), None, grants, OutputFormat::Bytes).await;
    // The engine's own: warm.
    let noop = prepare(&engine, &built("core", "noop"), None).await;
    call(&noop, nothing(), limits).await;
    let before = status("VmRSS");
    let outcome = call(&prepared, input, limits).await;
    (outcome.verdict.kind(), status("VmHWM").saturating_sub(before))
}

fn limits() -> Limits {
    Limits { output: 1 << 20, log: 1 << 20, ..Limits::default() }
}

/// Under these limits: all the memory that the guest may have, its output and log, and the host's own.
fn allowed(guest_memory: u64) -> u64 {
    guest_memory + limits().output + limits().log + HOST
}

#[tokio::test]
async fn a_huge_list_is_not_copied_before_it_is_refused() {
    let (verdict, peak) = peak_of("limits", "huge-list", nothing(), &limits()).await;
    assert_eq!(verdict, VerdictKind::OutputExceeded);
    assert!(peak < allowed(1 << 20), "{peak} bytes");
}

#[tokio::test]
async fn strings_in_one_place_are_not_copied_each() {
    let (verdict, peak) = peak_of("limits", "aliased-strings", nothing(), &limits()).await;
    assert_eq!(verdict, VerdictKind::OutputExceeded);
    assert!(peak < allowed(2 << 20), "{peak} bytes");
}

#[tokio::test]
async fn lists_in_one_place_are_not_lifted_each() {
    let (verdict, peak) = peak_of("limits", "aliased-lists", nothing(), &limits()).await;
    assert_eq!(verdict, VerdictKind::OutputExceeded);
    assert!(peak < allowed(1 << 16), "{peak} bytes");
}

/// What a value costs the host while it is lifted counts against the memory of the step, whatever its output may have.
#[tokio::test]
async fn lists_in_one_place_cost_no_more_than_the_memory_limit() {
    let limits = Limits::default();
    let (verdict, peak) = peak_of("limits", "aliased-lists", nothing(), &limits).await;
    assert!(matches!(verdict, VerdictKind::OutputExceeded | VerdictKind::MemoryExceeded), "{verdict:?}");
    assert!(peak < limits.memory + limits.output + HOST, "{peak} bytes");
}

#[tokio::test]
async fn text_is_not_converted_before_its_length_is_known() {
    let (verdict, peak) = peak_of("limits", "huge-text-utf16", text("x"), &limits()).await;
    assert_eq!(verdict, VerdictKind::OutputExceeded);
    // The guest never wrote to what it gives, so that it is not resident itself.
    assert!(peak < allowed(1 << 16), "{peak} bytes");
}

/// A step's input is another guest's output, and its types are its own: two that belong together could make much of little.
#[tokio::test]
async fn little_that_goes_in_does_not_become_much() {
    let fields: String = (0..2_000).map(|index| format!("(field \"f{index}\" (option u8))")).collect();
    let wat = format!(
        "(component
           (type $wide' (record {fields})) (import \"wide\" (type $wide (eq $wide')))
           (core module $m (memory (export \"memory\") 1)
             (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 16))
             (func (export \"run\") (param i32 i32)))
           (core instance $i (instantiate $m))
           (func (export \"run\") (param \"rows\" (list $wide))
             (canon lift (core func $i \"run\") (memory (core memory $i \"memory\")) (realloc (core func $i \"realloc\")))))"
    );
    let rows = Value::from(vec![Value::from(Object::default()); 100_000]);
    let prepared = prepare(&engine(), &crate::units::unit(&wat), None).await;
    let before = status("VmRSS");
    let outcome = call(&prepared, Input::Single(rows), &limits()).await;
    let Verdict::InvalidInput { message } = &outcome.verdict else { panic!("{:?}", outcome.verdict) };
    assert!(message.contains("`rows[") && message.contains("256 MiB in the host's memory"), "{message}");
    let peak = status("VmHWM").saturating_sub(before);
    assert!(peak < (256 << 20) + HOST, "{peak} bytes");
}

#[tokio::test]
async fn resources_are_bounded() {
    let (verdict, peak) = peak_of("limits", "many-resources", nothing(), &limits()).await;
    assert_eq!(verdict, VerdictKind::Trap);
    assert!(peak < allowed(0), "{peak} bytes");
}

#[tokio::test]
async fn ten_thousand_handles_are_the_most() {
    let wat = include_str!("../../../../guests/limits/many-pollables.wat");
    let counted = wat
        .replace("(func (export \"run\") (loop $again", "(func (export \"run\") (param $left i32) (loop $again")
        .replace("(br $again)", "(br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))")
        .replace("(func (export \"run\") (canon", "(func (export \"run\") (param \"times\" u32) (canon");
    let prepared = prepare(&engine(), &unit(&counted), None).await;
    // Standard streams and the like are some as well; a timer is two.
    for (times, ok) in [(4_900, true), (5_100, false)] {
        let outcome = call(&prepared, Input::Single(Value::Int(times)), &limits()).await;
        assert_eq!(outcome.verdict.is_ok(), ok, "{times}: {:?}", outcome.verdict);
    }
}

#[tokio::test]
async fn timers_are_bounded() {
    let (verdict, peak) = peak_of("limits", "many-pollables", nothing(), &limits()).await;
    assert_eq!(verdict, VerdictKind::Trap);
    assert!(peak < allowed(0), "{peak} bytes");
}

#[tokio::test]
async fn a_list_of_handles_is_not_amplified() {
    let (verdict, peak) = peak_of("limits", "poll-amplified", nothing(), &limits()).await;
    assert!(matches!(verdict, VerdictKind::Trap | VerdictKind::OutputExceeded), "{verdict:?}");
    assert!(peak < allowed(64 << 20), "{peak} bytes");
}

#[tokio::test]
async fn a_list_of_handles_is_not_amplified_where_text_goes_in_bulk() {
    let (verdict, peak) = peak_of("limits", "poll-amplified-text", text("x"), &limits()).await;
    assert!(matches!(verdict, VerdictKind::Trap | VerdictKind::OutputExceeded), "{verdict:?}");
    assert!(peak < allowed(64 << 20), "{peak} bytes");
}

#[tokio::test]
async fn what_a_program_says_of_lengths_is_not_allocated() {
    for name in ["write-huge-length", "write-many-pieces", "read-huge-length", "random-huge", "poll-many"] {
        let (_, peak) = peak_of("limits", name, text("some input"), &limits()).await;
        assert!(peak < allowed(1 << 16), "{name}: {peak} bytes");
    }
}

#[tokio::test]
async fn floods_are_kept_up_to_their_limit() {
    for name in ["flood-stdout", "flood-stderr"] {
        let (_, peak) = peak_of("limits", name, text(""), &limits()).await;
        assert!(peak < allowed(1 << 17), "{name}: {peak} bytes");
    }
}
