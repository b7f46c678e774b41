//! One attempt of one step: its input, the call, its receipt.
//!
//! What an attempt says (verdict, log, backtrace) has its secrets taken out here, before anybody is told: observers, documents and
//! errors are made of reports. What a unit gives as its output is data, and stays as it is.

use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use wasmill_engine::{Answer, BoxFuture, Outcome, Routed, StdoutSink};
use wasmill_expression::Program;
use wasmill_model::{
    Digest, Emits, Grants, Input, Interface, Limits, OutputFormat, Profile, Receipt, SubRun, Usage, Value, Verdict,
    VerdictKind,
};
use wasmill_plan::{Call, StepIndex};

use crate::bounds::bounded;
use crate::memo::{self, Kept};
use crate::nested::{self, Caller};
use crate::run::{Run, Started};
use crate::scope::ItemScope;
use crate::step_input::{StepInput, explain};
use crate::stream::Lines;
use crate::{Linked, Recorded, Reuse, RunEvent, UnitCall};

/// A step, ready to be called. What its receipts say about it is shared by all of them.
pub(crate) struct LinkedStep {
    pub(crate) id: Arc<str>,
    pub(crate) input: StepInput,
    pub(crate) callee: Callee,
    pub(crate) profile: Profile,
    pub(crate) limits: Arc<Limits>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) when: Option<Program>,
    pub(crate) foreach: Option<Program>,
    pub(crate) fallback: Vec<LinkedFallback>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) emits: Emits,
    pub(crate) output: OutputFormat,
    /// Whether the answers of its calls are taken from former runs.
    pub(crate) cached: bool,
    /// The steps whose items are its lines, while it runs.
    pub(crate) feeds: Vec<StepIndex>,
}

impl LinkedStep {
    /// Whether a call is an attempt. A value that stands in for one is none: nobody is told that it begins, nor that it ends.
    pub(crate) fn is_attempt(&self, call: Call) -> bool {
        let Call::Fallback(place) = call else { return true };
        !matches!(self.fallback.get(place as usize), Some(LinkedFallback::Value(_)))
    }
}

/// What a step calls.
pub(crate) enum Callee {
    Unit(LinkedUnit),
    /// Another pipeline, by the name of its unit.
    Pipeline(Arc<str>, Linked),
}

impl Callee {
    fn name(&self) -> String {
        match self {
            Callee::Unit(unit) => format!("unit {}", unit.name),
            Callee::Pipeline(name, _) => format!("pipeline {name}"),
        }
    }
}

/// A unit, ready to be called.
pub(crate) struct LinkedUnit {
    pub(crate) name: Arc<str>,
    pub(crate) routed: Arc<Routed>,
    pub(crate) digest: Digest,
    pub(crate) interface: Interface,
    pub(crate) function: Option<Arc<str>>,
    /// Of a [`CallKey`](crate::CallKey), made when it is asked for.
    pub(crate) called: OnceLock<Digest>,
}

/// What takes the place of a call that failed.
pub(crate) enum LinkedFallback {
    Value(Program),
    Call(Callee),
    /// The plan's business.
    Step,
}

/// Makes a call and keeps what it gave. However it ends, panics of the engine included, is in the step's work; no secret is.
pub(crate) async fn attempt(run: &Arc<Run>, step: &LinkedStep, started: &Started) -> (VerdictKind, bool) {
    let task = started.task;
    let item = step.foreach.is_some().then_some(task.item);
    let made = make(run, step, started, item).await;
    let verdict = made.verdict.map_texts(|text| run.linked.secrets.redact(text));
    let receipt = made.receipt.map(|receipt| receipt.redacted(&run.linked.secrets));
    let attempt = started.attempt;
    if step.is_attempt(started.call) {
        let (step, receipt) = (&step.id, receipt.as_ref());
        run.notify(&RunEvent::AttemptFinished { step, item, attempt, verdict: &verdict, receipt });
    }
    let (kind, permanent) = (verdict.kind(), verdict.is_permanent());
    let Some(mut work) = run.work(task.step) else { return (kind, permanent) };
    match receipt {
        Some(receipt) => push(&mut work.attempts, receipt),
        None if kind != VerdictKind::Ok => work.unreceipted.push((task.item, attempt, verdict)),
        None => {}
    }
    work.runs.extend(made.run);
    if let Some((output, metadata)) = made.answer {
        push(&mut work.answers, (task.item, output, metadata));
        work.fallback = made.fallback.or(work.fallback.take());
    }
    (kind, permanent)
}

