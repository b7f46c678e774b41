//! The run document, put together when all steps have ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{
    Code, Object, OnFailure, Pipeline, Receipt, Reference, RunDocument, RunError, RunVerdict, SkipReason, StepReport,
    Template, Verdict, VerdictKind, format_duration,
};
use wasmill_plan::StepIndex;

use crate::attempt::host_error;
use crate::bounds::bounded;
use crate::budget;
use crate::link::{self, LinkedParts};
use crate::run::{End, Run, Settled};
use crate::scope::ItemScope;
use crate::step_input::explain;

/// The document of a run that has ended.
pub(crate) fn document(run: Arc<Run>, end: End) -> RunDocument {
    let linked = run.linked.clone();
    let id = run.id.clone();
    let on_failure = linked.pipeline.on_failure;
    let (verdict, outputs, error) = match end.verdict {
        RunVerdict::Ok => match outputs(&run, on_failure != OnFailure::BestEffort, RunVerdict::Ok) {
            Ok(outputs) => (RunVerdict::Ok, outputs, None),
            Err(error) => (RunVerdict::Failed, Object::new(), Some(error)),
        },
        RunVerdict::Failed => {
            let error = match end.failed {
                _ if end.timed_out => Some(timed_out(&linked)),
                failed => failed.and_then(|step| step_error(&run, step)),
            };
            let partial = match on_failure {
                OnFailure::FailFast => Object::new(),
                OnFailure::Continue | OnFailure::BestEffort => {
                    outputs(&run, false, RunVerdict::Failed).unwrap_or_default()
                }
            };
            (RunVerdict::Failed, partial, error)
        }
        RunVerdict::Cancelled => (RunVerdict::Cancelled, Object::new(), Some(cancelled())),
    };
    let mut settled = Run::into_settled(run);
    for (step, reason) in end.discarded {
        if let Some(Some(settled)) = settled.get_mut(step.get()) {
            let skipped = StepReport::without_attempt(Verdict::Skipped { reason });
            let report = std::mem::replace(&mut settled.report, skipped);
            settled.discarded.extend(report.attempts);
            settled.discarded_runs.extend(report.runs);
        }
    }
    let mut discarded: IndexMap<Arc<str>, Vec<Receipt>> = IndexMap::new();
    let mut steps = IndexMap::with_capacity(linked.steps.len());
    for (step, settled) in linked.steps.iter().zip(settled) {
        let report = match settled {
            Some(Settled { report, discarded: aside, discarded_runs, .. }) => {
                if !aside.is_empty() {
                    discarded.insert(step.id.clone(), aside);
                }
                for (path, receipts) in discarded_runs.into_iter().flat_map(|run| run.into_receipts(&step.id)) {
                    discarded.entry(path).or_default().extend(receipts);
                }
                report
            }
            // A plan ends every step: nothing is known that would lead here.
            None => StepReport::without_attempt(Verdict::Skipped { reason: SkipReason::Cancelled }),
        };
        steps.insert(step.id.clone(), report);
    }
    let pipeline = linked.pipeline.name.clone();
    let document = RunDocument { wasmill: 1, run: id, pipeline, verdict, outputs, steps, discarded, error };
    within_budget(document, &linked.pipeline)
}

/// A run that succeeded and used more than it may has failed. That shows when it ends: only then it does not depend on the order of its steps.
fn within_budget(mut document: RunDocument, pipeline: &Pipeline) -> RunDocument {
    if document.verdict != RunVerdict::Ok {
        return document;
    }
    let mut broken = None;
    for step in &pipeline.steps {
        let Some((limit, report)) = step.budget.fuel.zip(document.steps.get_mut(&step.id)) else { continue };
        let used = budget::of_step(report).unwrap_or(u64::MAX);
        if used > limit {
            // What it gave stays in sight, as that of a step that failed in its midst does: it is what a receipt has the digest of.
            report.verdict = Verdict::FuelExhausted { limit };
            report.partial = report.output.take().or(report.partial.take());
            broken = Some((Some(step.id.clone()), limit, used));
            break;
        }
    }
    let of_run = || {
        let (limit, used) = (pipeline.budget.fuel?, budget::fuel_used(&document).unwrap_or(u64::MAX));
        (used > limit).then_some((None, limit, used))
    };
    let Some((step, limit, used_fuel)) = broken.or_else(of_run) else { return document };
    let who = step.as_ref().map_or("the run".to_owned(), |step| format!("step `{step}`"));
    let used = if used_fuel == u64::MAX {
        "fuel that nobody counted".to_owned()
    } else {
        format!("{used_fuel} units of fuel")
    };
    let help = (used_fuel != u64::MAX).then(|| raise(used_fuel.max(limit)));
    document.error = Some(RunError {
        code: Code::FuelExhausted,
        message: format!("{who} used {used}, and its budget is {limit}"),
        step,
        help,
        verdict: VerdictKind::FuelExhausted,
    });
    document.verdict = RunVerdict::Failed;
    if pipeline.on_failure == OnFailure::FailFast {
        document.outputs = Object::new();
    }
    document
}

