//! Items that come one by one: the lines of a command that still runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wasmill_engine::StdoutSink;
use wasmill_model::{Emits, OnFailure, OutputFormat, Pipeline, Reference, Step, Template, Value};
use wasmill_plan::StepIndex;

use crate::run::Run;
use crate::step_input::is_output_of;

/// The step whose lines can be the items of this one while it runs: its output is read as ndjson and is all that `foreach` asks for, and
/// nothing could make it begin anew.
pub(crate) fn source<'p>(
    pipeline: &Pipeline,
    step: &Step,
    find: impl Fn(&str) -> Option<&'p Step>,
) -> Option<&'p Step> {
    let foreach = step.foreach.as_ref()?;
    let Template::Expression(expression) = &foreach.items else { return None };
    let [Reference::Step(id)] = expression.references.as_slice() else { return None };
    let gives = find(id)?;
    // What else it says may look at the source only when that has ended.
    let looks = step.expressions().into_iter().flat_map(|expression| &expression.references);
    let looks_once = looks.filter(|reference| matches!(reference, Reference::Step(other) if other == id)).count() == 1;
    let is_plain =
        looks_once && step.when.is_none() && step.timeout.is_none() && pipeline.on_failure != OnFailure::BestEffort;
    let is_once = gives.foreach.is_none() && gives.retry.attempts <= 1 && gives.fallback.is_empty();
    let gives_lines = gives.output == OutputFormat::Ndjson && gives.emits == Emits::Output;
    (is_plain && is_once && gives_lines && is_output_of(expression, id)).then_some(gives)
}

/// Reads the lines of a command, and hands them to the steps whose items they are.
pub(crate) struct Lines {
    run: Weak<Run>,
    to: Vec<StepIndex>,
    rest: Mutex<Rest>,
}

#[derive(Default)]
struct Rest {
    /// The beginning of a line.
    line: Vec<u8>,
    /// A line is no JSON: the command fails when it ends.
    broken: bool,
}

impl Lines {
    pub(crate) fn sink(run: &Arc<Run>, to: &[StepIndex]) -> Arc<dyn StdoutSink> {
        Arc::new(Lines { run: Arc::downgrade(run), to: to.to_vec(), rest: Mutex::default() })
    }
}

impl StdoutSink for Lines {
    fn written(&self, bytes: &[u8]) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(run) = self.run.upgrade().filter(|_| !rest.broken) else { return };
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            rest.line.extend_from_slice(bytes);
            return;
        };
        let (complete, begun) = bytes.split_at(end);
        let mut lines = std::mem::take(&mut rest.line);
        lines.extend_from_slice(complete);
        // Behind the end of its line.
        rest.line.extend(begun.iter().skip(1));
        let mut items = Vec::new();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            match Value::from_json(line) {
                Ok(item) => items.push(item),
                Err(_) => {
                    rest.broken = true;
                    break;
                }
            }
        }
        drop(rest);
        if !items.is_empty() {
            run.arrived(&self.to, &items);
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lines").field("to", &self.to).finish_non_exhaustive()
    }
}