/// Nearly every step has one attempt and one answer: room for four, which a vector makes, is most of what a run of small steps takes.
fn push<T>(list: &mut Vec<T>, one: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(one);
}

/// What a call gave.
struct Made {
    verdict: Verdict,
    receipt: Option<Receipt>,
    run: Option<SubRun>,
    answer: Option<(Value, Option<Value>)>,
    fallback: Option<Arc<str>>,
}

impl Made {
    fn failed(verdict: Verdict) -> Self {
        Made { verdict, receipt: None, run: None, answer: None, fallback: None }
    }
}

async fn make(run: &Arc<Run>, step: &LinkedStep, started: &Started, item: Option<u32>) -> Made {
    // A copy: more items may come meanwhile.
    let its_item = item.and_then(|place| run.work(started.task.step)?.items.as_ref()?.get(place as usize).cloned());
    let scope = ItemScope { run, item: its_item.as_ref().zip(item) };
    let (callee, fallback) = match started.call {
        Call::Primary => (&step.callee, None),
        Call::Fallback(place) => match step.fallback.get(place as usize) {
            Some(LinkedFallback::Call(callee)) => (callee, Some(callee.name().into())),
            Some(LinkedFallback::Value(program)) => return value(step, program, &scope),
            _ => return Made::failed(Verdict::HostError { message: "there is no such fallback".to_owned() }),
        },
    };
    let evaluated = catch_unwind(AssertUnwindSafe(|| step.input.evaluate(&scope)));
    let (input, digest) = match evaluated {
        Ok(Ok(evaluated)) => evaluated,
        Ok(Err(message)) => return Made::failed(Verdict::InvalidInput { message }),
        Err(panic) => return Made::failed(host_error("an expression panicked", &*panic)),
    };
    let (mut made, output) = match callee {
        Callee::Unit(unit) => {
            let (receipt, output) = called(run, step, unit, started, item, &input, digest).await;
            (Made { verdict: receipt.verdict.clone(), receipt: Some(receipt), ..Made::failed(Verdict::Ok) }, output)
        }
        Callee::Pipeline(_, linked) => {
            if let Some(then) = stopped_run(run, step, started, item).await {
                return Made { run: Some(SubRun { input: digest, ..then.0 }), ..Made::failed(then.1) };
            }
            let (cancel, observer) = (&started.cancel, run.observer());
            let seed = run.seed ^ u64::from(started.task.step.get() as u32).rotate_left(17);
            let caller = Caller {
                step: &step.id,
                item,
                attempt: started.attempt,
                run: &run.id,
                seed,
                cancel,
                observer,
                reuse: &run.reuse,
                answerer: &run.answerer,
                room: run.room.clone(),
            };
            let (verdict, ran) = nested::call(linked, caller, &input, digest, || run.clock().now()).await;
            let (sub_run, output) = ran.unzip();
            (Made { run: sub_run, ..Made::failed(verdict) }, output.flatten())
        }
    };
    made.answer = output.map(|output| match step.emits {
        Emits::Output => (output, None),
        Emits::Metadata => (whole(input), Some(output)),
    });
    made.fallback = fallback;
    made
}

/// Of a run that is made again: what a call of a pipeline came to that was stopped, and with it the call.
async fn stopped_run(
    run: &Arc<Run>,
    step: &LinkedStep,
    started: &Started,
    item: Option<u32>,
) -> Option<(SubRun, Verdict)> {
    let Callee::Pipeline(_, linked) = &step.callee else { return None };
    let then = run.reuse.recorded.as_ref()?.stopped_run(&run.id, &step.id, item, started.attempt)?;
    let verdict = nested::verdict(&then.document, linked.pipeline(), then.usage.wall);
    let is_by_clock = verdict != Verdict::Cancelled || run.waited_for_its_time(started).await;
    is_by_clock.then(|| (then.clone(), verdict))
}

