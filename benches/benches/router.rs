//! What the router costs a call: a unit that answers at once, called by itself and through the router.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::sync::Arc;

use wasmill_benches::guests::{ADD, unit};
use wasmill_benches::measure::{Effort, current_thread, in_turn, side};
use wasmill_benches::report::{Report, Row, Target};
use wasmill_engine::{
    Asked, Binding, BoxFuture, Call, Cancel, Engine, EngineInfo, Outcome, PrepareError, PreparedUnit, Router,
};
use wasmill_model::{EngineName, Input, Interface, LimitOverrides, Limits, Profile, Usage, Value, Verdict};
use wasmill_unit::Unit;

const ROUNDS: usize = 60;

/// An engine whose units answer at once.
struct Idle(EngineInfo);

impl Idle {
    fn named(name: &str) -> Arc<dyn Engine> {
        Arc::new(Idle(EngineInfo {
            name: EngineName { name: name.into(), version: "1".into() },
            interfaces: vec![Interface::Core],
            limits: Vec::new(),
            profiles: Profile::ALL.to_vec(),
            at_most: LimitOverrides::default(),
            functions: Vec::new(),
            sandboxed: true,
        }))
    }
}

impl Engine for Idle {
    fn info(&self) -> &EngineInfo {
        &self.0
    }

    fn prepare<'a>(
        &'a self,
        _: &'a Unit,
        _: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        Box::pin(async { Ok(Arc::new(IdleUnit) as Arc<dyn PreparedUnit>) })
    }
}

struct IdleUnit;

impl PreparedUnit for IdleUnit {
    fn call<'a>(&'a self, _: Call<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async { Outcome { output: Some(Value::Int(1)), ..Outcome::failed(Verdict::Ok, Usage::default()) } })
    }
}

fn main() {
    let effort = Effort::from_arguments();
    let runtime = current_thread().unwrap();
    let unit = unit(ADD);
    let (binding, input) = (Binding::default(), Input::Positional(Vec::new()));
    let (limits, cancel) = (Limits::default(), Cancel::new());
    let call = Call::new(&input, &limits, &cancel);
    let engine = Idle::named("one");
    let bare = runtime.block_on(engine.prepare(&unit, &binding)).unwrap();
    let asked = Asked { names: &[], allowed: &[], profile: Profile::Metered, allow_weaker: false };
    let router = Router::new([engine]);
    let routed = runtime.block_on(router.route(&unit, &binding, asked)).unwrap();
    let two = Router::new([Idle::named("one"), Idle::named("two")]);
    let names = ["gone".to_owned(), "two".to_owned()];
    let passed_over = Router::new([gone(), Idle::named("two").into()]);
    let second = runtime.block_on(passed_over.route(&unit, &binding, Asked { names: &names, ..asked })).unwrap();
    let first = runtime.block_on(two.route(&unit, &binding, asked)).unwrap();
    let samples = in_turn(
        effort,
        ROUNDS,
        &mut [
            side(&runtime, || bare.call(call)),
            side(&runtime, || routed.call(call)),
            side(&runtime, || first.call(call)),
            side(&runtime, || second.call(call)),
        ],
    );
    let row = |case, at: usize| Row::beside(case, "the prepared unit", &samples[0], &samples[at], Target::More(200.0));
    let report = Report {
        name: "router",
        title: "The router",
        method: "A call of a unit that answers at once, through the router: look at the circuit breaker, call, look whether the engine \
                 started, and say which engine it was. Beside it the prepared unit called by itself. One thread.",
        rows: vec![
            row("one engine", 1),
            row("the first of two engines", 2),
            row("the second: the first is missing", 3),
        ],
        notes: Vec::new(),
    };
    report.publish(effort).unwrap();
}

fn gone() -> wasmill_engine::EngineSource {
    let engine = Idle::named("gone");
    wasmill_engine::EngineSource::new(engine.info().clone(), || Err("it is not installed".to_owned()))
}
