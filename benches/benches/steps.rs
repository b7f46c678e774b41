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

use indexmap::IndexMap;
use tokio::runtime::{Handle, Runtime};
use wasmill_artifact::ResultCache;
use wasmill_benches::floor;
use wasmill_benches::guests::{ADD, BYTES_UPPER, NOOP, binary, text, unit};
use wasmill_benches::measure::{Effort, Samples, current_thread, in_turn, side, workers};
use wasmill_benches::report::{Measure, Report, Row, Target};
use wasmill_benches::wasmill::{SLOTS, engine};
use wasmill_engine::{Binding, BoxFuture, Call, Engine, EngineInfo, Outcome, PrepareError, PreparedUnit, Router};
use wasmill_model::{
    EngineName, Expression, Interface, LimitOverrides, Location, Object, OutputFormat, Pipeline, Policy, Profile,
    Reference, Schedule, Secrets, Step, Template, UnitSource, UnitSpec, Usage, Value, Verdict, With,
};
use wasmill_runtime::{Bundle, CallKey, Clock, Host, Kept, Linked, Memo, Overrides, Reuse, RunOptions, Spawner, link};
use wasmill_unit::Unit;

/// Which earlier steps each step waits for.
type Graph = Vec<Vec<usize>>;

fn chain(steps: usize) -> Graph {
    (0..steps).map(|step| step.checked_sub(1).into_iter().collect()).collect()
}

fn fan_out(steps: usize) -> Graph {
    (0..steps).map(|step| if step == 0 { Vec::new() } else { vec![0] }).collect()
}

/// Layers of `width` steps; each step waits for two steps of the layer above, taken by chance that is the same every time.
fn layered(layers: usize, width: usize) -> Graph {
    let mut state = 7_u64;
    let mut chance = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % width
    };
    (0..layers * width)
        .map(|step| match step / width {
            0 => Vec::new(),
            layer => {
                let (one, other) = (chance(), chance());
                let above = (layer - 1) * width;
                if one == other { vec![above + one] } else { vec![above + one, above + other] }
            }
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
                output: Some(Value::Int(1)),
                usage: Usage::default(),
                log: String::new(),
                backtrace: Vec::new(),
                coredump: None,
            }
        })
    }
}

/// Answers of former runs, in a folder, as `cache: auto` keeps them.
struct Files(ResultCache);

impl Memo for Files {
    fn lookup(&self, key: &CallKey) -> Option<Kept> {
        Kept::from_bytes(key, &self.0.read(&key.digest())?)
    }

    fn store(&self, key: CallKey, kept: Kept) {
        self.0.store(&key.digest(), kept.to_bytes(&key).into());
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

/// What the steps of a pipeline are.
#[derive(Clone, Copy)]
enum Kind {
    /// A function without parameters.
    Noop,
    /// A function whose parameter is worked out by an expression over what another step gave.
    Expression,
    /// The C ABI, on what the step before gave.
    Bytes,
}

impl Kind {
    fn unit(self) -> &'static str {
        match self {
            Kind::Noop => NOOP,
            Kind::Expression => ADD,
            Kind::Bytes => BYTES_UPPER,
        }
    }

    fn with(self, waits_for: &[Arc<str>]) -> With {
        match (self, waits_for) {
            (Kind::Noop, _) => With::Positional(Vec::new()),
            (Kind::Expression, []) => With::Positional(vec![literal(1), literal(2)]),
            (Kind::Expression, [other, ..]) => {
                let source = format!("steps.{other}.output + 1");
                let references = vec![Reference::Step(other.clone())];
                let expression = Expression { source: source.into(), references, location: Location::default() };
                With::Positional(vec![Template::Expression(expression), literal(2)])
            }
            (Kind::Bytes, []) => With::Single(Template::Literal(Value::text(text(BYTES)))),
            (Kind::Bytes, _) => With::Inherited,
        }
    }
}

/// Bytes that go through each step of the C ABI.
const BYTES: usize = 1 << 10;

fn literal(number: i64) -> Template {
    Template::Literal(Value::Int(number))
}

fn linked(runtime: &Runtime, engine: Arc<dyn Engine>, graph: &Graph, kind: Kind) -> Linked {
    let name = |step: usize| -> Arc<str> { format!("s{step}").into() };
    let steps = graph
        .iter()
        .enumerate()
        .map(|(step, waits_for)| {
            let after: Vec<Arc<str>> = waits_for.iter().copied().map(name).collect();
            let with = kind.with(&after);
            Step { with, after, output: OutputFormat::Text, ..Step::new(name(step), "unit") }
        })
        .collect();
    let spec =
        UnitSpec { source: UnitSource::Wat(kind.unit().to_owned()), sha256: None, location: Location::default() };
    let pipeline = Pipeline {
        name: "bench".into(),
        dialect: wasmill_model::Dialect::Native,
        description: None,
        inputs: IndexMap::new(),
        units: [("unit".into(), spec)].into_iter().collect(),
        steps,
        outputs: [("done".into(), Template::Literal(Value::Bool(true)))].into_iter().collect(),
        schedule: Schedule::default(),
        on_failure: Default::default(),
        timeout: None,
        toolchains: IndexMap::new(),
        budget: Default::default(),
        tests: IndexMap::new(),
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
    let units = [("unit".into(), unit(kind.unit()))].into_iter().collect();
    runtime.block_on(link(&host, &Bundle::new(pipeline, units), &Overrides::default())).unwrap()
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
        at_most: LimitOverrides::default(),
        functions: Vec::new(),
        sandboxed: true,
    }))
}