/// A unit's call, or what it gave in a former run.
async fn called(
    run: &Arc<Run>,
    step: &LinkedStep,
    unit: &LinkedUnit,
    started: &Started,
    item: Option<u32>,
    input: &Input,
    digest: Digest,
) -> (Receipt, Option<Value>) {
    let attempt = started.attempt;
    let Reuse { all, asked, verify, recorded } = &run.reuse;
    if let Some(recorded) = recorded {
        let then = recorded.receipt(&run.id, &step.id, item, attempt).map(|receipt| &receipt.verdict);
        let is_by_clock = match then {
            Some(Verdict::TimedOut { .. }) => true,
            Some(Verdict::Cancelled) => run.waited_for_its_time(started).await,
            _ => false,
        };
        if is_by_clock || !memo::is_pure(step, unit) {
            let (receipt, output) = taken(run, step, unit, (item, attempt), digest, recorded);
            return (receipt, output.filter(|_| !is_by_clock));
        }
    }
    let memos = [all.as_deref(), asked.as_deref().filter(|_| step.cached)];
    let is_used = (*verify || memos.iter().any(Option::is_some)) && !started.cancel.is_cancelled();
    let key = is_used.then(|| memo::key(step, unit, input, digest)).flatten();
    let kept = key.as_ref().and_then(|key| memos.iter().flatten().find_map(|memo| memo.lookup(key)));
    let kept = kept.filter(|kept| !memo::is_of(kept, &run.id));
    if let Some(Kept { receipt, output }) = kept.as_ref().filter(|_| !verify) {
        return (Receipt { item, attempt, input: digest, ..receipt.clone() }, Some(output.clone()));
    }
    let call = async |is_first| {
        // What is written is told of once.
        let sink = (is_first && !step.feeds.is_empty()).then(|| Lines::sink(run, &step.feeds));
        let answer = call(run, step, unit, started, input, digest, sink).await;
        receipt(step, unit, item, attempt, digest, answer)
    };
    let (mut receipt, mut output) = call(true).await;
    // The key names the engine that was picked, and its fuel is not another's.
    let key = key.filter(|_| receipt.engine == *unit.routed.engine());
    if *verify && key.is_some() && receipt.verdict.is_ok() {
        let other = match &kept {
            Some(kept) => kept.receipt.clone(),
            None => call(false).await.0,
        };
        if let Some(message) = memo::difference(&receipt, &other) {
            (receipt.verdict, receipt.output, output) = (Verdict::HostError { message }, None, None);
        }
    }
    if let (Some(key), Some(output), None) = (key, output.as_ref().filter(|output| memo::is_exact(output)), &kept) {
        let receipt = receipt.clone().redacted(&run.linked.secrets);
        let receipt = Receipt { kept_from: Some(run.id.clone()), ..receipt };
        for memo in memos.into_iter().flatten() {
            memo.store(key, Kept { receipt: receipt.clone(), output: output.clone() });
        }
    }
    (receipt, output)
}

/// What a call gave in the run that is made again. It is never made: it could change something outside.
fn taken(
    run: &Run,
    step: &LinkedStep,
    unit: &LinkedUnit,
    (item, attempt): (Option<u32>, u32),
    digest: Digest,
    recorded: &Recorded,
) -> (Receipt, Option<Value>) {
    let engine = unit.routed.engine().clone();
    let Some((then, output)) = recorded.answer(&run.id, &step.id, item, attempt) else {
        let message =
            "the record has no answer for this call, and it is not made: it could be another today".to_owned();
        let outcome = Outcome::failed(Verdict::HostError { message }, Usage { fuel: Some(0), ..Usage::default() });
        let routing = unit.routed.routing(&step.limits);
        return receipt(step, unit, item, attempt, digest, Answer { outcome, engine, routing });
    };
    // What was called, and with what, is this run's word and not the record's.
    let receipt = Receipt {
        item,
        attempt,
        unit: unit.digest,
        interface: unit.interface,
        function: unit.function.clone(),
        profile: step.profile,
        limits: step.limits.clone(),
        grants: step.grants.clone(),
        input: digest,
        ..then
    };
    (receipt, output)
}

/// The value of a fallback.
fn value(step: &LinkedStep, program: &Program, scope: &ItemScope<'_>) -> Made {
    let answer = || {
        let value = bounded(program.evaluate(scope).map_err(|error| explain(&error))?)?;
        Ok(match step.emits {
            Emits::Output => (value, None),
            Emits::Metadata => (whole(step.input.evaluate(scope)?.0), Some(value)),
        })
    };
    match catch_unwind(AssertUnwindSafe(answer)) {
        Ok(Ok(answer)) => Made { answer: Some(answer), fallback: Some("value".into()), ..Made::failed(Verdict::Ok) },
        Ok(Err(message)) => Made::failed(Verdict::InvalidInput { message }),
        Err(panic) => Made::failed(host_error("an expression panicked", &*panic)),
    }
}

/// An input as one value: what a step that only looks at it hands on. Of several parameters it is the one that is called `input`.
fn whole(input: Cow<'_, Input>) -> Value {
    match input.into_owned() {
        Input::Single(value) => value,
        Input::Named(members) => members.get("input").cloned().unwrap_or_else(|| Value::from(members)),
        Input::Positional(items) => Value::from(items),
    }
}

