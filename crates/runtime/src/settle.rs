//! What the calls of a step gave, and the report that is made of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use wasmill_model::{Emits, OnFailure, Receipt, StepReport, SubRun, Value, Verdict};
use wasmill_plan::{Ending, Opening, StepIndex};

use crate::attempt::{LinkedStep, host_error};
use crate::run::{Run, Settled};
use crate::scope::ItemScope;
use crate::step_input::explain;

/// What the calls of one step gave so far.
#[derive(Default)]
pub(crate) struct Work {
    /// The items, where there are any.
    pub(crate) items: Option<Arc<Vec<Value>>>,
    /// One for each item that gave one: its place, the output and, of a step that emits it, the metadata.
    pub(crate) answers: Vec<(u32, Value, Option<Value>)>,
    pub(crate) attempts: Vec<Receipt>,
    /// The runs of the pipeline that it calls.
    pub(crate) runs: Vec<SubRun>,
    /// How the calls ended that left no receipt, with their attempts: their inputs could not be worked out, or they were runs.
    pub(crate) unreceipted: Vec<(u32, u32, Verdict)>,
    /// What a fallback was that gave an answer.
    pub(crate) fallback: Option<Arc<str>>,
    /// Calls that wait until the time of the step is over, in a run that is made again.
    pub(crate) waiting: usize,
    started: Option<Duration>,
}

impl Work {
    /// Notes when the first call begins; whether this is it.
    pub(crate) fn begins(&mut self, now: Duration) -> bool {
        self.started.replace(self.started.unwrap_or(now)).is_none()
    }

    /// The task of a call was dropped.
    pub(crate) fn dropped(&mut self, item: u32, attempt: u32) {
        let message = "the task of the step was dropped before it was done".to_owned();
        self.unreceipted.push((item, attempt, Verdict::HostError { message }));
    }

    /// How an item's last call ended.
    fn verdict_of(&self, item: u32) -> Verdict {
        let receipts = self.attempts.iter().map(|one| (one.item.unwrap_or(0), one.attempt, &one.verdict));
        let others = self.unreceipted.iter().map(|(item, attempt, verdict)| (*item, *attempt, verdict));
        receipts
            .chain(others)
            .filter(|(other, ..)| *other == item)
            .max_by_key(|(_, attempt, _)| *attempt)
            .map(|(.., verdict)| verdict)
            .cloned()
            .unwrap_or_else(|| Verdict::HostError { message: "the step failed, and nobody knows how".to_owned() })
    }

    /// The report of a step that ended like this.
    pub(crate) fn settle(mut self, run: &Run, step: &LinkedStep, ending: Ending) -> Settled {
        self.attempts.sort_by_key(|receipt| (receipt.item, receipt.attempt));
        self.runs.sort_by_key(|run| (run.item, run.attempt));
        self.answers.sort_by_key(|(item, ..)| *item);
        let best_effort = run.linked.pipeline.on_failure == OnFailure::BestEffort;
        let elapsed = || {
            let started = self.started.unwrap_or_default();
            run.clock().now().saturating_sub(started)
        };
        let (verdict, replaced_by) = match ending {
            Ending::Succeeded => (Verdict::Ok, None),
            Ending::Failed { item, replaced_by } => (self.verdict_of(item), replaced_by),
            Ending::NotOpened { replaced_by } => (self.verdict_of(0), replaced_by),
            Ending::TimedOut { replaced_by } => {
                (Verdict::TimedOut { limit: step.timeout.unwrap_or_default(), elapsed: elapsed() }, replaced_by)
            }
            Ending::Cancelled => (Verdict::Cancelled, None),
            Ending::Skipped(reason) => (Verdict::Skipped { reason }, None),
        };
        let (mut discarded, mut discarded_runs) = (Vec::new(), Vec::new());
        match ending {
            Ending::Skipped(_) => {
                discarded = std::mem::take(&mut self.attempts);
                discarded_runs = std::mem::take(&mut self.runs);
            }
            Ending::Failed { item, .. } if !best_effort => {
                let first = self.attempts.partition_point(|receipt| receipt.item.is_none_or(|other| other <= item));
                discarded = self.attempts.split_off(first);
                let first = self.runs.partition_point(|run| run.item.is_none_or(|other| other <= item));
                discarded_runs = self.runs.split_off(first);
            }
            _ => {}
        }
        let (output, metadata) = match ending {
            Ending::Succeeded => self.answer(step),
            // What there is of it.
            Ending::Failed { .. } if best_effort && step.foreach.is_some() => self.answer(step),
            _ => (None, None),
        };
        let partial = match ending {
            Ending::Failed { item, .. } if output.is_none() => self.partial(step, Some(item)),
            Ending::TimedOut { .. } | Ending::Cancelled => self.partial(step, None),
            _ => None,
        };
        let stand_in =
            |other: StepIndex| run.linked.steps.get(other.get()).map(|step| format!("step {}", step.id).into());
        let fallback = replaced_by.and_then(stand_in).or(self.fallback.filter(|_| verdict.is_ok()));
        let (attempts, runs) = (self.attempts, self.runs);
        let report = StepReport { verdict, output, metadata, partial, fallback, attempts, runs };
        Settled { report, replaced_by, discarded, discarded_runs }
    }

