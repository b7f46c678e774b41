//! Pipelines of steps that do nothing, beside a bare tokio loop over the same graph: what plan and runtime cost.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use indexmap::IndexMap;
use tokio::runtime::{Handle, Runtime};
use wasmill_benches::guests::{NOOP, unit};
use wasmill_benches::measure::Effort;
use wasmill_benches::report::{Measure, Report, Row, Target, criterion_median};
use wasmill_engine::{
    Binding, BoxFuture, Call, Cancel, Engine, EngineInfo, Outcome, PrepareError, PreparedUnit, Router,
};
use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{
    EngineName, Input, Interface, Limits, Location, Object, Pipeline, Policy, Profile, Schedule, Secrets, Step,
    UnitSource, UnitSpec, Usage, Value, Verdict, With,
};
use wasmill_runtime::{Bundle, Clock, Host, Linked, Overrides, RunOptions, Spawner, link};
use wasmill_unit::Unit;

/// Which earlier steps each step waits for.
type Graph = Vec<Vec<usize>>;

fn chain(steps: usize) -> Graph {
    (0..steps).map(|step| step.checked_sub(1).into_iter().collect()).collect()
}

fn fan_out(steps: usize) -> Graph {
    (0..steps).map(|step| if step == 0 { Vec::new() } else { vec![0] }).collect()
}

/// Layers of `width` steps; each step waits for two of the layer above.
fn layered(layers: usize, width: usize) -> Graph {
    (0..layers * width)
        .map(|step| match (step / width, step % width) {
            (0, _) => Vec::new(),
            (layer, column) => vec![(layer - 1) * width + column, (layer - 1) * width + (column + 1) % width],
        })
        .collect()
}

struct Idle(EngineInfo);

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
        Box::pin(async {
            Outcome {
                verdict: Verdict::Ok,
                output: Some(Value::Null),
                usage: Usage::default(),
                log: String::new(),
                backtrace: Vec::new(),
                coredump: None,
            }
        })
    }
}

struct Since(Instant);

impl Clock for Since {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(duration).await })
    }
}

struct OnTokio(Handle);

impl Spawner for OnTokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn linked(runtime: &Runtime, engine: Arc<dyn Engine>, graph: &Graph) -> Arc<Linked> {
    let name = |step: usize| -> Arc<str> { format!("s{step}").into() };
    let steps = graph
        .iter()
        .enumerate()
        .map(|(step, waits_for)| Step {
            with: With::Positional(Vec::new()),
            after: waits_for.iter().copied().map(name).collect(),
            ..Step::new(name(step), "noop")
        })
        .collect();
    let spec = UnitSpec { source: UnitSource::Wat(NOOP.to_owned()), sha256: None, location: Location::default() };
    let pipeline = Pipeline {
        name: "bench".into(),
        dialect: wasmill_model::Dialect::Native,
        description: None,
        inputs: IndexMap::new(),
        units: [("noop".into(), spec)].into_iter().collect(),
        steps,
        outputs: [("done".into(), wasmill_model::Template::Literal(Value::Bool(true)))].into_iter().collect(),
        schedule: Schedule::default(),
        on_failure: Default::default(),
        timeout: None,
        unit_limits: IndexMap::new(),
        base: std::path::PathBuf::new(),
    };
    let host = Host {
        router: Router::new(vec![engine]),
        policy: Policy::default(),
        secrets: Secrets::default(),
        clock: Arc::new(Since(Instant::now())),
        spawner: Arc::new(OnTokio(runtime.handle().clone())),
    };
    let units = [("noop".into(), unit(NOOP))].into_iter().collect();
    Arc::new(runtime.block_on(link(&host, &Bundle::new(pipeline, units), &Overrides::default())).unwrap())
}

/// The floor: a task for every step whose dependencies are done; the first successor that is ready runs on the same task.
async fn bare(graph: Arc<Bare>) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let run = Arc::new(BareRun {
        waiting: graph.waits.iter().map(|count| AtomicUsize::new(*count)).collect(),
        left: AtomicUsize::new(graph.waits.len()),
        done: std::sync::Mutex::new(Some(sender)),
        graph,
    });
    for (step, count) in run.graph.waits.iter().enumerate() {
        if *count == 0 {
            tokio::spawn(bare_steps(run.clone(), step));
        }
    }
    receiver.await.unwrap();
}

struct Bare {
    waits: Vec<usize>,
    dependents: Vec<Vec<usize>>,
}

struct BareRun {
    graph: Arc<Bare>,
    waiting: Vec<AtomicUsize>,
    left: AtomicUsize,
    done: std::sync::Mutex<Option<tokio::sync::oneshot::Sender<()>>>,
}

