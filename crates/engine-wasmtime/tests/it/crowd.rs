//! Many guests at once, and hostile ones in a row: the healthy ones do not notice, and the process keeps its size.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use wasmill_engine::{Call, Cancel, PreparedUnit};
use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Grants, Input, Limits, OutputFormat, Source, Value, VerdictKind as V};

use crate::units::{built, call, nothing, prepare, prepare_with, text};

fn add(left: i64) -> Input {
    Input::Positional(vec![Value::Int(left), Value::Int(1)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_healthy_guests_finish_beside_64_that_spin() {
    let engine = WasmtimeEngine::new(Settings { slots: 128, ..Settings::default() }).unwrap();
    let spin = prepare(&engine, &built("limits", "spin"), None).await;
    let healthy = prepare(&engine, &built("core", "arith"), Some("add")).await;
    let limits = Limits { fuel: u64::MAX / 4, timeout: Duration::from_secs(1), ..Limits::default() };
    let spinning: Vec<_> = (0..64)
        .map(|_| {
            let (spin, limits) = (spin.clone(), limits.clone());
            tokio::spawn(async move { call(&spin, nothing(), &limits).await.verdict.kind() })
        })
        .collect();
    let working: Vec<_> = (0..1_000)
        .map(|number| {
            let healthy = healthy.clone();
            tokio::spawn(async move { call(&healthy, add(number), &Limits::default()).await.output })
        })
        .collect();
    for (number, working) in working.into_iter().enumerate() {
        assert_eq!(working.await.unwrap(), Some(Value::Int(number as i64 + 1)));
    }
    for spinning in spinning {
        assert_eq!(spinning.await.unwrap(), V::TimedOut);
    }
}

/// Guests of every interface time out, again and again, while one that computes for longer than all of them goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_does_not_trap_the_neighbours() {
    let engine = WasmtimeEngine::new(Settings { slots: 8, ..Settings::default() }).unwrap();
    let cancel = Cancel::new();
    let long = Limits { fuel: u64::MAX / 4, timeout: Duration::from_secs(600), ..Limits::default() };
    let short = Limits { timeout: Duration::from_millis(5), ..long.clone() };
    let spin = prepare(&engine, &built("limits", "spin"), None).await;
    let neighbour = {
        let (spin, cancel, long) = (spin.clone(), cancel.clone(), long.clone());
        tokio::spawn(async move { spin.call(Call::new(&nothing(), &long, &cancel)).await })
    };
    for (name, input) in [("spin-process", text("x")), ("spin-component", nothing()), ("spin-program", text(""))] {
        let stopped = prepare(&engine, &built("limits", name), None).await;
        for _ in 0..10 {
            assert_eq!(call(&stopped, input.clone(), &short).await.verdict.kind(), V::TimedOut, "{name}");
        }
    }
    assert!(!neighbour.is_finished(), "its own limits are far away");
    cancel.cancel();
    assert_eq!(neighbour.await.unwrap().verdict.kind(), V::Cancelled);
}

/// A unit of more memories than a slot of the pool has takes several slots, and all of them when there are no more.
#[tokio::test]
async fn a_unit_that_needs_more_slots_than_there_are_gets_a_turn() {
    let engine = WasmtimeEngine::new(Settings { slots: 1, ..Settings::default() }).unwrap();
    let many = prepare(&engine, &built("limits", "many-memories"), None).await;
    let cancel = Cancel::new();
    // It computes for less than a tick, so it is mostly ready at once; never, when it waits for slots that are not there.
    let outcome = (0..100).find_map(|_| many.call(Call::new(&nothing(), &Limits::default(), &cancel)).now_or_never());
    assert_eq!(outcome.map(|outcome| outcome.verdict.kind()), Some(V::Ok));
}

/// One guest of the soak: what it is called with, under which limits, and how it must end; or its call is dropped.
struct Hostile {
    name: &'static str,
    prepared: Arc<dyn PreparedUnit>,
    input: Input,
    limits: Limits,
    ends: Option<V>,
}

async fn hostile_guests(engine: &WasmtimeEngine) -> Vec<Hostile> {
    let little = Limits {
        memory: 4 << 20,
        fuel: 100_000,
        output: 100_000,
        log: 100_000,
        timeout: Duration::from_secs(600),
        ..Limits::default()
    };
    let hang = Limits { fuel: u64::MAX / 4, timeout: Duration::from_millis(1), ..little.clone() };
    let forever = Limits { fuel: u64::MAX / 4, ..little.clone() };
    let much = Limits { fuel: 100_000_000, ..little.clone() };
    let mut grants = Grants::default();
    grants.clock = Source::Real;
    let mut guests = Vec::new();
    for (name, input, limits, ends) in [
        ("unreachable", nothing(), &little, Some(V::Trap)),
        ("oob", nothing(), &little, Some(V::Trap)),
        ("recurse", nothing(), &little, Some(V::Trap)),
        ("spin", nothing(), &little, Some(V::FuelExhausted)),
        ("spin-start", nothing(), &hang, Some(V::TimedOut)),
        ("spin", nothing(), &forever, None),
        ("grow-forever", nothing(), &little, Some(V::MemoryExceeded)),
        ("table-grow", Input::Positional(vec![Value::Int(99_999)]), &much, Some(V::Ok)),
        ("huge-memory", nothing(), &little, Some(V::MemoryExceeded)),
        ("huge-output", text("x"), &little, Some(V::Trap)),
        ("spin-process", text("x"), &little, Some(V::FuelExhausted)),
        ("malformed-text", text("x"), &little, Some(V::GuestError)),
        ("spin-component", nothing(), &little, Some(V::FuelExhausted)),
        ("bad-char", nothing(), &little, Some(V::Trap)),
        ("spin-program", text(""), &forever, None),
        ("flood-stdout", text(""), &little, Some(V::OutputExceeded)),
        ("flood-stderr", text(""), &little, Some(V::LogExceeded)),
        ("poll-sleep", text(""), &hang, Some(V::TimedOut)),
        ("poll-sleep", text(""), &forever, None),
    ] {
        let prepared = prepare_with(engine, &built("limits", name), None, grants.clone(), OutputFormat::Text).await;
        guests.push(Hostile { name, prepared, input, limits: limits.clone(), ends });
    }
    guests
}

impl Hostile {
    async fn run(&self) {
        let cancel = Cancel::new();
        let call = self.prepared.call(Call::new(&self.input, &self.limits, &cancel));
        match self.ends {
            Some(kind) => assert_eq!(call.await.verdict.kind(), kind, "{}", self.name),
            None => assert_eq!(call.now_or_never(), None, "{}", self.name),
        }
    }
}

/// Guest by guest, as many times as it takes. Next to one another they are dropped in mid-call, time out and trap.
async fn run_all(guests: &[Hostile], count: usize) {
    for guest in guests.iter().cycle().take(count) {
        guest.run().await;
    }
}

/// What the kernel counts of this process.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Size {
    resident: u64,
    files: usize,
    threads: usize,
}

#[cfg(target_os = "linux")]
impl Size {
    fn now() -> Size {
        Size {
            resident: crate::units::status("VmRSS"),
            files: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            threads: std::fs::read_dir("/proc/self/task").unwrap().count(),
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "current_thread")]
async fn ten_thousand_hostile_guests_leave_the_process_as_it_was() {
    const WARM_UP: usize = 1_000;
    const GUESTS: usize = 10_000;
    let engine = WasmtimeEngine::new(Settings { slots: 4, ..Settings::default() }).unwrap();
    let guests = hostile_guests(&engine).await;
    run_all(&guests, WARM_UP).await;
    let before = Size::now();
    run_all(&guests, GUESTS).await;
    let after = Size::now();
    assert!(after.files <= before.files, "{before:?} {after:?}");
    assert!(after.threads <= before.threads, "{before:?} {after:?}");
    // What an allocator keeps for itself; a leak of 1 KiB a guest would be 10 MB.
    assert!(after.resident < before.resident + (8 << 20), "{before:?} {after:?}");
}
