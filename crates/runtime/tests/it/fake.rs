//! An engine without WebAssembly: the name of the function says what happens.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::runtime::{Builder, Handle, Runtime};
use wasmill_engine::{
    Binding, BoxFuture, Call, Cancel, Enforced, Engine, EngineInfo, Outcome, PrepareError, PreparedUnit, Router,
};
use wasmill_expression::{has_expression, parse_template};
use wasmill_model::{
    EngineName, Frame, Input, InputSpec, InputType, Interface, LimitKind, LimitOverrides, Location, Object, Pipeline,
    Policy, Profile, RunDocument, Schedule, Secrets, Step, Strategy, Template, TrapKind, UnitSource, UnitSpec, Usage,
    Value, Verdict, With,
};
use wasmill_runtime::{Bundle, Clock, Host, InlineSpawner, Linked, Overrides, RunOptions, Spawner, link};
use wasmill_unit::Unit;

/// What every unit of these tests exports.
pub(crate) const UNIT: &str = r#"(module
    (func (export "noop") (param $value i64) (result i64) unreachable)
    (func (export "echo") (param $value i64) (result i64) unreachable)
    (func (export "increment") (param $value i64) (result i64) unreachable)
    (func (export "wander") (param $value i64) (result i64) unreachable)
    (func (export "drift") (param $value i64) (result i64) unreachable)
    (func (export "sum") (param $a i64) (param $b i64) (result i64) unreachable)
    (func (export "answer") (result i64) unreachable)
    (func (export "fail") (param $value i64) (result i64) unreachable)
    (func (export "flaky") (param $value i64) (result i64) unreachable)
    (func (export "even") (param $value i64) (result i64) unreachable)
    (func (export "refuse") (param $value i64) (result i64) unreachable)
    (func (export "trap") (param $value i64) (result i64) unreachable)
    (func (export "wait") (param $value i64) (result i64) unreachable)
    (func (export "panic") (param $value i64) (result i64) unreachable)
    (func (export "panic_at_once") (param $value i64) (result i64) unreachable)
    (func (export "nothing") (param $value i64) (result i64) unreachable)
    (func (export "leak") (param $way i64) (result i64) unreachable)
    (func (export "ungranted") (param $value i64) (result i64) unreachable)
    (func (export "unprepared") (param $value i64) (result i64) unreachable)
    (func (export "say") (param $value i64) (result i64) unreachable))"#;

/// A unit whose output is read as a step says. Of a number below 100 it writes so many lines; of a larger one so many above 100, and fails.
pub(crate) const LINES: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "allocate") (param i32) (result i32) unreachable)
    (func (export "deallocate") (param i32 i32))
    (func (export "process") (param i32 i32 i32) (result i32) unreachable))"#;

pub(crate) struct Fake {
    info: EngineInfo,
    pub(crate) prepared: AtomicUsize,
    /// What units were prepared for, in order.
    pub(crate) bindings: Mutex<Vec<Binding>>,
    pub(crate) state: Arc<FakeState>,
}

