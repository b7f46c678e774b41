//! Cases over core modules: what WebAssembly itself can do to a host.

use wasmill_model::{Input, Interface, LimitKind, Limits, TrapKind as T, Value, VerdictKind as V};

use super::Expected::{self, OneOf, Output, Trap, Verdict as Ends};
use super::{Case, PAGE, endings, guest, memory, no_input, number, time};

fn case(name: &'static str, guest: &'static str, input: Input, expected: Expected) -> Case {
    Case::new(name, Interface::Core, guest, input, expected)
}

pub(super) fn cases() -> Vec<Case> {
    [traps(), endless(), memories(), tables(), arithmetic(), exact_fuel()].concat()
}

fn traps() -> Vec<Case> {
    let trap = |name, guest, kind| case(name, guest, no_input(), Trap(kind));
    vec![
        trap("unreachable", guest!("limits/unreachable.wat"), T::Unreachable),
        trap("div-zero", guest!("limits/div-zero.wat"), T::IntegerDivisionByZero),
        trap("overflow", guest!("limits/overflow.wat"), T::IntegerOverflow),
        trap("oob", guest!("limits/oob.wat"), T::MemoryOutOfBounds),
        trap("table-oob", guest!("limits/table-oob.wat"), T::TableOutOfBounds),
        trap("null-ref", guest!("limits/null-ref.wat"), T::NullReference),
        trap("bad-signature", guest!("limits/bad-signature.wat"), T::BadSignature),
        trap("bad-conversion", guest!("limits/bad-conversion.wat"), T::BadConversionToInteger),
        trap("recurse", guest!("limits/recurse.wat"), T::StackOverflow),
        case("exit-early", guest!("limits/exit-early.wat"), no_input(), OneOf(&[V::GuestError, V::Trap])),
        trap("own-maximum", guest!("limits/own-maximum.wat"), T::Unreachable),
    ]
}

fn endless() -> Vec<Case> {
    let spin = |guest| case("", guest, no_input(), Ends(V::Ok));
    let mut cases = Vec::new();
    cases.extend(spin(guest!("limits/spin.wat")).endless(endings!("spin")));
    cases.extend(spin(guest!("limits/spin-start.wat")).endless(endings!("spin-start")));
    cases.extend(spin(guest!("limits/spin-initialize.wat")).endless(endings!("spin-initialize")));
    cases.push(
        case("fill: little fuel, much time", guest!("limits/fill.wat"), no_input(), Ends(V::TimedOut))
            .within(time(100), LimitKind::Timeout),
    );
    cases
}

/// The limit itself is allowed; what the guest sees past it is -1.
fn memories() -> Vec<Case> {
    let ends = |name, guest, input, pages, expected| {
        case(name, guest, input, expected).within(memory(pages), LimitKind::Memory)
    };
    let (grow, fail) = (guest!("limits/grow.wat"), guest!("limits/grow-or-fail.wat"));
    let two = guest!("limits/two-memories.wat");
    vec![
        ends("grow: to the limit", grow, number(3), 4, Output(Value::Int(1))),
        ends("grow: one page past", grow, number(4), 4, Output(Value::Int(-1))),
        ends("grow: by 4 GiB", grow, number(-1), 4, Output(Value::Int(-1))),
        ends("grow-or-fail: to the limit", fail, number(3), 4, Output(Value::Int(4))),
        ends("grow-or-fail: one page past", fail, number(4), 4, Ends(V::MemoryExceeded)),
        ends("grow-forever", guest!("limits/grow-forever.wat"), no_input(), 16, Ends(V::MemoryExceeded)),
        ends("two-memories: to the limit", two, number(8), 18, Output(Value::Int(18))),
        ends("two-memories: one page past", two, number(8), 17, Ends(V::MemoryExceeded)),
        case("two-memories: one byte past", two, number(8), Ends(V::MemoryExceeded))
            .within(Limits { memory: 18 * PAGE - 1, ..memory(0) }, LimitKind::Memory),
        ends("huge-memory", guest!("limits/huge-memory.wat"), no_input(), 16, Ends(V::MemoryExceeded)),
        case("many-memories: past the limit", guest!("limits/many-memories.wat"), no_input(), Ends(V::MemoryExceeded))
            .within(Limits { instances: 11, ..memory(16) }, LimitKind::Instances),
        case("many-memories: to the limit", guest!("limits/many-memories.wat"), no_input(), Ends(V::Ok))
            .within(Limits { instances: 12, ..memory(16) }, LimitKind::Instances),
    ]
}

