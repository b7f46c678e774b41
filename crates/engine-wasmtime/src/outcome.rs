//! From an engine's error to a verdict: by type and trap code, never by a message's text.

use wasmill_engine::parts::{Deadline, Stop, exit_verdict, final_verdict};
use wasmill_model::{Frame, LimitKind, Limits, TrapKind, Verdict};
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::limiter::Limiter;

/// What a call's error means.
pub(crate) fn verdict(
    error: &wasmtime::Error,
    limiter: &Limiter,
    limits: &Limits,
    deadline: &Deadline,
    denied: Option<Verdict>,
) -> Verdict {
    final_verdict(classify(error, limits, deadline), limiter.tally.refused(), denied)
}

fn classify(error: &wasmtime::Error, limits: &Limits, deadline: &Deadline) -> Verdict {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stop.verdict(limits, deadline);
    }
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return exit_verdict(*code);
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return match trap {
            Trap::OutOfFuel => Verdict::FuelExhausted { limit: limits.fuel },
            trap => Verdict::Trap { kind: trap_kind(*trap), detail: String::new() },
        };
    }
    if error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some() {
        return Verdict::HostError { message: format!("the instance pool is used up: {error}") };
    }
    if is_hostcall_fuel(error) {
        return Verdict::OutputExceeded { limit: limits.output, produced: limits.output.saturating_add(1) };
    }
    if too_many_instances(error) {
        let limit = u64::from(limits.instances);
        return Verdict::MemoryExceeded { of: LimitKind::Instances, limit, wanted: limit.saturating_add(1) };
    }
    // What is left are the rules that wasmtime checks on the host's side of a component's border (bad pointers, text that is not
    // UTF-8, unknown cases), and failures of instantiation.
    Verdict::Trap { kind: TrapKind::InvalidAbi, detail: error.root_cause().to_string() }
}

/// Whether a component gave more data than the call's budget for copies. The type is private to wasmtime, so its name is all that
/// can be asked for; the hostile guest `huge-list` fails the tests when that changes.
fn is_hostcall_fuel(error: &wasmtime::Error) -> bool {
    format!("{:?}", error.root_cause()) == "HostcallFuelExhausted"
}

/// Whether a unit has more instances, memories or tables than the limit. wasmtime says this in words only; the hostile guest
/// `many-instances` fails the tests when they change.
fn too_many_instances(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().starts_with("resource limit exceeded: ")
}

fn trap_kind(trap: Trap) -> TrapKind {
    match trap {
        Trap::UnreachableCodeReached => TrapKind::Unreachable,
        Trap::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapKind::TableOutOfBounds,
        Trap::IndirectCallToNull | Trap::NullReference => TrapKind::NullReference,
        Trap::BadSignature => TrapKind::BadSignature,
        Trap::IntegerOverflow => TrapKind::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapKind::IntegerDivisionByZero,
        Trap::BadConversionToInteger => TrapKind::BadConversionToInteger,
        Trap::StackOverflow => TrapKind::StackOverflow,
        Trap::HeapMisaligned => TrapKind::Misaligned,
        Trap::Interrupt => TrapKind::Interrupted,
        Trap::CannotEnterComponent
        | Trap::CannotLeaveComponent
        | Trap::InvalidChar
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::InvalidDiscriminant
        | Trap::UnalignedPointer => TrapKind::InvalidAbi,
        _ => TrapKind::Other,
    }
}

/// The most frames that are kept.
const MAX_FRAMES: usize = 32;

/// Where a guest failed, innermost frame first.
pub(crate) fn backtrace(error: &wasmtime::Error) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    backtrace
        .frames()
        .iter()
        .take(MAX_FRAMES)
        .map(|frame| {
            let symbol = frame.symbols().first();
            let function = symbol
                .and_then(|symbol| symbol.name())
                .or_else(|| frame.func_name())
                .map_or_else(|| format!("function {}", frame.func_index()), clean_name);
            let source = symbol.and_then(|symbol| {
                let file = symbol.file()?;
                Some(match symbol.line() {
                    Some(line) => format!("{}:{line}", cut(file)),
                    None => cut(file),
                })
            });
            Frame {
                function,
                module: frame.module().name().map(cut),
                offset: frame.module_offset().map(|offset| offset as u64),
                source,
            }
        })
        .collect()
}

/// A readable name: Rust's and C++'s mangled ones as they stand in the source.
fn clean_name(name: &str) -> String {
    let readable = rustc_demangle::try_demangle(name).map(|name| format!("{name:#}")).ok();
    let readable = readable.or_else(|| {
        let symbol = name.starts_with("_Z").then(|| cpp_demangle::Symbol::new(name).ok())??;
        symbol.demangle().ok()
    });
    cut(readable.as_deref().unwrap_or(name))
}

/// A name is the guest's word, and as long as it likes.
fn cut(name: &str) -> String {
    const MAX_NAME: usize = 200;
    name.chars().take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_in_the_source_and_no_longer_than_they_may_be() {
        assert_eq!(clean_name("_ZN4core9panicking5panic17h0123456789abcdefE"), "core::panicking::panic");
        assert_eq!(clean_name("_Z6divideii"), "divide(int, int)");
        assert_eq!(clean_name("_Z no such name"), "_Z no such name");
        assert_eq!(clean_name(&"x".repeat(1 << 20)).len(), 200);
    }
}
