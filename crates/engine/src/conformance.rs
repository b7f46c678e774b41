//! The conformance kit: what every engine must do with every guest. An engine's tests call [`check`]; an engine that lacks an
//! interface or a limit skips exactly the cases that need it, and says so by its [`EngineInfo`](crate::EngineInfo).
//!
//! One guest a promise, from `guests/`; a case names the guest, the call, the limits and the verdict.

use std::sync::Arc;
use std::time::Duration;

use wasmill_model::{Grants, Input, LimitKind, Limits, OutputFormat, TrapKind, Value, Verdict, VerdictKind};
use wasmill_unit::Unit;

use crate::{Binding, Call, Cancel, Enforced, Engine, Outcome};

/// One call and what must come of it.
pub struct Case {
    /// The guest's file name, and what the case is about.
    pub name: &'static str,
    /// WebAssembly text.
    pub guest: &'static str,
    /// The function, where the unit has several.
    pub function: Option<&'static str>,
    /// What it is called with.
    pub input: Input,
    /// What it may use.
    pub limits: Limits,
    /// How a `bytes` output is read.
    pub output: OutputFormat,
    /// The limit without which the case makes no sense for an engine.
    pub needs: Option<LimitKind>,
    /// What must come of it.
    pub expected: Expected,
}

/// What must come of a call.
pub enum Expected {
    /// Success, with this output.
    Output(Value),
    /// This kind of verdict.
    Verdict(VerdictKind),
    /// This kind of trap.
    Trap(TrapKind),
}

macro_rules! guest {
    ($path:literal) => {
        include_str!(concat!("../../../guests/", $path))
    };
}

const PAGE: u64 = 65_536;

fn case(name: &'static str, guest: &'static str, input: Input, expected: Expected) -> Case {
    Case {
        name,
        guest,
        function: None,
        input,
        limits: Limits { fuel: 100_000_000, timeout: Duration::from_secs(20), ..Limits::default() },
        output: OutputFormat::Bytes,
        needs: None,
        expected,
    }
}

fn no_input() -> Input {
    Input::Positional(Vec::new())
}

fn number(value: i64) -> Input {
    Input::Positional(vec![Value::Int(value)])
}

fn text(value: &str) -> Input {
    Input::Single(Value::from(value))
}

/// Every case.
pub fn cases() -> Vec<Case> {
    use Expected::{Output, Trap, Verdict as Ends};
    use TrapKind as T;
    use VerdictKind as V;

    let trap = |name, guest, kind| case(name, guest, no_input(), Trap(kind));
    let mut cases = vec![
        trap("unreachable", guest!("limits/unreachable.wat"), T::Unreachable),
        trap("div-zero", guest!("limits/div-zero.wat"), T::IntegerDivisionByZero),
        trap("overflow", guest!("limits/overflow.wat"), T::IntegerOverflow),
        trap("oob", guest!("limits/oob.wat"), T::MemoryOutOfBounds),
        trap("table-oob", guest!("limits/table-oob.wat"), T::TableOutOfBounds),
        trap("null-ref", guest!("limits/null-ref.wat"), T::NullReference),
        trap("bad-signature", guest!("limits/bad-signature.wat"), T::BadSignature),
        trap("bad-conversion", guest!("limits/bad-conversion.wat"), T::BadConversionToInteger),
        trap("recurse", guest!("limits/recurse.wat"), T::StackOverflow),
        case("null-result", guest!("limits/null-result.wat"), text("x"), Ends(V::GuestError)),
        case("wrapping-pointer", guest!("limits/wrapping-pointer.wat"), text("x"), Trap(T::InvalidAbi)),
        case("negative-pointer", guest!("limits/negative-pointer.wat"), text("x"), Trap(T::InvalidAbi)),
        case("huge-output", guest!("limits/huge-output.wat"), text("x"), Trap(T::InvalidAbi)),
        case("out-of-memory-pointer", guest!("limits/out-of-memory-pointer.wat"), text("x"), Trap(T::InvalidAbi)),
        case("echo", guest!("bytes/echo.wat"), text("grüße"), Output(Value::Bytes("grüße".into()))),
        case("echo: empty input, empty output", guest!("bytes/echo.wat"), text(""), Output(Value::Bytes("".into()))),
    ];

    let limited = |name, guest, input, needs, limits: Limits, verdict| Case {
        needs: Some(needs),
        limits,
        ..case(name, guest, input, Ends(verdict))
    };
    let fuel = |fuel| Limits { fuel, ..Limits::default() };
    let time = |millis| Limits { fuel: u64::MAX / 4, timeout: Duration::from_millis(millis), ..Limits::default() };
    let memory = |pages: u64| Limits { memory: pages * PAGE, fuel: 1_000_000_000, ..Limits::default() };
    cases.extend([
        limited(
            "spin: fuel",
            guest!("limits/spin.wat"),
            no_input(),
            LimitKind::Fuel,
            fuel(1_000_000),
            V::FuelExhausted,
        ),
        limited("spin: time", guest!("limits/spin.wat"), no_input(), LimitKind::Timeout, time(50), V::TimedOut),
        limited(
            "spin-start: fuel",
            guest!("limits/spin-start.wat"),
            no_input(),
            LimitKind::Fuel,
            fuel(1_000_000),
            V::FuelExhausted,
        ),
        limited(
            "spin-start: time",
            guest!("limits/spin-start.wat"),
            no_input(),
            LimitKind::Timeout,
            time(50),
            V::TimedOut,
        ),
        limited(
            "spin-allocate: fuel",
            guest!("limits/spin-allocate.wat"),
            text("x"),
            LimitKind::Fuel,
            fuel(1_000_000),
            V::FuelExhausted,
        ),
        limited(
            "spin-allocate: time",
            guest!("limits/spin-allocate.wat"),
            text("x"),
            LimitKind::Timeout,
            time(50),
            V::TimedOut,
        ),
        limited(
            "fill: little fuel, much time",
            guest!("limits/fill.wat"),
            no_input(),
            LimitKind::Timeout,
            time(100),
            V::TimedOut,
        ),
        limited(
            "grow-forever",
            guest!("limits/grow-forever.wat"),
            no_input(),
            LimitKind::Memory,
            memory(16),
            V::MemoryExceeded,
        ),
        limited(
            "two-memories: one page past",
            guest!("limits/two-memories.wat"),
            number(8),
            LimitKind::Memory,
            memory(17),
            V::MemoryExceeded,
        ),
        limited(
            "table-grow",
            guest!("limits/table-grow.wat"),
            number(2_000_000),
            LimitKind::TableElements,
            memory(64),
            V::MemoryExceeded,
        ),
        limited(
            "output-flood",
            guest!("limits/output-flood.wat"),
            text("x"),
            LimitKind::Output,
            Limits { output: 1_000, ..memory(2_000) },
            V::OutputExceeded,
        ),
    ]);
    // The limit itself is allowed; what the guest sees past it is -1.
    cases.push(Case {
        limits: memory(4),
        ..case("grow: to the limit", guest!("limits/grow.wat"), number(3), Output(Value::Int(1)))
    });
    cases.push(Case {
        limits: memory(4),
        ..case("grow: one page past", guest!("limits/grow.wat"), number(4), Output(Value::Int(-1)))
    });
    cases.push(Case {
        limits: memory(18),
        ..case("two-memories: to the limit", guest!("limits/two-memories.wat"), number(8), Expected::Verdict(V::Ok))
    });

    let call = |function, list: Vec<Value>, output| Case {
        function: Some(function),
        ..case("arith", guest!("core/arith.wat"), Input::Positional(list), Output(output))
    };
    cases.extend([
        call("add", vec![Value::Int(2), Value::Int(3)], Value::Int(5)),
        call("add64", vec![Value::from("9007199254740993"), Value::Int(0)], Value::Int(9_007_199_254_740_993)),
        call("mul", vec![Value::Float(0.1), Value::Int(3)], Value::Float(0.1 * 3.0)),
        call("divmod", vec![Value::Int(17), Value::Int(5)], Value::from(vec![Value::Int(3), Value::Int(2)])),
    ]);
    let named = [("b".into(), Value::Int(3)), ("a".into(), Value::Int(2))].into_iter().collect();
    cases.push(Case { input: Input::Named(named), ..call("add", Vec::new(), Value::Int(5)) });
    cases.push(Case { expected: Expected::Verdict(V::InvalidInput), ..call("add", vec![Value::Int(1)], Value::Null) });
    cases
}