#[derive(Default)]
pub(crate) struct FakeState {
    /// Changes how long each call takes.
    pub(crate) seed: u64,
    pub(crate) running: AtomicUsize,
    pub(crate) most_running: AtomicUsize,
    pub(crate) calls: AtomicUsize,
    /// How often `flaky` was called with each number.
    pub(crate) tries: Mutex<HashMap<i64, i64>>,
    /// Called as each call begins.
    pub(crate) on_call: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl Fake {
    pub(crate) fn new(seed: u64) -> Arc<Fake> {
        Fake::named("fake", &Profile::ALL, seed)
    }

    /// An engine of this name, which has these profiles.
    pub(crate) fn named(name: &str, profiles: &[Profile], seed: u64) -> Arc<Fake> {
        use LimitKind::{Fuel, Memory, Timeout};
        Arc::new(Fake {
            info: EngineInfo {
                name: EngineName { name: name.into(), version: "1".into() },
                interfaces: vec![Interface::Core, Interface::Bytes, Interface::Component],
                limits: [Memory, Fuel, Timeout].map(|limit| (limit, Enforced::Yes)).to_vec(),
                profiles: profiles.to_vec(),
                at_most: LimitOverrides::default(),
                functions: Vec::new(),
                sandboxed: true,
            },
            prepared: AtomicUsize::new(0),
            bindings: Mutex::default(),
            state: Arc::new(FakeState { seed, ..FakeState::default() }),
        })
    }
}

impl Engine for Fake {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        binding: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        Box::pin(async move {
            self.prepared.fetch_add(1, Ordering::Relaxed);
            self.bindings.lock().unwrap().push(binding.clone());
            let function = unit.info().resolve(binding.function.as_deref())?.unwrap();
            if &*function.name == "ungranted" {
                let (import, grant) = ("wasi:http/outgoing-handler@0.2.0", "net: [\"host.example:443\"]");
                return Err(PrepareError::MissingGrant { import: import.to_owned(), grant: grant.to_owned() });
            }
            if &*function.name == "unprepared" {
                let secrets = spelled(&binding.secrets);
                return Err(PrepareError::InvalidUnit { message: format!("too strange{secrets}") });
            }
            let secrets = spelled(&binding.secrets);
            let prepared = FakeUnit { function: function.name.clone(), state: self.state.clone(), secrets };
            Ok(Arc::new(prepared) as Arc<dyn PreparedUnit>)
        })
    }
}

struct FakeUnit {
    function: Arc<str>,
    state: Arc<FakeState>,
    /// What it could tell.
    secrets: String,
}

/// The values of all secrets, as a unit could say them.
fn spelled(secrets: &Secrets) -> String {
    secrets.names().filter_map(|name| secrets.get(name)).map(|value| format!(" {value}")).collect()
}

/// Says the secrets wherever a unit or an engine can say anything.
fn leak(way: i64, secrets: &str) -> Outcome {
    let text = || format!("I say{secrets}");
    let verdict = match way {
        0 => Verdict::GuestError { message: text() },
        1 => Verdict::Trap { kind: TrapKind::Other, detail: text() },
        2 => Verdict::Denied { grant: text(), message: text() },
        3 => Verdict::LogExceeded { limit: 10 },
        4 => Verdict::HostError { message: text() },
        5 => Verdict::InvalidInput { message: text() },
        6 => Verdict::EngineUnavailable { message: text() },
        7 => Verdict::InvalidUnit { message: text() },
        8 => panic!("{}", text()),
        _ => Verdict::Ok,
    };
    let frame = Frame { function: text(), module: Some(text()), offset: None, source: Some(text()) };
    let mut log = text();
    if way == 3 {
        log.truncate(log.len() - 2);
    }
    // An engine may give an output with any verdict: only that of `ok` is one.
    let (output, coredump) = (Some(Value::from(text())), Some("a.coredump".into()));
    Outcome { log, backtrace: vec![frame], output, coredump, ..Outcome::failed(verdict, Usage::default()) }
}

/// Counts a call for as long as it is alive.
struct Running<'a>(&'a FakeState);