fn bare_steps(run: Arc<BareRun>, mut step: usize) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        loop {
            black_box(step);
            let mut next = None;
            for dependent in &run.graph.dependents[step] {
                if run.waiting[*dependent].fetch_sub(1, Ordering::AcqRel) == 1 {
                    match next {
                        None => next = Some(*dependent),
                        Some(_) => {
                            tokio::spawn(bare_steps(run.clone(), *dependent));
                        }
                    }
                }
            }
            if run.left.fetch_sub(1, Ordering::AcqRel) == 1
                && let Some(sender) = run.done.lock().unwrap().take()
            {
                let _ = sender.send(());
            }
            match next {
                Some(next) => step = next,
                None => return,
            }
        }
    })
}

fn bare_graph(graph: &Graph) -> Arc<Bare> {
    let mut dependents = vec![Vec::new(); graph.len()];
    for (step, waits_for) in graph.iter().enumerate() {
        for other in waits_for {
            dependents[*other].push(step);
        }
    }
    Arc::new(Bare { waits: graph.iter().map(Vec::len).collect(), dependents })
}

fn idle() -> Arc<dyn Engine> {
    Arc::new(Idle(EngineInfo {
        name: EngineName { name: "idle".into(), version: "1".into() },
        interfaces: vec![Interface::Core],
        limits: Vec::new(),
        profiles: Profile::ALL.to_vec(),
        functions: Vec::new(),
        sandboxed: true,
    }))
}

fn measure(criterion: &mut Criterion, name: &str, graph: &Graph) {
    let runtime = runtime();
    let floor = bare_graph(graph);
    criterion
        .bench_function(&format!("{name}/floor"), |bencher| bencher.to_async(&runtime).iter(|| bare(floor.clone())));
    let linked = linked(&runtime, idle(), graph);
    criterion.bench_function(&format!("{name}/wasmill"), |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { black_box(linked.run(Object::new(), RunOptions::new("bench")).await) });
    });
}

fn idle_steps(criterion: &mut Criterion) {
    measure(criterion, "chain-10000", &chain(10_000));
    measure(criterion, "fan-out-10000", &fan_out(10_000));
    measure(criterion, "layered-100x100", &layered(100, 100));
}

/// The same with a real unit, beside a loop of bare prepared calls.
fn real_steps(criterion: &mut Criterion) {
    let runtime = runtime();
    let engine = WasmtimeEngine::new(Settings { slots: 32, ..Settings::default() }).unwrap();
    let prepared = runtime.block_on(engine.prepare(&unit(NOOP), &Binding::default())).unwrap();
    let (input, limits, cancel) = (Input::Positional(Vec::new()), Limits::default(), Cancel::new());
    criterion.bench_function("noop-unit-1000/floor", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            for _ in 0..1_000 {
                black_box(prepared.call(Call::new(&input, &limits, &cancel)).await);
            }
        });
    });
    let linked = linked(&runtime, Arc::new(engine), &chain(1_000));
    criterion.bench_function("noop-unit-1000/wasmill", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { black_box(linked.run(Object::new(), RunOptions::new("bench")).await) });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = idle_steps, real_steps
}

fn main() {
    benches();
    let mut rows = Vec::new();
    let mut row = |case: &str, name: &str, floor: &str, steps: f64| {
        let (Some(bare), Some(figure)) =
            (criterion_median(&format!("{name}/floor")), criterion_median(&format!("{name}/wasmill")))
        else {
            return;
        };
        rows.push(Row {
            case: case.to_owned(),
            floor: Some((floor.to_owned(), bare / steps)),
            figure: figure / steps,
            measure: Measure::Time,
            target: Target::More(10_000.0),
        });
    };
    row("chain of 10,000", "chain-10000", "bare tokio", 1e4);
    row("fan-out to 10,000", "fan-out-10000", "bare tokio", 1e4);
    row("100 layers of 100", "layered-100x100", "bare tokio", 1e4);
    row("chain of 1,000 real units", "noop-unit-1000", "prepared calls in a loop", 1e3);
    let report = Report {
        name: "steps",
        title: "A step of a pipeline",
        method: "Pipelines whose steps do nothing (an engine that answers at once), for each step: plan, templates, receipt and all. \
                 Beside it a bare tokio loop over the same graph. The last line runs a real unit that does nothing, beside the same calls \
                 in a loop. Two workers; medians by criterion, one side after the other.",
        rows,
        notes: Vec::new(),
    };
    report.publish(Effort::from_arguments()).unwrap();
}
