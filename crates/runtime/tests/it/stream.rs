//! Items that are called while the command still runs whose lines they are.

use std::sync::Arc;
use std::sync::Mutex;

use wasmill_model::{
    Fallback, FallbackTo, Foreach, OnFailure, OutputFormat, Pipeline, Retry, RunDocument, Step, Strategy, VerdictSet,
};
use wasmill_runtime::{InlineSpawner, Observer, RunEvent, RunOptions};

use crate::fake::{Fake, after, block_on, host, linked, object, pipeline, single, step, template, verdicts};

#[derive(Default)]
struct Order(Mutex<Vec<String>>);

impl Observer for Order {
    fn event(&self, event: &RunEvent<'_>) {
        let line = match event {
            RunEvent::StepStarted { step, item, .. } => format!("+{step}{}", item.unwrap_or(0)),
            RunEvent::StepFinished { step, .. } => format!("-{step}"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

fn lines(number: &str) -> Step {
    Step { output: OutputFormat::Ndjson, with: single(number), ..Step::new("lines", "lines") }
}

fn each(function: &str) -> Step {
    let items = template("${{ steps.lines.output }}");
    Step { foreach: Some(Foreach { items, max_parallel: None }), ..step("each", function, single("${{ item }}")) }
}

/// The document, and whether items were called before the command had ended.
fn run(pipeline: Pipeline) -> (RunDocument, bool) {
    let order = Arc::new(Order::default());
    let host = host(&Fake::new(0), InlineSpawner::new());
    let options = RunOptions { observer: order.clone(), ..RunOptions::new("r1") };
    let document = block_on(linked(&host, pipeline).run(object("{}"), options));
    let order = order.0.lock().unwrap();
    let place = |line: &str| order.iter().position(|other| other == line);
    let streamed = place("+each0").is_some_and(|begun| place("-lines").is_none_or(|ended| begun < ended));
    (document, streamed)
}

fn at_once(pipeline: Pipeline, max_concurrency: u32, strategy: Strategy) -> Pipeline {
    let mut pipeline = pipeline;
    pipeline.schedule.max_concurrency = max_concurrency;
    pipeline.schedule.strategy = strategy;
    pipeline
}

#[test]
fn items_do_not_wait_for_the_last_line() {
    for strategy in Strategy::ALL {
        let steps = || vec![lines("3"), each("increment")];
        let (expected, streamed) = run(at_once(pipeline(steps(), &[]), 1, strategy));
        assert!(!streamed, "there is no room for it");
        let (document, streamed) = run(at_once(pipeline(steps(), &[]), 4, strategy));
        // A barrier between levels is one for items too.
        assert_eq!(streamed, strategy != Strategy::Level, "{strategy:?}");
        assert_eq!(document.outputs, expected.outputs);
        assert_eq!(document.steps["each"].output.as_ref().unwrap().to_json(), "[2,3,4]");
        assert_eq!(document.steps, expected.steps);
    }
}

#[test]
fn what_is_called_for_a_command_that_fails_does_not_count() {
    for on_failure in [OnFailure::FailFast, OnFailure::Continue] {
        let outer = Pipeline { on_failure, ..pipeline(vec![lines("103"), each("increment")], &[]) };
        let (expected, _) = run(at_once(outer.clone(), 1, Strategy::WorkQueue));
        let (document, streamed) = run(at_once(outer, 4, Strategy::WorkQueue));
        assert!(streamed);
        assert_eq!(verdicts(&document), "lines:trap each:skipped");
        assert_eq!((&document.steps, &document.error), (&expected.steps, &expected.error));
        assert_eq!(document.discarded["each"].len(), 3);
        assert!(expected.discarded.is_empty());
    }
}

#[test]
fn an_item_that_fails_fails_when_the_command_has_ended() {
    let outer = || pipeline(vec![lines("3"), each("even"), after(step("then", "noop", single("1")), &["each"])], &[]);
    let (expected, _) = run(at_once(outer(), 1, Strategy::WorkQueue));
    let (document, streamed) = run(at_once(outer(), 4, Strategy::WorkQueue));
    assert!(streamed);
    assert_eq!(verdicts(&document), "lines:ok each:guest-error then:skipped");
    assert_eq!((&document.steps, &document.error), (&expected.steps, &expected.error));
}

#[test]
fn what_could_begin_anew_is_waited_for() {
    let mut again = lines("3");
    again.retry = Retry { attempts: 2, ..Retry::default() };
    let mut conditional = each("increment");
    conditional.when = Some(template("${{ true }}"));
    let mut counted = each("increment");
    counted.foreach =
        Some(Foreach { items: template("${{ steps.lines.output.map(one, one + 1) }}"), max_parallel: None });
    let mut text = lines("3");
    text.output = OutputFormat::Json;
    let mut looks = each("sum");
    looks.with = single("${{ [item, size(steps.lines.output)] }}");
    let mut spared = each("increment");
    spared.fallback =
        vec![Fallback { on: VerdictSet::FAILURES, to: FallbackTo::Value(template("${{ steps.lines.verdict }}")) }];
    for steps in [
        vec![lines("3"), looks],
        vec![lines("3"), spared],
        vec![again, each("increment")],
        vec![lines("3"), conditional],
        vec![lines("3"), counted],
        vec![text, each("increment")],
    ] {
        let (document, streamed) = run(at_once(pipeline(steps, &[]), 4, Strategy::WorkQueue));
        assert!(!streamed);
        assert_eq!(verdicts(&document), "lines:ok each:ok");
    }
    let best = Pipeline { on_failure: OnFailure::BestEffort, ..pipeline(vec![lines("3"), each("increment")], &[]) };
    assert!(!run(at_once(best, 4, Strategy::WorkQueue)).1);
}
