//! The conformance kit: what every engine must do with every guest. An engine's tests call [`check`]; an engine that lacks an
//! interface or a limit skips exactly the cases that need it, and says so by its [`EngineInfo`](crate::EngineInfo).
//!
//! One guest a promise, from `guests/`; a case names the guest, the call, the limits and the verdict. The kit names no executor: an
//! engine's tests run it on every one that the engine serves.

mod bytes;
mod component;
mod core;
mod program;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use wasmill_model::{
    Grants, Input, Interface, LimitKind, Limits, OutputFormat, Source, TrapKind, Value, Verdict, VerdictKind,
};
use wasmill_unit::Unit;

use crate::{Binding, Call, Cancel, Enforced, Engine, Outcome};

/// One call and what must come of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The guest's file name, and what the case is about.
    pub name: &'static str,
    /// WebAssembly text.
    pub guest: &'static str,
    /// What the text is.
    pub interface: Interface,
    /// The function, where the unit has several.
    pub function: Option<&'static str>,
    /// What it is called with.
    pub input: Input,
    /// What it may use.
    pub limits: Limits,
    /// What it may do.
    pub grants: Grants,
    /// When it is cancelled.
    pub cancelled: Cancelled,
    /// How a `bytes` output is read.
    pub output: OutputFormat,
    /// The limit without which the case makes no sense for an engine.
    pub needs: Option<LimitKind>,
    /// Whether it is made again with exactly the fuel that it used, and with one unit less.
    pub exact_fuel: bool,
    /// What must come of it.
    pub expected: Expected,
}

/// When a call is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// Never.
    Never,
    /// Before it starts.
    Before,
    /// When it first yields: the guest computes, or waits in the host.
    During,
}

/// What must come of a call.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Success, with this output.
    Output(Value),
    /// This kind of verdict.
    Verdict(VerdictKind),
    /// One of these, where engines may differ.
    OneOf(&'static [VerdictKind]),
    /// This kind of trap.
    Trap(TrapKind),
}

/// The text of a guest.
macro_rules! guest {
    ($path:literal) => {
        include_str!(concat!("../../../../guests/", $path))
    };
}
use guest;

const PAGE: u64 = 65_536;
/// How late a call may end on a machine that is busy with all the other tests. An engine that does not look at the clock is later.
const GRACE: Duration = Duration::from_secs(10);

impl Case {
    fn new(name: &'static str, interface: Interface, guest: &'static str, input: Input, expected: Expected) -> Case {
        Case {
            name,
            guest,
            interface,
            function: None,
            input,
            limits: Limits { fuel: 100_000_000, timeout: Duration::from_secs(60), ..Limits::default() },
            grants: Grants::default(),
            cancelled: Cancelled::Never,
            output: OutputFormat::Bytes,
            needs: None,
            exact_fuel: false,
            expected,
        }
    }

    /// The same call under other limits, for engines that hold this one.
    fn within(self, limits: Limits, needs: LimitKind) -> Case {
        Case { limits, needs: Some(needs), ..self }
    }

    /// The same call, for engines that count fuel: what it uses is enough for it, and one unit less is not.
    fn exact_fuel(self) -> Case {
        Case { exact_fuel: true, ..self }.within(fuel(100_000_000), LimitKind::Fuel)
    }

    /// The same call, cancelled.
    fn cancelled(self, when: Cancelled) -> Case {
        let expected = Expected::Verdict(VerdictKind::Cancelled);
        Case { cancelled: when, expected, ..self }.within(time(60_000), LimitKind::Timeout)
    }

