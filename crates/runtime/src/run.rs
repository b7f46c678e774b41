//! One run: workers that take steps from the plan, and the future that waits for them.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_channel::oneshot;
use futures_util::FutureExt;
use wasmill_engine::Cancel;
use wasmill_model::{Digest, Object, RunDocument, RunVerdict, StepReport, Value, Verdict};
use wasmill_plan::{Command, Event, Plan, StepIndex};

use crate::attempt::{attempt, without_attempt};
use crate::document;
use crate::link::LinkedParts;
use crate::step_input::Inputs;
use crate::{Clock, Observer, RunEvent, RunOptions};

/// After so many steps in a row a worker lets others have the thread: engines that never wait would keep it.
const STEPS_IN_A_ROW: u32 = 128;

/// What the workers of a run share.
pub(crate) struct Run {
    pub(crate) linked: Arc<LinkedParts>,
    pub(crate) id: Arc<str>,
    pub(crate) inputs: Inputs,
    /// Stops every guest of this run: given when the plan cancels running steps. Both of its reasons (fail-fast, cancellation)
    /// stop all of them.
    pub(crate) cancel: Cancel,
    reports: Vec<OnceLock<StepReport>>,
    control: Mutex<Control>,
    observer: Arc<dyn Observer>,
}

struct Control {
    plan: Plan,
    end: Option<oneshot::Sender<End>>,
}

/// How the plan ended.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) verdict: RunVerdict,
    pub(crate) failed: Option<StepIndex>,
}

impl Run {
    pub(crate) fn report(&self, step: StepIndex) -> Option<&StepReport> {
        self.reports.get(step.get())?.get()
    }

    pub(crate) fn output(&self, step: StepIndex) -> Option<&Value> {
        self.report(step)?.output.as_ref()
    }

    pub(crate) fn output_digest(&self, step: StepIndex) -> Option<Digest> {
        self.report(step)?.attempts.last()?.output
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.linked.clock
    }

    /// Every step's report. Takes them where nobody else holds the run any more, which is nearly always.
    pub(crate) fn into_reports(run: Arc<Run>) -> Vec<Option<StepReport>> {
        match Arc::try_unwrap(run) {
            Ok(run) => run.reports.into_iter().map(OnceLock::into_inner).collect(),
            Err(run) => run.reports.iter().map(|report| report.get().cloned()).collect(),
        }
    }

    /// An observer that panics must not take the run with it.
    pub(crate) fn notify(&self, event: &RunEvent<'_>) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.observer.event(event)));
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a step's report and tells the observer. Whatever starts because of it starts after this.
    fn settle(&self, step: StepIndex, report: StepReport) {
        let (Some(slot), Some(linked)) = (self.reports.get(step.get()), self.linked.steps.get(step.get())) else {
            return;
        };
        let report = slot.get_or_init(|| report);
        self.notify(&RunEvent::StepFinished { step: &linked.id, report });
    }

    /// Does what the plan says. One of the steps to start is given back to the caller, who has a thread for it.
    fn obey(self: &Arc<Self>, commands: &mut Vec<Command>) -> Next {
        let mut next = Next::default();
        for command in commands.drain(..) {
            match command {
                Command::Start { step, attempt } if next.step.is_none() => next.step = Some((step, attempt)),
                Command::Start { step, attempt } => self.spawn(step, attempt),
                Command::CancelRunning { .. } => self.cancel.cancel(),
                Command::Skip { step, reason } => self.settle(step, without_attempt(Verdict::Skipped { reason })),
                Command::Finish { verdict, failed } => next.end = Some(End { verdict, failed }),
            }
        }
        next
    }

    fn spawn(self: &Arc<Self>, step: StepIndex, attempt: u32) {
        let worker = Worker { run: self.clone(), current: Some((step, attempt)), commands: Vec::new() };
        self.linked.spawner.spawn(Box::pin(worker.work()));
    }

    fn begin(self: &Arc<Self>, cancelled: bool) {
        let mut commands = Vec::new();
        {
            let mut control = self.control();
            if cancelled {
                // A cancellation is always possible.
                let _ = control.plan.handle(Event::Cancel, &mut commands);
            } else {
                control.plan.start(&mut commands);
            }
        }
        let next = self.obey(&mut commands);
        self.hand_over(next);
    }

    fn stop(self: &Arc<Self>) {
        let mut commands = Vec::new();
        let _ = self.control().plan.handle(Event::Cancel, &mut commands);
        self.cancel.cancel();
        let next = self.obey(&mut commands);
        self.hand_over(next);
    }

    /// For whoever has no thread of its own to go on with.
    fn hand_over(self: &Arc<Self>, next: Next) {
        if let Some((step, attempt)) = next.step {
            self.spawn(step, attempt);
        }
        if let Some(end) = next.end {
            self.finish(end);
        }
    }

    fn finish(&self, end: End) {
        let sender = self.control().end.take();
        if let Some(sender) = sender {
            // Nobody may be waiting any more.
            let _ = sender.send(end);
        }
    }
}

/// What is left to whoever asked the plan.
#[derive(Default)]
struct Next {
    step: Option<(StepIndex, u32)>,
    end: Option<End>,
}

/// Takes steps one after the other: of those that get ready by one step's end, the most urgent goes on in the same task, and only
/// the others are spawned.
struct Worker {
    run: Arc<Run>,
    current: Option<(StepIndex, u32)>,
    commands: Vec<Command>,
}

impl Worker {
    async fn work(mut self) {
        let mut in_a_row = 0;
        while let Some((step, number)) = self.current {
            let Some(linked) = self.run.linked.steps.get(step.get()) else { break };
            self.run.notify(&RunEvent::StepStarted { step: &linked.id, attempt: number });
            let report = attempt(&self.run, linked, number).await;
            let next = self.ended(report);
            self.current = next.step;
            if let Some(end) = next.end {
                let sender = self.run.control().end.take();
                // Whoever waits wants the run for itself.
                drop(self);
                if let Some(sender) = sender {
                    let _ = sender.send(end);
                }
                return;
            }
            in_a_row += 1;
            if in_a_row == STEPS_IN_A_ROW {
                in_a_row = 0;
                yield_now().await;
            }
        }
    }