/// Runs every case on an engine.
///
/// # Errors
/// One line for each case that went another way.
pub async fn check(engine: &dyn Engine) -> Result<usize, Vec<String>> {
    let mut failures = Vec::new();
    let mut ran = 0;
    for case in cases() {
        let held = |needed| engine.info().limits.iter().any(|(limit, how)| *limit == needed && *how == Enforced::Yes);
        if case.needs.is_some_and(|needed| !held(needed)) {
            continue;
        }
        ran += 1;
        match run(engine, &case).await {
            Err(message) => failures.push(format!("{}: {message}", case.name)),
            Ok(outcome) => {
                if let Err(message) = judge(&case, &outcome) {
                    failures.push(format!("{}: {message}", case.name));
                }
            }
        }
    }
    if failures.is_empty() { Ok(ran) } else { Err(failures) }
}

async fn run(engine: &dyn Engine, case: &Case) -> Result<Outcome, String> {
    let binary = wat::parse_str(case.guest).map_err(|error| error.to_string())?;
    let unit = Unit::from_binary(binary).map_err(|error| error.to_string())?;
    let binding = Binding {
        function: case.function.map(str::to_owned),
        grants: Arc::new(Grants::default()),
        output: case.output,
        ..Binding::default()
    };
    let prepared = engine.prepare(&unit, &binding).await.map_err(|error| error.to_string())?;
    let cancel = Cancel::new();
    Ok(prepared.call(Call { input: &case.input, limits: &case.limits, cancel: &cancel }).await)
}

fn judge(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let found = || format!("{:?} with output {:?}", outcome.verdict, outcome.output);
    if outcome.output.is_some() != outcome.verdict.is_ok() {
        return Err(format!("an output goes with `ok` and nothing else: {}", found()));
    }
    if outcome.usage.peak_memory > case.limits.memory {
        return Err(format!("used {} bytes of memory", outcome.usage.peak_memory));
    }
    let as_expected = match (&case.expected, &outcome.verdict) {
        (Expected::Output(output), Verdict::Ok) => outcome.output.as_ref() == Some(output),
        (Expected::Verdict(kind), verdict) => verdict.kind() == *kind,
        (Expected::Trap(kind), Verdict::Trap { kind: found, .. }) => kind == found,
        _ => false,
    };
    if as_expected { Ok(()) } else { Err(found()) }
}
