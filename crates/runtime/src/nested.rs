//! Steps that call another pipeline: what its inputs are, and what a run of it says.

use std::sync::Arc;
use std::time::Duration;

use wasmill_engine::{BoxFuture, Cancel};
use wasmill_model::{
    Code, Diagnostic, Digest, Input, InputSpec, Object, Pipeline, RunDocument, RunVerdict, Step, SubRun, Template,
    Usage, Value, Verdict, VerdictKind, With,
};

use crate::run::Room;
use crate::{Answerer, Linked, Observer, Reuse, RunEvent, RunOptions, bind_inputs, inputs, suggestion};

/// Who calls, for which item, and which try this is.
pub(crate) struct Caller<'a> {
    pub(crate) step: &'a Arc<str>,
    pub(crate) item: Option<u32>,
    pub(crate) attempt: u32,
    pub(crate) run: &'a Arc<str>,
    pub(crate) seed: u64,
    pub(crate) cancel: &'a Cancel,
    pub(crate) observer: &'a Arc<dyn Observer>,
    pub(crate) reuse: &'a Reuse,
    pub(crate) answerer: &'a Option<Arc<dyn Answerer>>,
    pub(crate) room: Room,
}

/// Runs the pipeline for a step. What the run says besides its verdict is none where the inputs do not fit.
pub(crate) async fn call(
    linked: &Linked,
    caller: Caller<'_>,
    input: &Input,
    digest: Digest,
    now: impl Fn() -> Duration,
) -> (Verdict, Option<(SubRun, Option<Value>)>) {
    let pipeline = linked.pipeline();
    let bound = named(pipeline, input).and_then(|given| {
        bind_inputs(pipeline, given).map_err(|problems| {
            let messages: Vec<String> = problems.0.into_iter().map(|problem| problem.message).collect();
            messages.join("; ")
        })
    });
    let inputs = match bound {
        Ok(inputs) => inputs,
        Err(message) => return (Verdict::InvalidInput { message }, None),
    };
    let Caller { step, item, attempt, run, seed, cancel, observer, reuse, answerer, room } = caller;
    let path: Arc<str> = SubRun::path(step, item, attempt).into();
    let options = RunOptions {
        run: format!("{run}/{path}").into(),
        seed: mixed(seed, item.unwrap_or(0), attempt),
        cancel: cancel.clone(),
        observer: Arc::new(Within { step: step.clone(), item, attempt, path, observer: observer.clone() }),
        reuse: reuse.clone(),
        answerer: answerer.clone(),
    };
    let began = now();
    // Boxed, as a run calls steps and a step calls runs.
    let running: BoxFuture<'static, RunDocument> = Box::pin(linked.run_within(inputs, options, room));
    let document = running.await;
    let wall = now().saturating_sub(began);
    let verdict = verdict(&document, pipeline, wall);
    let output = verdict.is_ok().then(|| Value::from(document.outputs.clone()));
    let usage = usage(&document, wall);
    let output_digest = output.as_ref().map(Value::digest);
    (verdict, Some((SubRun { item, attempt, input: digest, output: output_digest, usage, document }, output)))
}

