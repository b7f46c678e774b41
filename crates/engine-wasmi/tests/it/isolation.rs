//! Nothing that a guest leaves behind is seen by another call: not in memories and tables, not on stacks that are used again, not in
//! globals, not through WASI; however the call before ended.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use wasmill_engine::{Call, Cancel, PreparedUnit};
use wasmill_engine_wasmi::WasmiEngine;
use wasmill_model::{Grants, Input, Limits, OutputFormat, Value, Verdict, VerdictKind};

use crate::units::{built, call, engine, nothing, prepare, prepare_with, text, unit};

fn limits() -> Limits {
    Limits { memory: 130 << 16, fuel: 1_000_000_000, timeout: Duration::from_secs(600), ..Limits::default() }
}

/// How a call ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Ok,
    Trap,
    Fuel,
    Timeout,
    Cancelled,
    Dropped,
}

const ENDINGS: [Ending; 6] =
    [Ending::Ok, Ending::Trap, Ending::Fuel, Ending::Timeout, Ending::Cancelled, Ending::Dropped];

impl Ending {
    /// What the guest is told to do.
    fn digit(self) -> i64 {
        match self {
            Ending::Ok => 0,
            Ending::Trap => 1,
            _ => 2,
        }
    }

    async fn bring_about(self, keeper: &Arc<dyn PreparedUnit>, input: Input) {
        let cancel = Cancel::new();
        let mut limits = limits();
        match self {
            Ending::Timeout => (limits.fuel, limits.timeout) = (u64::MAX / 4, Duration::from_millis(30)),
            Ending::Cancelled | Ending::Dropped => limits.fuel = u64::MAX / 4,
            // More than filling everything costs.
            Ending::Fuel => limits.fuel = 30_000_000,
            _ => {}
        }
        let call = keeper.call(Call::new(&input, &limits, &cancel));
        let verdict = match self {
            Ending::Dropped => {
                assert!(call.now_or_never().is_none(), "a guest that goes on for ever yields");
                return;
            }
            Ending::Cancelled => futures_util::future::join(call, async { cancel.cancel() }).await.0.verdict,
            _ => call.await.verdict,
        };
        let expected = match self {
            Ending::Ok => VerdictKind::Ok,
            Ending::Trap => VerdictKind::Trap,
            Ending::Fuel => VerdictKind::FuelExhausted,
            Ending::Timeout => VerdictKind::TimedOut,
            Ending::Cancelled | Ending::Dropped => VerdictKind::Cancelled,
        };
        assert_eq!(verdict.kind(), expected, "{verdict:?}");
    }
}

/// A guest that fills all it has, one that looks for anything, and how they are called.
struct Pair {
    keeper: Arc<dyn PreparedUnit>,
    seeker: Arc<dyn PreparedUnit>,
    input: fn(Ending) -> Input,
    fresh: Value,
    nothing_found: Value,
}

async fn pairs(engine: &WasmiEngine) -> Vec<(&'static str, Pair)> {
    let number: fn(Ending) -> Input = |ending| Input::Positional(vec![Value::Int(ending.digit())]);
    let words: fn(Ending) -> Input = |ending| text(&format!("{}secret of another", ending.digit()));
    // What the keeper is granted and the seeker is not.
    let mut granted = Grants::default();
    granted.env.insert("TOKEN".to_owned(), "secret".to_owned());
    granted.args.push("--password=secret".to_owned());
    let keeper = built("isolation", "keep-program");
    vec![
        (
            "core",
            Pair {
                keeper: prepare(engine, &built("isolation", "keep"), None).await,
                seeker: prepare(engine, &built("isolation", "seek"), None).await,
                input: number,
                fresh: Value::Int(1),
                nothing_found: Value::Int(0),
            },
        ),
        (
            "bytes",
            Pair {
                keeper: prepare(engine, &built("isolation", "keep-bytes"), None).await,
                seeker: prepare(engine, &built("isolation", "seek-bytes"), None).await,
                input: words,
                fresh: Value::from("1"),
                nothing_found: Value::from("0"),
            },
        ),
        (
            "program",
            Pair {
                keeper: prepare_with(engine, &keeper, None, granted, OutputFormat::Text).await,
                seeker: prepare(engine, &built("isolation", "seek-program"), None).await,
                input: words,
                fresh: Value::from("1"),
                nothing_found: Value::from("0"),
            },
        ),
    ]
}