/// Rounds of a full measurement.
const ROUNDS: usize = 60;
/// Steps of the large graphs.
const STEPS: usize = 10_000;

struct Bench {
    effort: Effort,
    workers: Runtime,
    rows: Vec<Row>,
}

impl Bench {
    async fn run(linked: &Linked) {
        let document = linked.run(Object::new(), RunOptions::new("bench")).await;
        assert_eq!(document.error, None);
    }

    /// A step of a pipeline whose engine answers at once.
    fn idle(&mut self, case: &str, graph: &Graph, kind: Kind, more: f64) {
        let floor = bare_graph(graph);
        let linked = linked(&self.workers, idle(), graph, kind);
        let samples = in_turn(
            self.effort,
            ROUNDS,
            &mut [side(&self.workers, || bare(floor.clone())), side(&self.workers, || Bench::run(&linked))],
        );
        self.row(case, "bare tokio", &samples[0], &samples[1], graph.len(), graph.len(), Target::More(more));
    }

    /// A step of a pipeline of real units, in one thread, beside as many calls of bare wasmtime.
    fn real(&mut self, case: &str, steps: usize, per: usize, target: Target) {
        let runtime = current_thread().unwrap();
        let engine = Arc::new(engine().unwrap());
        let floor = floor::BytesUnit::new(&floor::engine(SLOTS).unwrap(), &binary(BYTES_UPPER)).unwrap();
        let input = text(BYTES);
        let linked = linked(&runtime, engine, &chain(steps), Kind::Bytes);
        let samples = in_turn(
            self.effort,
            ROUNDS,
            &mut [side(&runtime, || floor.call(input.as_bytes())), side(&runtime, || Bench::run(&linked))],
        );
        self.row(case, "bare fresh call", &samples[0], &samples[1], 1, per, target);
    }

    /// A step whose answer is that of a former run, read from its file, beside the same step that is computed.
    fn kept(&mut self, case: &str, steps: usize, target: Target) {
        let runtime = current_thread().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = Arc::new(Files(ResultCache::open(folder.path().join("results")).unwrap()));
        let linked = linked(&runtime, Arc::new(engine().unwrap()), &chain(steps), Kind::Expression);
        let run = |id: &'static str| {
            let reuse = Reuse { all: Some(files.clone()), ..Reuse::default() };
            linked.run(Object::new(), RunOptions { reuse, ..RunOptions::new(id) })
        };
        runtime.block_on(run("first"));
        let kept = async || {
            let document = run("second").await;
            assert!(document.steps.values().all(|step| step.attempts[0].kept_from.is_some()));
        };
        let samples = in_turn(self.effort, ROUNDS, &mut [side(&runtime, || Bench::run(&linked)), side(&runtime, kept)]);
        self.row(case, "computed", &samples[0], &samples[1], steps, steps, target);
    }

    #[allow(clippy::too_many_arguments, reason = "a row has so many")]
    fn row(&mut self, case: &str, floor: &str, bare: &Samples, own: &Samples, each: usize, per: usize, target: Target) {
        self.rows.push(Row {
            case: case.to_owned(),
            floor: Some((floor.to_owned(), bare.median() / each as f64)),
            figure: own.median() / per as f64,
            measure: Measure::Time,
            target,
        });
    }
}

fn main() {
    let effort = Effort::from_arguments();
    let mut bench = Bench { effort, workers: workers(2).unwrap(), rows: Vec::new() };
    let (chain_of, fan, layers) = (chain(STEPS), fan_out(STEPS), layered(100, STEPS / 100));
    bench.idle("chain of 10,000", &chain_of, Kind::Noop, 2_000.0);
    bench.idle("fan-out to 10,000", &fan, Kind::Noop, 2_000.0);
    bench.idle("random, 100 layers of 100", &layers, Kind::Noop, 2_000.0);
    bench.idle("chain of 10,000, an expression on each", &chain_of, Kind::Expression, 4_000.0);
    bench.idle("fan-out to 10,000, an expression on each", &fan, Kind::Expression, 4_000.0);
    bench.idle("random, 100 layers of 100, an expression on each", &layers, Kind::Expression, 4_000.0);
    bench.real("`bytes` 1 KiB, chain of 10,000", STEPS, STEPS, Target::Times(1.5));
    bench.real("three `bytes` steps, the whole run", 3, 1, Target::AtMost(40_000.0));
    bench.kept("`core`, its answer kept by a former run (`cache: auto`)", 1_000, Target::AtMost(50_000.0));
    let report = Report {
        name: "steps",
        title: "A step of a pipeline",
        method: "Pipelines whose steps do nothing (an engine that answers at once), for each step: plan, input, receipt, report and \
                 document, all made and dropped. Beside it a bare tokio loop over the same graph, on two workers. Then pipelines of real \
                 units in fresh instances, each on what the one before gave, in one thread: a step of ten thousand, and a whole run of three, \
                 beside one bare wasmtime call in a fresh instance. Last a step that is not computed: its answer is read from the file \
                 that a former run left, checked, and put into the receipt.",
        rows: bench.rows,
        notes: Vec::new(),
    };
    report.publish(effort).unwrap();
}