fn tables() -> Vec<Case> {
    let ends = |name, guest, input, limits, expected| {
        case(name, guest, input, expected).within(limits, LimitKind::TableElements)
    };
    let elements = |table_elements| Limits { table_elements, ..memory(64) };
    let many = |name, instances, verdict| {
        case(name, guest!("limits/many-tables.wat"), no_input(), Ends(verdict))
            .within(Limits { instances, ..memory(16) }, LimitKind::Instances)
    };
    let (grow, two) = (guest!("limits/table-grow.wat"), guest!("limits/two-tables.wat"));
    vec![
        many("many-tables: past the limit", 11, V::MemoryExceeded),
        many("many-tables: to the limit", 12, V::Ok),
        ends("table-grow: to the limit", grow, number(99), elements(100), Output(Value::Int(100))),
        ends("table-grow: one element past", grow, number(100), elements(100), Ends(V::MemoryExceeded)),
        ends("table-grow: far past", grow, number(2_000_000), memory(64), Ends(V::MemoryExceeded)),
        // An engine may meter the growth before it looks at the limit; or refuse what no 32-bit table can have, without asking for any
        // limit: then the guest, which fails at a -1, has failed by itself.
        ends(
            "table-grow: by 2^32 - 1",
            grow,
            number(-1),
            memory(64),
            OneOf(&[V::MemoryExceeded, V::FuelExhausted, V::Trap]),
        ),
        ends("two-tables: to the limit", two, number(49), elements(100), Output(Value::Int(100))),
        ends("two-tables: two elements past", two, number(50), elements(101), Ends(V::MemoryExceeded)),
        // An element has 8 bytes: a page has 8,192.
        ends("table-grow: to the memory limit", grow, number(8_191), memory(1), Output(Value::Int(8_192))),
        ends("table-grow: past the memory limit", grow, number(8_192), memory(1), Ends(V::MemoryExceeded)),
        ends("huge-table", guest!("limits/huge-table.wat"), no_input(), memory(4_000), Ends(V::MemoryExceeded)),
    ]
}

fn arithmetic() -> Vec<Case> {
    let call = |name, function, list: Vec<Value>, output| Case {
        function: Some(function),
        ..case(name, guest!("core/arith.wat"), Input::Positional(list), Output(output))
    };
    let named = [("b".into(), Value::Int(3)), ("a".into(), Value::Int(2))].into_iter().collect();
    let big = vec![Value::from("9007199254740993"), Value::Int(0)];
    let too_few = call("arith: too few arguments", "add", vec![Value::Int(1)], Value::Null);
    vec![
        call("arith: add", "add", vec![Value::Int(2), Value::Int(3)], Value::Int(5)),
        call("arith: add64", "add64", big, Value::Int(9_007_199_254_740_993)),
        call("arith: mul", "mul", vec![Value::Float(0.1), Value::Int(3)], Value::Float(0.1 * 3.0)),
        call(
            "arith: divmod",
            "divmod",
            vec![Value::Int(17), Value::Int(5)],
            Value::from(vec![Value::Int(3), Value::Int(2)]),
        ),
        Case { input: Input::Named(named), ..call("arith: by name", "add", Vec::new(), Value::Int(5)) },
        Case { expected: Ends(V::InvalidInput), ..too_few },
    ]
}

/// Without a loop or a call nothing looks at the count before the end.
fn exact_fuel() -> Vec<Case> {
    let branch = |name, way, output| case(name, guest!("core/branch.wat"), number(way), Output(Value::Int(output)));
    let add = Input::Positional(vec![Value::Int(2), Value::Int(3)]);
    let add = case("arith: add: exact fuel", guest!("core/arith.wat"), add, Output(Value::Int(5)));
    [
        Case { function: Some("add"), ..add },
        branch("branch: one way: exact fuel", 1, 9),
        branch("branch: the other way: exact fuel", 0, 7),
        case("grow: exact fuel", guest!("limits/grow.wat"), number(3), Output(Value::Int(1))),
    ]
    .map(Case::exact_fuel)
    .into()
}