/// What chance is in the run of a pipeline follows from the chance of the run that calls it.
fn mixed(seed: u64, item: u32, attempt: u32) -> u64 {
    let mut mixed = seed ^ (u64::from(item) << 32 | u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The inputs by their names: a value that stands alone is the only one that there is, or that has to be given.
fn named(pipeline: &Pipeline, input: &Input) -> Result<Object, String> {
    let alone = alone(pipeline);
    match input {
        Input::Named(members) => Ok(members.clone()),
        Input::Positional(items) if items.is_empty() => Ok(Object::new()),
        Input::Positional(_) => Err("the inputs of a pipeline go by their names".to_owned()),
        Input::Single(Value::Object(members))
            if alone.is_none() || members.keys().all(|name| pipeline.inputs.contains_key(name)) =>
        {
            Ok((**members).clone())
        }
        Input::Single(value) => match alone {
            Some(name) => Ok(Object::from([(name.clone(), value.clone())])),
            None if pipeline.inputs.is_empty() => Ok(Object::new()),
            None => Err(format!(
                "the pipeline `{}` has several inputs ({}), and the step gives it {}: write `with: {{ name: … }}`",
                pipeline.name,
                suggestion::list(pipeline.inputs.keys().map(|name| &**name)),
                value.kind()
            )),
        },
    }
}

/// The input whose value may stand without its name.
pub(crate) fn alone(pipeline: &Pipeline) -> Option<&Arc<str>> {
    let mut open = pipeline.inputs.iter().filter(|(_, spec)| is_open(spec)).map(|(name, _)| name);
    match (pipeline.inputs.len(), open.next(), open.next()) {
        (1, ..) => pipeline.inputs.keys().next(),
        (_, Some(only), None) => Some(only),
        _ => None,
    }
}

fn is_open(spec: &InputSpec) -> bool {
    spec.required && spec.default.is_none()
}

/// How the step ends whose pipeline ended like this: as the step ended that failed, or as the run.
pub(crate) fn verdict(document: &RunDocument, pipeline: &Pipeline, elapsed: Duration) -> Verdict {
    let Some(error) = &document.error else {
        return match document.verdict {
            RunVerdict::Ok => Verdict::Ok,
            RunVerdict::Cancelled => Verdict::Cancelled,
            RunVerdict::Failed => Verdict::HostError { message: "the run failed, and nobody knows how".to_owned() },
        };
    };
    let step = error.step.as_ref().and_then(|id| document.steps.get(id));
    match (step, error.verdict) {
        (Some(report), _) if !report.verdict.is_ok() => report.verdict.clone(),
        (_, VerdictKind::Cancelled) => Verdict::Cancelled,
        (_, VerdictKind::TimedOut) => Verdict::TimedOut { limit: pipeline.timeout.unwrap_or_default(), elapsed },
        (_, VerdictKind::FuelExhausted) => Verdict::FuelExhausted { limit: pipeline.budget.fuel.unwrap_or_default() },
        (_, VerdictKind::InvalidInput) => Verdict::InvalidInput { message: error.message.clone() },
        _ => Verdict::HostError { message: error.message.clone() },
    }
}

/// What the attempts of a run used together.
pub(crate) fn usage(document: &RunDocument, wall: Duration) -> Usage {
    let mut sum = Usage { fuel: Some(0), wall, ..Usage::default() };
    let mut add = |usage: &Usage| {
        sum.fuel = sum.fuel.zip(usage.fuel).map(|(sum, fuel)| sum.saturating_add(fuel));
        sum.peak_memory = sum.peak_memory.max(usage.peak_memory);
        sum.bytes_in = sum.bytes_in.saturating_add(usage.bytes_in);
        sum.bytes_out = sum.bytes_out.saturating_add(usage.bytes_out);
        sum.log_bytes = sum.log_bytes.saturating_add(usage.log_bytes);
    };
    // What does not count is not counted: it is another in every run.
    for report in document.steps.values() {
        // What was kept used nothing now.
        let made = report.attempts.iter().filter(|receipt| receipt.kept_from.is_none());
        made.for_each(|receipt| add(&receipt.usage));
        report.runs.iter().for_each(|run| add(&run.usage));
    }
    sum
}

/// Tells of a pipeline that a step calls: of its steps by their paths.
struct Within {
    step: Arc<str>,
    item: Option<u32>,
    attempt: u32,
    path: Arc<str>,
    observer: Arc<dyn Observer>,
}

impl Observer for Within {
    fn event(&self, event: &RunEvent<'_>) {
        let inner = |step: &Arc<str>| Arc::<str>::from(format!("{}/{step}", self.path));
        let tell = |event: RunEvent<'_>| self.observer.event(&event);
        match *event {
            RunEvent::RunStarted { run, pipeline, steps } => {
                let Within { step, item, attempt, path, .. } = self;
                let (item, attempt) = (*item, *attempt);
                tell(RunEvent::SubRunStarted { step, item, attempt, path, run, pipeline, steps });
            }
            RunEvent::StepStarted { step, item, attempt } => {
                tell(RunEvent::StepStarted { step: &inner(step), item, attempt });
            }
            RunEvent::AttemptFinished { step, item, attempt, verdict, receipt } => {
                tell(RunEvent::AttemptFinished { step: &inner(step), item, attempt, verdict, receipt });
            }
            RunEvent::SubRunStarted { step, item, attempt, path, run, pipeline, steps } => {
                let (step, path) = (&inner(step), &inner(path));
                tell(RunEvent::SubRunStarted { step, item, attempt, path, run, pipeline, steps });
            }
            RunEvent::SubRunFinished { path, document } => {
                tell(RunEvent::SubRunFinished { path: &inner(path), document });
            }
            RunEvent::StepFinished { step, report } => tell(RunEvent::StepFinished { step: &inner(step), report }),
            RunEvent::RunFinished { document } => tell(RunEvent::SubRunFinished { path: &self.path, document }),
        }
    }
}

/// What is wrong with a step that calls this pipeline, as far as it shows before the run.
pub(crate) fn check(step: &Step, called: &Pipeline, is_fallback: bool) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let name = &called.name;
    let mut refused = |is_there: bool, key: &str, help: &str| {
        if is_there {
            let message = format!("the step `{}` calls the pipeline `{name}`, and has `{key}`", step.id);
            problems.push(Diagnostic::new(Code::InvalidValue, message).at(&step.location).help(help));
        }
    };
    refused(step.function.is_some(), "function", "take it out: a pipeline is run as a whole");
    if !is_fallback {
        let own = step.limits.without(step.default_limits);
        refused(own != Default::default(), "limits", "write them in the steps of that pipeline");
        refused(step.grants != Default::default(), "grants", "write them in the steps of that pipeline");
    }
    let wrong = |message: String| {
        let inputs: Vec<String> =
            called.inputs.iter().map(|(name, spec)| format!("`{name}` ({})", spec.kind.as_str())).collect();
        let help =
            if inputs.is_empty() { "it has no inputs".to_owned() } else { format!("it has {}", inputs.join(", ")) };
        Diagnostic::new(Code::WrongArguments, message).at(&step.with_location).help(help)
    };
    match &step.with {
        With::Named(members) => {
            for given in members.keys().filter(|given| !called.inputs.contains_key(*given)) {
                problems.push(wrong(format!("the pipeline `{name}` has no input `{given}`")));
            }
            for (input, _) in
                called.inputs.iter().filter(|(input, spec)| is_open(spec) && !members.contains_key(*input))
            {
                problems.push(wrong(format!("the input `{input}` of the pipeline `{name}` is not given")));
            }
            for (input, template) in members {
                if let (Some(spec), Template::Literal(value)) = (called.inputs.get(input), template)
                    && let Err(problem) = inputs::fit(input, spec, value)
                {
                    problems.push(wrong(problem.message));
                }
            }
        }
        With::Positional(items) if !items.is_empty() => {
            problems.push(wrong(format!("the inputs of the pipeline `{name}` go by their names: `with: {{ … }}`")));
        }
        With::Single(_) if called.inputs.is_empty() => {
            problems.push(wrong(format!("the pipeline `{name}` has no inputs, and the step gives it one")));
        }
        With::Positional(_) | With::Single(_) | With::Inherited => {}
    }
    problems
}