impl Pair {
    async fn seek(&self) -> Option<Value> {
        // The input of the bytes interface may be empty; core and component take none.
        let input = if self.nothing_found == Value::from("0") { text("") } else { nothing() };
        let outcome = call(&self.seeker, input, &limits()).await;
        assert_eq!(outcome.verdict, Verdict::Ok);
        outcome.output
    }
}

/// Every seeker looks after every keeper, of its own interface and of every other, however the keeper ended.
#[tokio::test]
async fn a_guest_finds_nothing_of_another() {
    let engine = engine();
    let pairs = pairs(&engine).await;
    for (kept, keeper) in &pairs {
        for ending in ENDINGS {
            for (sought, seeker) in &pairs {
                ending.bring_about(&keeper.keeper, (keeper.input)(ending)).await;
                let found = seeker.seek().await;
                assert_eq!(
                    found,
                    Some(seeker.nothing_found.clone()),
                    "{sought} after {kept}, which ended by {ending:?}"
                );
            }
        }
    }
}

/// What the test above would see if there were something.
#[tokio::test]
async fn a_seeker_finds_what_is_there() {
    let engine = engine();
    let source = include_str!("../../../../guests/isolation/seek.wat");
    let planted = |what: &str| unit(&source.replace("(memory 1)", &format!("(memory 3) {what} (func $f)")));
    for (what, count) in
        [(r#"(data (i32.const 131000) "secret")"#, 1), ("(elem (table $t) (i32.const 0) func $f)", 1), ("", 0)]
    {
        let seeker = prepare(&engine, &planted(what), None).await;
        assert_eq!(call(&seeker, nothing(), &limits()).await.output, Some(Value::Int(count)), "{what}");
    }
}

/// What the test below would see if there were something.
#[tokio::test]
async fn a_keeper_sees_that_it_is_not_fresh() {
    let engine = engine();
    let source = include_str!("../../../../guests/isolation/keep.wat");
    for (planted, fresh) in
        [(r#"(data (i32.const 65536) "x")"#, 0), ("(elem (table $t) (i32.const 999) func $f)", 0), ("", 1)]
    {
        let keeper = unit(&source.replace("(memory 128)", &format!("(memory 128) {planted}")));
        let keeper = prepare(&engine, &keeper, None).await;
        let input = Input::Positional(vec![Value::Int(0)]);
        assert_eq!(call(&keeper, input, &limits()).await.output, Some(Value::Int(fresh)), "{planted}");
    }
}

#[tokio::test]
async fn no_state_goes_to_the_next_call() {
    let engine = engine();
    for (name, pair) in pairs(&engine).await {
        for ending in ENDINGS {
            ending.bring_about(&pair.keeper, (pair.input)(ending)).await;
            let outcome = call(&pair.keeper, (pair.input)(Ending::Ok), &limits()).await;
            assert_eq!(outcome.output, Some(pair.fresh.clone()), "{name} after {ending:?}: {:?}", outcome.verdict);
        }
    }
}

/// A future that is dropped stops its guest, and leaves nothing running: then a healthy one.
#[tokio::test]
async fn a_dropped_call_is_over() {
    let engine = engine();
    let long = Limits { fuel: u64::MAX / 4, timeout: Duration::from_secs(600), ..Limits::default() };
    let add = prepare(&engine, &built("core", "arith"), Some("add")).await;
    let mut clock = Grants::default();
    clock.clock = wasmill_model::Source::Real;
    for (suite, name, input) in [
        ("limits", "spin", nothing()),
        ("limits", "spin-start", nothing()),
        ("limits", "spin-process", text("x")),
        ("limits", "spin-program", text("")),
        ("limits", "poll-sleep", text("")),
    ] {
        let spin = prepare_with(&engine, &built(suite, name), None, clock.clone(), OutputFormat::Text).await;
        for _ in 0..4 {
            let cancel = Cancel::new();
            let dropped = spin.call(Call::new(&input, &long, &cancel)).now_or_never();
            assert_eq!(dropped, None, "{name}");
        }
        let input = Input::Positional(vec![Value::Int(2), Value::Int(3)]);
        // Less than a slice of fuel: it is ready at once.
        let outcome = add.call(Call::new(&input, &long, &Cancel::new())).now_or_never().unwrap();
        assert_eq!(outcome.output, Some(Value::Int(5)), "after {name}");
    }
}
