//! Cases over components: what can be done to a host by values that it lifts, and by handles that it keeps.

use wasmill_model::{Input, Interface, LimitKind, Limits, OutputFormat, TrapKind as T, Value, VerdictKind as V};

use super::Expected::{self, OneOf, Output, Trap, Verdict as Ends};
use super::{Case, endings, fuel, guest, memory, no_input, number, real_clock, text};

fn case(name: &'static str, guest: &'static str, input: Input, expected: Expected) -> Case {
    Case { output: OutputFormat::Text, ..Case::new(name, Interface::Component, guest, input, expected) }
}

pub(super) fn cases() -> Vec<Case> {
    [endless(), memories(), values(), amplified(), handles()].concat()
}

fn endless() -> Vec<Case> {
    let spin = |guest, input| case("", guest, input, Ends(V::Ok));
    let mut cases = Vec::new();
    cases.extend(spin(guest!("limits/spin-component.wat"), no_input()).endless(endings!("spin-component")));
    cases.extend(spin(guest!("limits/spin-component-start.wat"), no_input()).endless(endings!("spin-component-start")));
    cases.extend(spin(guest!("limits/spin-realloc.wat"), text("x")).endless(endings!("spin-realloc")));
    // An engine that throws the instance away may leave `post-return` uncalled.
    let after = guest!("limits/spin-post-return.wat");
    cases.push(
        case("spin-post-return", after, no_input(), OneOf(&[V::Ok, V::FuelExhausted]))
            .within(fuel(1_000_000), LimitKind::Fuel),
    );
    cases.push(case("recurse-component", guest!("limits/recurse-component.wat"), no_input(), Trap(T::StackOverflow)));
    cases
}

fn memories() -> Vec<Case> {
    let grow = |name, input, expected| {
        case(name, guest!("limits/grow-component.wat"), input, expected).within(memory(4), LimitKind::Memory)
    };
    let many = |name, instances, verdict| {
        case(name, guest!("limits/many-instances.wat"), no_input(), Ends(verdict))
            .within(Limits { instances, ..memory(16) }, LimitKind::Instances)
    };
    vec![
        grow("grow-component: to the limit", number(3), Output(Value::Int(1))),
        grow("grow-component: one page past", number(4), Output(Value::Int(-1))),
        case("huge-memory-component", guest!("limits/huge-memory-component.wat"), no_input(), Ends(V::MemoryExceeded))
            .within(memory(16), LimitKind::Memory),
        many("many-instances: past the limit", 11, V::MemoryExceeded),
        many("many-instances: under the limit", 100, V::Ok),
    ]
}

fn values() -> Vec<Case> {
    let echo = guest!("component/echo.wat");
    let within = |output| Limits { output, ..fuel(100_000_000) };
    let broken = |name, guest| case(name, guest, no_input(), Trap(T::InvalidAbi));
    // `[[…7…]]`
    let json = 2 * DEPTH as u64 + 1;
    let deep = (0..DEPTH).fold(Value::Int(7), |value, _| Value::from(vec![value]));
    vec![
        case("echo component", echo, text("grüße"), Output(Value::from("grüße"))),
        case("echo component: empty", echo, text(""), Output(Value::from(""))),
        case("echo component: the limit itself", echo, text("12345"), Output(Value::from("12345")))
            .within(within(5), LimitKind::Output),
        case("echo component: one byte past", echo, text("123456"), Ends(V::OutputExceeded))
            .within(within(5), LimitKind::Output),
        case(
            "deep: the limit itself",
            guest!("component/deep.wat"),
            Input::Positional(vec![deep.clone()]),
            Output(deep.clone()),
        )
        .within(within(json), LimitKind::Output),
        case(
            "deep: one byte past",
            guest!("component/deep.wat"),
            Input::Positional(vec![deep]),
            Ends(V::OutputExceeded),
        )
        .within(within(json - 1), LimitKind::Output),
        case("deep: too shallow a value", guest!("component/deep.wat"), number(7), Ends(V::InvalidInput)),
        broken("malformed-text-component", guest!("limits/malformed-text-component.wat")),
        broken("bad-char", guest!("limits/bad-char.wat")),
        broken("bad-case", guest!("limits/bad-case.wat")),
        broken("bad-list-pointer", guest!("limits/bad-list-pointer.wat")),
        broken("bad-list-length", guest!("limits/bad-list-length.wat")),
        broken("unaligned-list", guest!("limits/unaligned-list.wat")),
        case("bad-realloc", guest!("limits/bad-realloc.wat"), text("12345"), Trap(T::InvalidAbi)),
    ]
}

/// How deep the type of `deep.wat` is.
const DEPTH: usize = 24;

/// Little memory of the guest, much of the host.
fn amplified() -> Vec<Case> {
    let exceeds = |name, guest| {
        case(name, guest, no_input(), Ends(V::OutputExceeded))
            .within(Limits { output: 1 << 20, ..fuel(1_000_000_000) }, LimitKind::Output)
    };
    vec![
        exceeds("huge-list", guest!("limits/huge-list.wat")),
        exceeds("aliased-strings", guest!("limits/aliased-strings.wat")),
        exceeds("aliased-lists", guest!("limits/aliased-lists.wat")),
        exceeds("aliased-tuples", guest!("limits/aliased-tuples.wat")),
    ]
}

fn handles() -> Vec<Case> {
    let grants = real_clock();
    let ends = |name, guest| Case {
        grants: grants.clone(),
        ..case(name, guest, no_input(), OneOf(&[V::Trap, V::MemoryExceeded]))
    };
    let long = |case: Case| case.within(fuel(10_000_000_000), LimitKind::Fuel);
    vec![
        long(ends("many-resources", guest!("limits/many-resources.wat"))),
        long(ends("many-pollables", guest!("limits/many-pollables.wat"))),
        long(ends("poll-amplified", guest!("limits/poll-amplified.wat"))),
    ]
}
