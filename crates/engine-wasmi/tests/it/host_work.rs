//! What the host does for a guest is charged and ends in time, whatever the guest calls; others have their turn meanwhile.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use wasmill_engine::{Call, Cancel, Outcome, PreparedUnit};
use wasmill_model::{DirGrant, DirMode, Grants, Input, Limits, OutputFormat, Value, Verdict, VerdictKind};

use crate::units::{built, call, engine, nothing, prepare, prepare_with, text, unit};

/// What a call may take that is to end after some milliseconds, on a machine that is busy with all the other tests.
const SOON: Duration = Duration::from_secs(5);

/// Guests that compute next to nothing, and have the host work for them.
pub(crate) const SPINNING: [&str; 5] =
    ["spin-random", "spin-empty-buffers", "spin-subscriptions", "spin-poll-nothing", "spin-sched-yield"];

fn long() -> Limits {
    Limits { fuel: u64::MAX / 4, timeout: Duration::from_secs(600), ..Limits::default() }
}

/// Ends by fuel, by time and when it is cancelled.
async fn ends(name: &str, guest: &Arc<dyn PreparedUnit>, input: impl Fn() -> Input) {
    let kind = |outcome: &Outcome| outcome.verdict.kind();
    let little = Limits { fuel: 200_000, ..long() };
    let outcome = call(guest, input(), &little).await;
    assert_eq!(kind(&outcome), VerdictKind::FuelExhausted, "{name}");
    let again = call(guest, input(), &little).await;
    assert_eq!(outcome.usage.fuel, again.usage.fuel, "{name}: fuel does not depend on the clock");
    assert!(outcome.usage.wall < 2 * SOON, "{name}: {:?}", outcome.usage.wall);

    let timed = call(guest, input(), &Limits { timeout: Duration::from_millis(20), ..long() }).await;
    assert_eq!(kind(&timed), VerdictKind::TimedOut, "{name}");
    assert!(timed.usage.wall < SOON, "{name}: {:?}", timed.usage.wall);

    let (input, limits, cancel) = (input(), long(), Cancel::new());
    let running = guest.call(Call::new(&input, &limits, &cancel));
    let outcome = futures_util::future::join(running, async { cancel.cancel() }).await.0;
    assert_eq!(outcome.verdict, Verdict::Cancelled, "{name}");
    assert!(outcome.usage.wall < SOON, "{name}: {:?}", outcome.usage.wall);
}

#[tokio::test(flavor = "current_thread")]
async fn guests_whose_work_the_host_does_end() {
    let engine = engine();
    for name in SPINNING {
        let guest = prepare(&engine, &built("limits", name), None).await;
        ends(name, &guest, || text("")).await;
    }
}

/// A folder of many files, whose end is listed again and again.
#[tokio::test(flavor = "current_thread")]
async fn guests_that_go_through_folders_end() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..2_000 {
        std::fs::write(folder.path().join(number.to_string()), "").unwrap();
    }
    let mut grants = Grants::default();
    grants.dirs.insert(folder.path().to_owned(), DirGrant { at: "/data".to_owned(), mode: DirMode::Ro });
    for (cookie, room) in [(1_999, 100), (0, 60_000)] {
        let lists = unit(&format!(
            r#"(module
            (import "wasi_snapshot_preview1" "fd_readdir" (func $list (param i32 i32 i32 i64 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start") (loop $again
                (drop (call $list (i32.const 3) (i32.const 0) (i32.const {room}) (i64.const {cookie}) (i32.const 65000)))
                (br $again))))"#
        ));
        let lists = prepare_with(&engine(), &lists, None, grants.clone(), OutputFormat::Text).await;
        ends("fd_readdir", &lists, || text("")).await;
    }
}

/// No loop, so that nothing of the guest's own asks for fuel between the calls.
#[tokio::test(flavor = "current_thread")]
async fn calls_in_a_straight_line_end() {
    let calls = "(drop (call $random (i32.const 0) (i32.const 0x100000)))".repeat(2_000);
    let straight = unit(&format!(
        r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 16) (func (export "_start") {calls}))"#
    ));
    ends("straight", &prepare(&engine(), &straight, None).await, || text("")).await;
}