impl<'a> Running<'a> {
    fn new(state: &'a FakeState) -> Self {
        let now = state.running.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_running.fetch_max(now, Ordering::SeqCst);
        state.calls.fetch_add(1, Ordering::SeqCst);
        if let Some(on_call) = &*state.on_call.lock().unwrap() {
            on_call();
        }
        Running(state)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl PreparedUnit for FakeUnit {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome> {
        assert_ne!(&*self.function, "panic_at_once", "as asked");
        Box::pin(async move {
            let _running = Running::new(&self.state);
            let ends = |verdict| Outcome::failed(verdict, Usage::default());
            let gives = |value: Value| Outcome { output: Some(value), ..ends(Verdict::Ok) };
            match &*self.function {
                "noop" => gives(Value::Null),
                "echo" => gives(call.input.to_value()),
                "answer" => {
                    assert_eq!(*call.input, Input::Positional(Vec::new()));
                    gives(Value::Int(42))
                }
                "increment" => gives(Value::Int(sum(call.input) + 1)),
                "sum" => gives(Value::Int(sum(call.input))),
                "wander" => {
                    let mut hasher = DefaultHasher::new();
                    (self.state.seed, call.input.to_value().to_json()).hash(&mut hasher);
                    for _ in 0..hasher.finish() % 7 {
                        yield_now().await;
                    }
                    gives(Value::Int(sum(call.input) * 3 + 1))
                }
                // No unit without grants can do this: it stands for a host that is broken, or an answer that somebody changed.
                "drift" => gives(Value::Int(self.state.calls.load(Ordering::SeqCst) as i64)),
                "fail" => ends(Verdict::GuestError { message: "no".to_owned() }),
                // Fails as often as the number says.
                "flaky" => {
                    let number = sum(call.input);
                    let mut tries = self.state.tries.lock().unwrap();
                    let tries = tries.entry(number).or_default();
                    *tries += 1;
                    if *tries > number {
                        gives(Value::Int(number))
                    } else {
                        ends(Verdict::GuestError { message: format!("try {tries}") })
                    }
                }
                "even" if sum(call.input) % 2 == 0 => gives(Value::Int(sum(call.input))),
                "even" => ends(Verdict::GuestError { message: "odd".to_owned() }),
                "refuse" => ends(Verdict::GuestError { message: "permanent: no".to_owned() }),
                "trap" => ends(Verdict::Trap { kind: TrapKind::Unreachable, detail: String::new() }),
                // Writes as many lines as the number says, and goes on when as many other calls have begun as there are lines, or nothing comes of it.
                "process" => {
                    let lines = sum(call.input) % 100;
                    for line in 1..=lines {
                        let text = format!("{line}\n");
                        if let Some(stdout) = call.stdout {
                            let (one, other) = text.as_bytes().split_at(1);
                            stdout.written(one);
                            stdout.written(other);
                        }
                        let mut patience = 1_000;
                        while self.state.calls.load(Ordering::SeqCst) <= line as usize && patience > 0 {
                            patience -= 1;
                            yield_now().await;
                        }
                    }
                    if sum(call.input) >= 100 {
                        return ends(Verdict::Trap { kind: TrapKind::Unreachable, detail: String::new() });
                    }
                    self.state.most_running.store(0, Ordering::SeqCst);
                    gives(Value::from((1..=lines).map(Value::Int).collect::<Vec<_>>()))
                }
                "say" => Outcome { log: format!("I say {}", call.input.to_value().to_json()), ..gives(Value::Null) },
                "wait" => {
                    call.cancel.cancelled().await;
                    ends(Verdict::Cancelled)
                }
                "panic" => panic!("as asked"),
                "nothing" => ends(Verdict::Ok),
                "leak" => leak(sum(call.input), &self.secrets),
                other => panic!("no behaviour `{other}`"),
            }
        })
    }
}

/// Of all integers anywhere in the input.
fn sum(input: &Input) -> i64 {
    fn of(value: &Value) -> i64 {
        match value {
            Value::Int(number) => *number,
            Value::List(items) => items.iter().map(of).fold(0, i64::wrapping_add),
            Value::Object(members) => members.values().map(of).fold(0, i64::wrapping_add),
            _ => 0,
        }
    }
    of(&input.to_value()) % 1_000_000_007
}

async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A clock that a test need not look at.
pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

pub(crate) struct Tokio(pub(crate) Handle);

impl Spawner for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(self.0.spawn(task));
    }
}

pub(crate) fn threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

pub(crate) fn host(engine: &Arc<Fake>, spawner: impl Spawner + 'static) -> Host {
    Host {
        router: Router::new(vec![engine.clone()]),
        policy: Policy::default(),
        secrets: Secrets::default(),
        clock: Arc::new(Stopped),
        spawner: Arc::new(spawner),
    }
}

pub(crate) fn location(line: u32) -> Location {
    Location { file: "p.yaml".into(), line, column: 1, ..Location::default() }
}

pub(crate) fn template(text: &str) -> Template {
    if has_expression(text) {
        return parse_template(text, &location(99)).unwrap();
    }
    Template::Literal(Value::from_json(text.as_bytes()).unwrap())
}