async fn call(
    run: &Arc<Run>,
    step: &LinkedStep,
    unit: &LinkedUnit,
    started: &Started,
    input: &Input,
    digest: Digest,
    sink: Option<Arc<dyn StdoutSink>>,
) -> Answer {
    let began = run.clock().now();
    let cancel = &started.cancel;
    let limits = limits(run, step);
    let call = wasmill_engine::Call { stdout: sink.as_ref(), ..wasmill_engine::Call::new(input, &limits, cancel) };
    // The call is made within the future, so that a panic while it is made is caught like one while it goes on.
    let made = async {
        match answered(run, step, unit, started, input, digest) {
            Some(outcome) => Answer {
                outcome: outcome.await,
                engine: unit.routed.engine().clone(),
                routing: unit.routed.routing(&step.limits),
            },
            None => unit.routed.call(call).await,
        }
    };
    let answer = AssertUnwindSafe(made).catch_unwind().await;
    match answer {
        Ok(Answer { outcome, engine, routing }) => Answer { outcome: outcome.told(), engine, routing },
        Err(panic) => {
            let wall = run.clock().now().saturating_sub(began);
            let usage = Usage { wall, ..Usage::default() };
            let outcome = Outcome::failed(host_error("the engine panicked", &*panic), usage);
            Answer { outcome, engine: unit.routed.engine().clone(), routing: unit.routed.routing(&step.limits) }
        }
    }
}

/// What a call may use. One that is made again ended by itself: how long it took then says nothing of another machine or engine, and whoever
/// made the record may have written what he liked, so that there is an end all the same.
fn limits<'a>(run: &Run, step: &'a LinkedStep) -> Cow<'a, Limits> {
    const SLOWER: u32 = 100;
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    let limits = &*step.limits;
    if run.reuse.recorded.is_none() {
        return Cow::Borrowed(limits);
    }
    let timeout = limits.timeout.saturating_mul(SLOWER).min(LONGEST.max(limits.timeout));
    Cow::Owned(Limits { timeout, ..limits.clone() })
}

/// What somebody says in the place of the engine, where there is somebody.
fn answered<'a>(
    run: &'a Run,
    step: &'a LinkedStep,
    unit: &'a LinkedUnit,
    started: &'a Started,
    input: &'a Input,
    digest: Digest,
) -> Option<BoxFuture<'a, Outcome>> {
    let answerer = run.answerer.as_ref()?;
    Some(answerer.answer(UnitCall {
        run: &run.id,
        step: run.linked.pipeline.steps.get(started.task.step.get())?,
        item: step.foreach.is_some().then_some(started.task.item),
        attempt: started.attempt,
        is_fallback: started.call != Call::Primary,
        input,
        digest,
        limits: &step.limits,
        cancel: &started.cancel,
        key: memo::key(step, unit, input, digest),
        unit: &unit.routed,
    }))
}

fn receipt(
    step: &LinkedStep,
    unit: &LinkedUnit,
    item: Option<u32>,
    attempt: u32,
    input: Digest,
    answer: Answer,
) -> (Receipt, Option<Value>) {
    let Answer { outcome, engine, routing } = answer;
    let Outcome { mut verdict, mut output, usage, log, backtrace, coredump } = outcome;
    match (&verdict, &output) {
        (Verdict::Ok, None) => {
            verdict = Verdict::HostError { message: "the engine reported success without an output".to_owned() };
        }
        (Verdict::Ok, Some(_)) => {}
        _ => output = None,
    }
    let receipt = Receipt {
        item,
        attempt,
        unit: unit.digest,
        interface: unit.interface,
        function: unit.function.clone(),
        engine,
        routing,
        profile: step.profile,
        limits: step.limits.clone(),
        grants: step.grants.clone(),
        input,
        output: output.as_ref().map(|output| output.digest()),
        usage,
        verdict,
        log,
        backtrace,
        coredump,
        kept_from: None,
    };
    (receipt, output)
}

pub(crate) fn host_error(what: &str, panic: &(dyn Any + Send)) -> Verdict {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = match said {
        Some(said) => format!("{what}: {said}"),
        None => what.to_owned(),
    };
    Verdict::HostError { message }
}

/// Makes units out of steps: which of them can share one prepared unit.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct PreparedKey {
    /// By digest, so that the same binary under two names is prepared once.
    pub(crate) unit: Digest,
    pub(crate) function: Option<Arc<str>>,
    pub(crate) output: OutputFormat,
    pub(crate) engines: Vec<String>,
    pub(crate) allow_weaker: bool,
    pub(crate) profile: Profile,
    /// As JSON.
    pub(crate) grants: String,
}