    /// This call ends by fuel, by time, and by cancellation before and in mid-call: all that ends a guest which goes on for ever.
    fn endless(self, names: [&'static str; 4]) -> [Case; 4] {
        let [by_fuel, by_time, before, during] = names;
        let ends = |name, verdict| Case { name, expected: Expected::Verdict(verdict), ..self.clone() };
        [
            ends(by_fuel, VerdictKind::FuelExhausted).within(fuel(1_000_000), LimitKind::Fuel),
            ends(by_time, VerdictKind::TimedOut).within(time(20), LimitKind::Timeout),
            ends(before, VerdictKind::Cancelled).cancelled(Cancelled::Before),
            ends(during, VerdictKind::Cancelled).cancelled(Cancelled::During),
        ]
    }

    /// This call ends by time, and by cancellation before and in mid-call: all that ends a guest whose work the host does. What of it costs
    /// fuel is the engine's choice.
    fn endless_in_host(self, names: [&'static str; 4]) -> Vec<Case> {
        let [_, timed @ ..] = self.endless(names);
        timed.to_vec()
    }
}

/// The names of the four ways in which a guest ends that goes on for ever.
macro_rules! endings {
    ($name:literal) => {
        [
            concat!($name, ": fuel"),
            concat!($name, ": time"),
            concat!($name, ": cancelled before"),
            concat!($name, ": cancelled in mid-call"),
        ]
    };
}
use endings;

fn fuel(fuel: u64) -> Limits {
    Limits { fuel, timeout: Duration::from_secs(60), ..Limits::default() }
}

fn time(millis: u64) -> Limits {
    Limits { fuel: u64::MAX / 4, timeout: Duration::from_millis(millis), ..Limits::default() }
}

fn memory(pages: u64) -> Limits {
    Limits { memory: pages * PAGE, ..fuel(1_000_000_000) }
}

fn real_clock() -> Grants {
    let mut grants = Grants::default();
    grants.clock = Source::Real;
    grants
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
    [core::cases(), bytes::cases(), program::cases(), component::cases()].concat()
}

/// Runs every case on an engine.
///
/// # Errors
/// One line for each case that went another way.
pub async fn check(engine: &dyn Engine) -> Result<usize, Vec<String>> {
    check_these(engine, cases()).await
}

/// Runs some of the [`cases`] on an engine; gives how many made sense for it.
///
/// # Errors
/// One line for each case that went another way.
pub async fn check_these(engine: &dyn Engine, cases: impl IntoIterator<Item = Case>) -> Result<usize, Vec<String>> {
    let mut failures = Vec::new();
    let mut ran = 0;
    for case in cases {
        if !makes_sense(engine, &case) {
            continue;
        }
        ran += 1;
        if let Err(message) = holds(engine, &case).await {
            failures.push(format!("{}: {message}", case.name));
        }
    }
    if failures.is_empty() { Ok(ran) } else { Err(failures) }
}

/// Runs one case, and judges it.
async fn holds(engine: &dyn Engine, case: &Case) -> Result<(), String> {
    let outcome = run(engine, case).await?;
    judge(case, &outcome)?;
    if !case.exact_fuel {
        return Ok(());
    }
    let used = outcome.usage.fuel.filter(|used| *used > 0).ok_or("no fuel was counted")?;
    let with = |fuel, expected| Case { limits: Limits { fuel, ..case.limits.clone() }, expected, ..case.clone() };

    let enough = with(used, case.expected.clone());
    let outcome = run(engine, &enough).await?;
    judge(&enough, &outcome).map_err(|message| format!("with all {used} of fuel that it used: {message}"))?;
    if outcome.usage.fuel != Some(used) {
        return Err(format!("used {used} of fuel, and then {:?}", outcome.usage.fuel));
    }
    let too_little = with(used - 1, Expected::Verdict(VerdictKind::FuelExhausted));
    let outcome = run(engine, &too_little).await?;
    judge(&too_little, &outcome)
        .map_err(|message| format!("with one less than the {used} of fuel that it used: {message}"))
}

/// Whether an engine has what the case is about.
pub fn makes_sense(engine: &dyn Engine, case: &Case) -> bool {
    let info = engine.info();
    let held = |needed| info.limits.iter().any(|(limit, how)| *limit == needed && *how == Enforced::Yes);
    info.interfaces.contains(&case.interface) && case.needs.is_none_or(held)
}

/// Runs one case.
///
/// # Errors
/// Why its guest could not even be prepared.
pub async fn run(engine: &dyn Engine, case: &Case) -> Result<Outcome, String> {
    let binary = wat::parse_str(case.guest).map_err(|error| error.to_string())?;
    let unit = Unit::from_binary(binary).map_err(|error| error.to_string())?;
    if unit.interface() != case.interface {
        return Err(format!("the guest's interface is {}", unit.interface()));
    }
    let binding = Binding {
        function: case.function.map(str::to_owned),
        grants: Arc::new(case.grants.clone()),
        output: case.output,
        ..Binding::default()
    };
    let prepared = engine.prepare(&unit, &binding).await.map_err(|error| error.to_string())?;
    let cancel = Cancel::new();
    if case.cancelled == Cancelled::Before {
        cancel.cancel();
    }
    let call = prepared.call(Call::new(&case.input, &case.limits, &cancel));
    // The call is polled first, so that this happens when it first yields.
    let during = async {
        if case.cancelled == Cancelled::During {
            cancel.cancel();
        }
    };
    Ok(join(call, during).await.0)
}

/// Whether this is what must come of the case.
///
/// # Errors
/// What came of it instead.
pub fn judge(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let found = || {
        let output: String = format!("{:?}", outcome.output).chars().take(200).collect();
        format!("{:?} with output {output}", outcome.verdict)
    };
    if outcome.output.is_some() != outcome.verdict.is_ok() {
        return Err(format!("an output goes with `ok` and nothing else: {}", found()));
    }
    if outcome.usage.peak_memory > case.limits.memory {
        return Err(format!("used {} bytes of memory", outcome.usage.peak_memory));
    }
    let log = outcome.usage.log_bytes.max(outcome.log.len() as u64);
    if log > case.limits.log {
        return Err(format!("kept {log} bytes of log"));
    }
    if outcome.usage.bytes_out > case.limits.output {
        return Err(format!("gave {} bytes of output", outcome.usage.bytes_out));
    }
    if outcome.usage.fuel.is_some_and(|fuel| fuel > case.limits.fuel) {
        return Err(format!("used {:?} of fuel", outcome.usage.fuel));
    }
    if outcome.usage.wall > case.limits.timeout + GRACE {
        return Err(format!("took {:?}", outcome.usage.wall));
    }
    let as_expected = match (&case.expected, &outcome.verdict) {
        (Expected::Output(output), Verdict::Ok) => outcome.output.as_ref() == Some(output),
        (Expected::Verdict(kind), verdict) => verdict.kind() == *kind,
        (Expected::OneOf(kinds), verdict) => kinds.contains(&verdict.kind()),
        (Expected::Trap(kind), Verdict::Trap { kind: found, .. }) => kind == found,
        _ => false,
    };
    if as_expected { Ok(()) } else { Err(found()) }
}