/// A step of the unit above.
pub(crate) fn step(id: &str, function: &str, with: With) -> Step {
    Step { function: Some(function.to_owned()), with, ..Step::new(id, "unit") }.at(&location(1))
}

pub(crate) fn single(text: &str) -> With {
    With::Single(template(text))
}

pub(crate) fn positional(items: &[&str]) -> With {
    With::Positional(items.iter().map(|item| template(item)).collect())
}

pub(crate) fn named(members: &[(&str, &str)]) -> With {
    With::Named(members.iter().map(|(name, text)| ((*name).into(), template(text))).collect())
}

pub(crate) fn after(mut step: Step, ids: &[&str]) -> Step {
    step.after = ids.iter().map(|id| (*id).into()).collect();
    step
}

pub(crate) fn pipeline(steps: Vec<Step>, outputs: &[(&str, &str)]) -> Pipeline {
    let steps: Vec<Step> = steps.into_iter().zip(1..).map(|(step, line)| step.at(&location(line))).collect();
    Pipeline {
        name: "test".into(),
        dialect: wasmill_model::Dialect::Native,
        description: None,
        inputs: IndexMap::new(),
        units: [("unit", UNIT), ("lines", LINES)]
            .into_iter()
            .map(|(name, text)| {
                let source = UnitSource::Wat(text.to_owned());
                (name.into(), UnitSpec { source, sha256: None, location: location(1) })
            })
            .collect(),
        steps,
        outputs: outputs.iter().map(|(name, text)| ((*name).into(), template(text))).collect(),
        schedule: Schedule { strategy: Strategy::WorkQueue, max_concurrency: 4 },
        on_failure: Default::default(),
        timeout: None,
        toolchains: IndexMap::new(),
        budget: Default::default(),
        tests: IndexMap::new(),
        unit_limits: IndexMap::new(),
        base: Default::default(),
    }
}

pub(crate) fn input(mut pipeline: Pipeline, name: &str) -> Pipeline {
    let spec = InputSpec {
        kind: InputType::Any,
        required: true,
        default: None,
        description: None,
        choices: Vec::new(),
        min: None,
        max: None,
        pattern: None,
        location: location(50),
    };
    pipeline.inputs.insert(name.into(), spec);
    pipeline
}

pub(crate) fn units() -> IndexMap<Arc<str>, Unit> {
    IndexMap::from([("unit".into(), unit(UNIT)), ("lines".into(), unit(LINES))])
}

pub(crate) fn unit(text: &str) -> Unit {
    Unit::from_binary(wat::parse_str(text).unwrap()).unwrap()
}

pub(crate) fn object(json: &str) -> Object {
    match Value::from_json(json.as_bytes()).unwrap() {
        Value::Object(object) => (*object).clone(),
        other => panic!("{other:?} is no object"),
    }
}

pub(crate) fn linked(host: &Host, pipeline: Pipeline) -> Linked {
    block_on(link(host, &Bundle::new(pipeline, units()), &Overrides::default())).unwrap()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Runs in this thread, over a spawner that is polled with the run.
pub(crate) fn run(pipeline: Pipeline) -> RunDocument {
    run_with(pipeline, "{}", 0)
}

pub(crate) fn run_with(pipeline: Pipeline, inputs: &str, seed: u64) -> RunDocument {
    let host = host(&Fake::new(seed), InlineSpawner::new());
    block_on(linked(&host, pipeline).run(object(inputs), RunOptions::new("r1")))
}

pub(crate) fn options(cancel: &Cancel) -> RunOptions {
    RunOptions { cancel: cancel.clone(), ..RunOptions::new("r1") }
}

/// The outputs of a document, as JSON.
pub(crate) fn outputs(document: &RunDocument) -> String {
    assert_eq!(document.error, None);
    Value::from(document.outputs.clone()).to_json()
}

/// `a:ok b:trap c:skipped`
pub(crate) fn verdicts(document: &RunDocument) -> String {
    let words: Vec<String> =
        document.steps.iter().map(|(id, report)| format!("{id}:{}", report.verdict.kind())).collect();
    words.join(" ")
}