    /// What the items gave that come before the one that failed, where they did not succeed as a whole.
    fn partial(&mut self, step: &LinkedStep, before: Option<u32>) -> Option<Value> {
        step.foreach.as_ref()?;
        self.answers.retain(|(item, ..)| before.is_none_or(|before| *item < before));
        if self.answers.is_empty() {
            return None;
        }
        self.answer(step).0
    }

    /// The output and the metadata: those of the only call, or arrays with one for each item, null where there is none.
    fn answer(&mut self, step: &LinkedStep) -> (Option<Value>, Option<Value>) {
        let answers = std::mem::take(&mut self.answers);
        let emits = step.emits == Emits::Metadata;
        if step.foreach.is_none() {
            return match answers.into_iter().next() {
                Some((_, output, metadata)) => (Some(output), metadata),
                None => (None, None),
            };
        }
        let mut outputs = vec![Value::Null; self.items.as_ref().map_or(0, |items| items.len())];
        let mut metadata = if emits { outputs.clone() } else { Vec::new() };
        for (item, output, found) in answers {
            if let Some(slot) = outputs.get_mut(item as usize) {
                *slot = output;
            }
            if let (Some(slot), Some(found)) = (metadata.get_mut(item as usize), found) {
                *slot = found;
            }
        }
        (Some(Value::from(outputs)), emits.then(|| Value::from(metadata)))
    }
}

impl Run {
    /// Looks at a step's condition and its items.
    pub(crate) fn open(&self, step: StepIndex) -> Opening {
        let Some(linked) = self.linked.steps.get(step.get()) else { return Opening::Failed };
        let found = catch_unwind(AssertUnwindSafe(|| self.look(step, linked)));
        let found = found.unwrap_or_else(|panic| Err(host_error("an expression panicked", &*panic)));
        found.unwrap_or_else(|verdict| {
            if let Some(mut work) = self.work(step) {
                work.unreceipted.push((0, 0, verdict.map_texts(|text| self.linked.secrets.redact(text))));
            }
            Opening::Failed
        })
    }

    fn look(&self, step: StepIndex, linked: &LinkedStep) -> Result<Opening, Verdict> {
        let scope = ItemScope { run: self, item: None };
        let invalid = |message: String| Verdict::InvalidInput { message };
        if let Some(when) = &linked.when {
            match when.evaluate(&scope).map_err(|error| invalid(explain(&error)))? {
                Value::Bool(true) => {}
                Value::Bool(false) => return Ok(Opening::No),
                other => return Err(invalid(format!("`when` must be true or false, and is {}", other.kind()))),
            }
        }
        let Some(foreach) = &linked.foreach else { return Ok(Opening::Once) };
        match foreach.evaluate(&scope).map_err(|error| invalid(explain(&error)))? {
            Value::List(items) => {
                let count =
                    u32::try_from(items.len()).map_err(|_| invalid("`foreach` has too many items".to_owned()))?;
                if let Some(mut work) = self.work(step) {
                    work.items = Some(items);
                }
                Ok(Opening::Items(count))
            }
            other => Err(invalid(format!("`foreach` must be an array, and is {}", other.kind()))),
        }
    }
}
