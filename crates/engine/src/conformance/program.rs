//! Cases over programs: what can be done to a host through WASI preview 1.

use wasmill_model::{Input, Interface, LimitKind, Limits, TrapKind as T, Value, VerdictKind as V};

use super::Expected::{self, OneOf, Output, Trap, Verdict as Ends};
use super::{Cancelled, Case, endings, fuel, guest, real_clock, text, time};

fn case(name: &'static str, guest: &'static str, input: Input, expected: Expected) -> Case {
    Case::new(name, Interface::Command, guest, input, expected)
}

fn bytes(bytes: &'static [u8]) -> Expected {
    Output(Value::Bytes(bytes.into()))
}

pub(super) fn cases() -> Vec<Case> {
    [endless(), endless_in_host(), waiting(), streams(), hostile_calls()].concat()
}

fn endless() -> Vec<Case> {
    let mut cases =
        case("", guest!("limits/spin-program.wat"), text(""), Ends(V::Ok)).endless(endings!("spin-program")).to_vec();
    cases.push(case("recurse-program", guest!("limits/recurse-program.wat"), text(""), Trap(T::StackOverflow)));
    cases
}

/// Guests that compute next to nothing, and have the host work for them.
fn endless_in_host() -> Vec<Case> {
    let spin = |guest, names| case("", guest, text(""), Ends(V::Ok)).endless_in_host(names);
    [
        spin(guest!("limits/spin-random.wat"), endings!("spin-random")),
        spin(guest!("limits/spin-empty-buffers.wat"), endings!("spin-empty-buffers")),
        spin(guest!("limits/spin-subscriptions.wat"), endings!("spin-subscriptions")),
        spin(guest!("limits/spin-poll-nothing.wat"), endings!("spin-poll-nothing")),
        spin(guest!("limits/spin-sched-yield.wat"), endings!("spin-sched-yield")),
    ]
    .concat()
}

/// A guest that waits in the host, by the real clock.
fn waiting() -> Vec<Case> {
    let grants = real_clock();
    let sleep = |name| Case {
        grants: grants.clone(),
        ..case(name, guest!("limits/poll-sleep.wat"), text(""), Ends(V::TimedOut))
    };
    vec![
        sleep("poll-sleep: past the deadline").within(time(20), LimitKind::Timeout),
        sleep("poll-sleep: cancelled before").cancelled(Cancelled::Before),
        sleep("poll-sleep: cancelled in mid-call").cancelled(Cancelled::During),
    ]
}

fn streams() -> Vec<Case> {
    let echo = guest!("command/echo.wat");
    let within = |output| Limits { output, ..fuel(100_000_000) };
    vec![
        case("echo program", echo, text("grüße"), bytes("grüße".as_bytes())),
        case("echo program: empty", echo, text(""), bytes(b"")),
        case("echo program: the limit itself", echo, text("12345"), bytes(b"12345"))
            .within(within(5), LimitKind::Output),
        case("echo program: one byte past", echo, text("123456"), Ends(V::OutputExceeded))
            .within(within(5), LimitKind::Output),
        case("flood-stdout", guest!("limits/flood-stdout.wat"), text(""), Ends(V::OutputExceeded))
            .within(within(1_000_000), LimitKind::Output),
        case("flood-stderr", guest!("limits/flood-stderr.wat"), text(""), Ends(V::LogExceeded))
            .within(Limits { log: 1_000_000, ..fuel(100_000_000) }, LimitKind::Log),
        case("exit-start", guest!("limits/exit-start.wat"), text(""), OneOf(&[V::Ok, V::GuestError, V::Trap])),
        case("silent program", guest!("command/silent.wat"), text(""), bytes(b"")),
        case("malformed-log", guest!("limits/malformed-log.wat"), text(""), bytes(b""))
            .within(Limits { log: 10_000, ..fuel(100_000_000) }, LimitKind::Log),
    ]
}

/// The guests exit with 0 when they were refused, and with 1 when they were not. A host may also end them.
fn hostile_calls() -> Vec<Case> {
    let refused = |name, guest| case(name, guest, text("some input"), OneOf(&[V::Ok, V::Trap]));
    vec![
        refused("write-huge-length", guest!("limits/write-huge-length.wat")),
        refused("write-bad-pointer", guest!("limits/write-bad-pointer.wat")),
        refused("write-many-pieces", guest!("limits/write-many-pieces.wat")),
        refused("read-huge-length", guest!("limits/read-huge-length.wat")),
        refused("read-bad-pointer", guest!("limits/read-bad-pointer.wat")),
        refused("random-huge", guest!("limits/random-huge.wat")),
        refused("args-bad-pointer", guest!("limits/args-bad-pointer.wat")),
        refused("poll-many", guest!("limits/poll-many.wat")),
    ]
}