    /// The current step has ended.
    fn ended(&mut self, report: StepReport) -> Next {
        let Some((step, attempt)) = self.current.take() else { return Next::default() };
        let verdict = report.verdict.kind();
        self.run.settle(step, report);
        let handled = self.run.control().plan.handle(Event::Finished { step, attempt, verdict }, &mut self.commands);
        debug_assert_eq!(handled, Ok(()), "only what runs can end");
        self.run.obey(&mut self.commands)
    }
}

impl Drop for Worker {
    /// A task that is dropped in the middle of a step must not leave the run waiting for it.
    fn drop(&mut self) {
        if self.current.is_some() {
            let message = "the task of the step was dropped before it was done".to_owned();
            let next = self.ended(without_attempt(Verdict::HostError { message }));
            self.run.hand_over(next);
        }
    }
}

/// Stops the run when whoever waits for it no longer does.
struct StopOnDrop(Option<Arc<Run>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run.stop();
            // Tasks that only this future polled hear of it now, or never.
            run.linked.spawner.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// Runs a pipeline to its end.
pub(crate) async fn run(linked: Arc<LinkedParts>, inputs: Object, options: RunOptions) -> RunDocument {
    let RunOptions { run: id, cancel, observer } = options;
    let (sender, mut ended) = oneshot::channel();
    let plan = Plan::new(linked.graph.clone(), linked.pipeline.schedule.into());
    let run = Arc::new(Run {
        reports: linked.steps.iter().map(|_| OnceLock::new()).collect(),
        control: Mutex::new(Control { plan, end: Some(sender) }),
        inputs: Inputs::new(inputs),
        cancel: Cancel::new(),
        observer: observer.clone(),
        id,
        linked: linked.clone(),
    });
    run.notify(&RunEvent::RunStarted { run: &run.id, pipeline: &linked.pipeline.name, steps: linked.steps.len() });
    let mut guard = StopOnDrop(Some(run.clone()));
    run.begin(cancel.is_cancelled());

    let mut cancelled = cancel.cancelled().fuse();
    let end = poll_fn(|context| {
        linked.spawner.poll(context);
        if cancelled.poll_unpin(context).is_ready() {
            run.stop();
        }
        match ended.poll_unpin(context) {
            Poll::Ready(Ok(end)) => Poll::Ready(end),
            // The sender is kept until there is an end to send.
            Poll::Ready(Err(oneshot::Canceled)) => Poll::Ready(End { verdict: RunVerdict::Failed, failed: None }),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    guard.0 = None;
    let document = document::document(run, end);
    let _ = catch_unwind(AssertUnwindSafe(|| observer.event(&RunEvent::RunFinished { document: &document })));
    document
}

/// Lets others have the thread once.
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