/// What to do where so much was used.
fn raise(used: u64) -> String {
    format!("raise it with `budget: {{ fuel: {} }}`, or find out what costs more than it did", used.saturating_mul(2))
}

/// The least budget that an attempt of the step is under.
fn budget_of(run: &Run, step: StepIndex) -> Option<u64> {
    let pipeline = &run.linked.pipeline;
    link::budget(pipeline, pipeline.steps.get(step.get())?)
}

/// The declared outputs; where none are, those of the steps that nobody reads. Of a run that went wrong, those that there are.
fn outputs(run: &Run, all: bool, end: RunVerdict) -> Result<Object, RunError> {
    let linked: &LinkedParts = &run.linked;
    if linked.pipeline.outputs.is_empty() {
        // Of a run that succeeded each has its place, also one that did not run: who reads them need not look at what failed.
        let each_has_one = end == RunVerdict::Ok;
        let last = linked.last.iter();
        return Ok(last
            .filter_map(|step| {
                let id = linked.steps.get(step.get())?.id.clone();
                let output = run.output(*step).cloned();
                Some((id, if each_has_one { output.unwrap_or_default() } else { output? }))
            })
            .collect());
    }
    let mut outputs = Object::with_capacity(linked.outputs.len());
    for ((name, program), template) in linked.outputs.iter().zip(linked.pipeline.outputs.values()) {
        if !all && linked.pipeline.on_failure == OnFailure::Continue && !is_there(run, template) {
            continue;
        }
        let evaluated = catch_unwind(AssertUnwindSafe(|| program.evaluate(&ItemScope { run, item: None })));
        let evaluated = match evaluated {
            Ok(Ok(value)) => bounded(value),
            Ok(Err(error)) => Err(explain(&error)),
            Err(panic) => Err(host_error("an expression panicked", &*panic).message()),
        };
        let value = match evaluated {
            Ok(value) => value,
            Err(_) if !all => continue,
            Err(error) => {
                return Err(RunError {
                    code: Code::InvalidInput,
                    // The words of an expression may show what it was given.
                    message: linked.secrets.redact(format!("the output `{name}` could not be worked out: {error}")),
                    step: None,
                    help: None,
                    verdict: VerdictKind::InvalidInput,
                });
            }
        };
        outputs.insert(name.clone(), value);
    }
    Ok(outputs)
}

/// Whether every step that it reads gave an output.
fn is_there(run: &Run, template: &Template) -> bool {
    let references = template.expressions().into_iter().flat_map(|expression| &expression.references);
    let mut steps = references.filter_map(|reference| match reference {
        Reference::Step(id) => run.linked.index_of(id),
        _ => None,
    });
    steps.all(|step| run.output(step).is_some())
}

fn timed_out(linked: &LinkedParts) -> RunError {
    let limit = linked.pipeline.timeout.unwrap_or_default();
    RunError {
        code: Code::TimedOut,
        message: format!("the run was stopped: it may take {} in all", format_duration(limit)),
        step: None,
        help: Some("raise the pipeline's `timeout`, or give its steps less to do".to_owned()),
        verdict: VerdictKind::TimedOut,
    }
}

fn step_error(run: &Run, step: StepIndex) -> Option<RunError> {
    let linked = run.linked.steps.get(step.get())?;
    let id = &linked.id;
    let report = run.report(step)?;
    let verdict = &report.verdict;
    // Of a pipeline that it calls: what failed there.
    let inner = report.runs.last().and_then(|run| run.document.error.as_ref());
    let inner = inner.filter(|error| error.verdict == verdict.kind());
    let message = inner.map_or_else(|| verdict.message(), |error| error.message.clone());
    // What was called for later ones does not count, so the last is the one that failed.
    let item = report.attempts.last().and_then(|receipt| receipt.item);
    let item = item.or_else(|| report.runs.last().and_then(|run| run.item));
    let item = item.map(|item| format!(" at item {item}")).unwrap_or_default();
    Some(RunError {
        code: verdict.kind().code().unwrap_or(Code::HostError),
        message: format!("step `{id}` failed{item}: {message}"),
        step: Some(id.clone()),
        help: match (verdict, linked.timeout) {
            _ if inner.is_some() => inner.and_then(|error| error.help.clone()),
            (Verdict::TimedOut { limit, .. }, Some(timeout)) if *limit == timeout => {
                Some("raise the step's `timeout`: it is for all of its attempts together".to_owned())
            }
            (Verdict::FuelExhausted { limit }, _) if budget_of(run, step) == Some(*limit) => Some(raise(*limit)),
            _ => verdict.help(),
        },
        verdict: verdict.kind(),
    })
}

fn cancelled() -> RunError {
    RunError {
        code: Code::Cancelled,
        message: "the run was cancelled".to_owned(),
        step: None,
        help: None,
        verdict: VerdictKind::Cancelled,
    }
}
