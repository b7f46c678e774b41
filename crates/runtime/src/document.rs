//! The run document, put together when all steps have ended.

use std::sync::Arc;

use wasmill_model::{Code, Object, RunDocument, RunError, RunVerdict, SkipReason, StepReport, Verdict, VerdictKind};
use wasmill_plan::StepIndex;

use crate::attempt::without_attempt;
use crate::link::LinkedParts;
use crate::run::{End, Run};
use crate::step_input::explain;

/// The document of a run that has ended.
pub(crate) fn document(run: Arc<Run>, end: End) -> RunDocument {
    let linked = run.linked.clone();
    let id = run.id.clone();
    let (verdict, outputs, error) = match end.verdict {
        RunVerdict::Ok => match outputs(&run) {
            Ok(outputs) => (RunVerdict::Ok, outputs, None),
            Err(error) => (RunVerdict::Failed, Object::new(), Some(error)),
        },
        RunVerdict::Failed => {
            let error = end.failed.and_then(|step| step_error(&run, step));
            (RunVerdict::Failed, Object::new(), error)
        }
        RunVerdict::Cancelled => (RunVerdict::Cancelled, Object::new(), Some(cancelled())),
    };
    let reports = Run::into_reports(run);
    let steps = linked.steps.iter().zip(reports);
    let steps = steps.map(|(step, report)| (step.id.clone(), report.unwrap_or_else(never_started))).collect();
    RunDocument { wasmill: 1, run: id, pipeline: linked.pipeline.name.clone(), verdict, outputs, steps, error }
}

/// A plan ends every step: nothing is known that would lead here.
fn never_started() -> StepReport {
    without_attempt(Verdict::Skipped { reason: SkipReason::Cancelled })
}

/// The declared outputs; where none are, those of the steps that nothing waits for.
fn outputs(run: &Run) -> Result<Object, RunError> {
    let linked: &LinkedParts = &run.linked;
    if linked.pipeline.outputs.is_empty() {
        let sinks = linked.graph.sinks();
        return Ok(sinks
            .filter_map(|step| {
                let id = linked.steps.get(step.get())?.id.clone();
                Some((id, run.output(step)?.clone()))
            })
            .collect());
    }
    let mut outputs = Object::with_capacity(linked.outputs.len());
    for (name, program) in &linked.outputs {
        let value = program.evaluate(run).map_err(|error| RunError {
            code: Code::InvalidInput,
            // The words of an expression may show what it was given.
            message: linked.secrets.redact(format!("the output `{name}` could not be worked out: {}", explain(&error))),
            step: None,
            help: None,
            verdict: VerdictKind::InvalidInput,
        })?;
        outputs.insert(name.clone(), value);
    }
    Ok(outputs)
}

fn step_error(run: &Run, step: StepIndex) -> Option<RunError> {
    let id = &run.linked.steps.get(step.get())?.id;
    let verdict = &run.report(step)?.verdict;
    Some(RunError {
        code: verdict.kind().code().unwrap_or(Code::HostError),
        message: format!("step `{id}` failed: {}", verdict.message()),
        step: Some(id.clone()),
        help: verdict.help(),
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