/// Lets everybody else in once. (tokio's own goes on only after some sixty others.)
async fn step_aside() {
    let mut asked = false;
    let once = |context: &mut Context<'_>| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }
    };
    poll_fn(once).await;
}

/// Those that compute finish only because the one that has the host work gives its thread away.
#[tokio::test(flavor = "current_thread")]
async fn others_have_their_turn() {
    let engine = engine();
    let add = unit(r#"(module (func (export "add") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))"#);
    let add = prepare(&engine, &add, Some("add")).await;
    for name in SPINNING {
        let guest = prepare(&engine, &built("limits", name), None).await;
        let cancel = Cancel::new();
        let spinning = {
            let cancel = cancel.clone();
            tokio::spawn(async move { guest.call(Call::new(&text(""), &long(), &cancel)).await })
        };
        let add = add.clone();
        // Spawned as well: a runtime lets a spawned future in many times before it looks at the one that it was entered with.
        let adding = tokio::spawn(async move {
            for round in 0..3 {
                let outcome = call(&add, Input::Positional(vec![Value::Int(round)]), &Limits::default()).await;
                assert_eq!(outcome.output, Some(Value::Int(round + 1)), "{name}");
                step_aside().await;
            }
            cancel.cancel();
        });
        adding.await.unwrap();
        assert_eq!(spinning.await.unwrap().verdict, Verdict::Cancelled, "{name}");
    }
}

/// The fuel of a call of `run` in a module that imports these functions.
async fn fuel(imports: &str, calls: &str, limit: u64) -> (VerdictKind, Option<u64>) {
    let module = unit(&format!(
        r#"(module {imports} (memory (export "memory") 32)
        (func (export "run") {calls}))"#
    ));
    let prepared = prepare(&engine(), &module, Some("run")).await;
    let outcome = call(&prepared, nothing(), &Limits { fuel: limit, ..long() }).await;
    (outcome.verdict.kind(), outcome.usage.fuel)
}

#[tokio::test]
async fn bytes_and_entries_are_charged() {
    const IMPORTS: &str = r#"
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))"#;
    let random = |bytes: u32| format!("(drop (call $random (i32.const 0) (i32.const {bytes})))");
    let write =
        |count: u32| format!("(drop (call $write (i32.const 1) (i32.const 0) (i32.const {count}) (i32.const 8)))");
    let poll = |count: u32| {
        format!("(drop (call $poll (i32.const 0) (i32.const 1000000) (i32.const {count}) (i32.const 2000000)))")
    };
    // A subscription of a descriptor that is not open: gone through as far as there.
    let bad_last =
        |count: u32| format!("(i32.store8 (i32.const {}) (i32.const 9)) {}", 48 * (count - 1) + 8, poll(count));
    let cost = async |calls: String| fuel(IMPORTS, &calls, u64::MAX / 4).await.1.unwrap();

    let none = cost(random(0)).await;
    for (bytes, expected) in [(63, 0), (64, 1), (6_400, 100), (65_536 + 64, 1_025), (1 << 20, 16_384)] {
        assert_eq!(cost(random(bytes)).await - none, expected, "{bytes} bytes");
    }
    let none = cost(write(0)).await;
    for count in [1, 1_000, 100_000] {
        assert_eq!(cost(write(count)).await - none, u64::from(count), "{count} buffers");
    }
    assert_eq!(cost(bad_last(9_001)).await - cost(bad_last(1)).await, 9_000);
    // One argument, the program's name.
    let arguments = "(drop (call $args (i32.const 0) (i32.const 64)))";
    let more = async |call: &str| cost(call.repeat(101)).await - cost(call.to_owned()).await;
    assert_eq!(more(arguments).await - more(&random(0)).await, 100);

    // To the last unit: what is just enough, and one less.
    for calls in [random(1 << 20), random(1 << 16).repeat(20), write(100_000).repeat(5)] {
        let all = cost(calls.clone()).await;
        assert_eq!(fuel(IMPORTS, &calls, all).await, (VerdictKind::Ok, Some(all)));
        assert_eq!(fuel(IMPORTS, &calls, all - 1).await.0, VerdictKind::FuelExhausted);
    }
}
