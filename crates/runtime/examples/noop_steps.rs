//! Nanoseconds a step of pipelines of 10,000 steps whose engine does nothing: what plan and runtime cost besides the calls.
//!
//! `cargo run --release -p wasmill-runtime --example noop_steps`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use tokio::runtime::{Builder, Handle, Runtime};
use wasmill_engine::{Binding, BoxFuture, Call, Engine, EngineInfo, Outcome, PrepareError, PreparedUnit, Router};
use wasmill_expression::parse_template;
use wasmill_model::{
    EngineName, Grants, Interface, LimitOverrides, Location, Object, OutputFormat, Pipeline, Policy, RunVerdict,
    Schedule, Step, Strategy, Template, UnitSource, UnitSpec, Usage, Value, Verdict, With,
};
use wasmill_runtime::{Clock, Host, InlineSpawner, Overrides, RunOptions, Spawner, link};
use wasmill_unit::Unit;

const STEPS: usize = 10_000;
const ROUNDS: usize = 15;

/// Which steps the step at a place reads.
type Reads = dyn Fn(usize) -> Vec<usize>;

struct Nothing(EngineInfo);

struct Noop;

impl Engine for Nothing {
    fn info(&self) -> &EngineInfo {
        &self.0
    }

    fn prepare<'a>(
        &'a self,
        _: &'a Unit,
        _: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        Box::pin(async { Ok(Arc::new(Noop) as Arc<dyn PreparedUnit>) })
    }
}

impl PreparedUnit for Noop {
    fn call<'a>(&'a self, _: Call<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async { Outcome { output: Some(Value::Int(1)), ..Outcome::failed(Verdict::Ok, Usage::default()) } })
    }
}

struct Monotonic(Instant);

impl Clock for Monotonic {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

struct Tokio(Handle);

impl Spawner for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(self.0.spawn(task));
    }
}

/// Three of the layer before.
fn layer(place: usize, width: usize) -> Vec<usize> {
    let start = (place / width) * width;
    (1..4).filter(|_| place >= width).map(|shift| start - width + (place * shift + shift) % width).collect()
}

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let shapes: [(&str, &Reads); 4] = [
        ("chain", &|place| place.checked_sub(1).into_iter().collect()),
        ("fan-out", &|place| (place > 0).then_some(0).into_iter().collect()),
        ("100 x 100", &|place| layer(place, 100)),
        ("1000 x 10", &|place| layer(place, 10)),
    ];
    println!(
        "{:<12}{:>14}{:>14}{:>14}{:>14}{:>14}",
        "ns a step", "2 workers", "inline", "handed on", "expression", "link"
    );
    for (name, reads) in shapes {
        let handed_on = |reads: &[usize]| match reads {
            [] => "1".to_owned(),
            [first, ..] => format!("${{{{ steps.s{first}.output }}}}"),
        };
        let expression = |reads: &[usize]| match reads {
            [] => "1".to_owned(),
            reads => {
                let terms: Vec<String> = reads.iter().map(|read| format!("steps.s{read}.output")).collect();
                format!("${{{{ {} + 1 }}}}", terms.join(" + "))
            }
        };
        let inherited = pipeline(reads, &|_| None);
        let (two, linked) = measure(&runtime, Arc::new(Tokio(runtime.handle().clone())), &inherited);
        let (inline, _) = measure(&runtime, Arc::new(InlineSpawner::new()), &inherited);
        let tokio: Arc<dyn Spawner> = Arc::new(Tokio(runtime.handle().clone()));
        let (handed, _) = measure(&runtime, tokio.clone(), &pipeline(reads, &|reads| Some(handed_on(reads))));
        let (computed, _) = measure(&runtime, tokio, &pipeline(reads, &|reads| Some(expression(reads))));
        println!("{name:<12}{two:>14}{inline:>14}{handed:>14}{computed:>14}{linked:>14}");
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("no /proc"));
}

/// The median of a run and of linking, in nanoseconds a step.
fn measure(runtime: &Runtime, spawner: Arc<dyn Spawner>, pipeline: &Arc<Pipeline>) -> (u128, u128) {
    let info = EngineInfo {
        name: EngineName { name: "nothing".into(), version: "1".into() },
        interfaces: vec![Interface::Core],
        limits: Vec::new(),
        sandboxed: true,
    };
    let host = Host {
        router: Router::new(vec![Arc::new(Nothing(info))]),
        policy: Policy::default(),
        clock: Arc::new(Monotonic(Instant::now())),
        spawner,
    };
    let binary = wat::parse_str(r#"(module (func (export "f") (param i64) (result i64) unreachable))"#).unwrap();
    let units = IndexMap::from([("unit".into(), Unit::from_binary(binary).unwrap())]);
    let mut runs = Vec::new();
    let mut links = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let linked = runtime.block_on(link(&host, pipeline.clone(), &units, &Overrides::default())).unwrap();
        links.push(started.elapsed());
        let started = Instant::now();
        let document = runtime.block_on(linked.run(Object::new(), RunOptions::new("r")));
        runs.push(started.elapsed());
        assert_eq!((document.verdict, document.steps.len()), (RunVerdict::Ok, STEPS));
    }
    runs.sort_unstable();
    links.sort_unstable();
    let median = |times: &[Duration]| times.get(ROUNDS / 2).map_or(0, |time| time.as_nanos() / STEPS as u128);
    (median(&runs), median(&links))
}

fn pipeline(reads: &Reads, with: &dyn Fn(&[usize]) -> Option<String>) -> Arc<Pipeline> {
    let step = |place: usize| {
        let reads = reads(place);
        Step {
            id: format!("s{place}").into(),
            unit: "unit".into(),
            function: None,
            with: match with(&reads) {
                _ if place == 0 => With::Single(Template::Literal(Value::Int(1))),
                Some(text) if text.starts_with('$') => {
                    With::Single(parse_template(&text, &Location::default()).unwrap())
                }
                Some(_) => With::Single(Template::Literal(Value::Int(1))),
                None => With::Inherited,
            },
            after: reads.iter().map(|read| format!("s{read}").into()).collect(),
            output: OutputFormat::Text,
            limits: LimitOverrides::default(),
            grants: Grants::default(),
            engines: Vec::new(),
            location: Location::default(),
            with_location: Location::default(),
        }
    };
    let spec = UnitSpec { source: UnitSource::Wat(String::new()), sha256: None, location: Location::default() };
    Arc::new(Pipeline {
        name: "noop".into(),
        description: None,
        inputs: IndexMap::new(),
        units: IndexMap::from([("unit".into(), spec)]),
        steps: (0..STEPS).map(step).collect(),
        outputs: IndexMap::from([("x".into(), Template::Literal(Value::Null))]),
        schedule: Schedule { strategy: Strategy::WorkQueue, max_concurrency: 16 },
        base: Default::default(),
    })
}
