//! One run: workers that take calls from the plan, and the future that waits for them.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::FutureExt;
use wasmill_engine::{BoxFuture, Cancel};
use wasmill_model::{
    Digest, Object, Receipt, RunDocument, RunVerdict, SkipReason, StepReport, SubRun, Value, VerdictKind,
};
use wasmill_plan::{Call, Command, Event, Opening, Plan, StepIndex, Task};

use crate::attempt::attempt;
use crate::document;
use crate::link::LinkedParts;
use crate::replay;
use crate::settle::Work;
use crate::step_input::Inputs;
use crate::{Answerer, Clock, Observer, Reuse, RunEvent, RunOptions};

/// After so many calls in a row a worker lets others have the thread: engines that never wait would keep it.
const CALLS_IN_A_ROW: u32 = 128;

/// What the workers of a run share.
pub(crate) struct Run {
    pub(crate) linked: Arc<LinkedParts>,
    pub(crate) id: Arc<str>,
    pub(crate) seed: u64,
    pub(crate) room: Room,
    pub(crate) inputs: Inputs,
    slots: Vec<Slot>,
    control: Mutex<Control>,
    observer: Arc<dyn Observer>,
    pub(crate) reuse: Reuse,
    pub(crate) answerer: Option<Arc<dyn Answerer>>,
}

/// What is known of one step.
#[derive(Default)]
struct Slot {
    /// What its calls gave so far.
    work: Mutex<Work>,
    settled: OnceLock<Settled>,
}

/// A step that has ended.
pub(crate) struct Settled {
    pub(crate) report: StepReport,
    /// The step whose output is this one's.
    pub(crate) replaced_by: Option<StepIndex>,
    /// Attempts that do not count.
    pub(crate) discarded: Vec<Receipt>,
    /// Runs of a pipeline that do not count.
    pub(crate) discarded_runs: Vec<SubRun>,
}

struct Control {
    plan: Plan,
    /// The signals of running calls.
    cancels: HashMap<Task, Cancel>,
    /// Steps that had ended, and do not count.
    discarded: Vec<(StepIndex, SkipReason)>,
    timed_out: bool,
    end: Option<oneshot::Sender<End>>,
}

/// How the plan ended.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) verdict: RunVerdict,
    pub(crate) failed: Option<StepIndex>,
    /// The time of the whole run was over.
    pub(crate) timed_out: bool,
    pub(crate) discarded: Vec<(StepIndex, SkipReason)>,
}

impl Run {
    fn settled(&self, step: StepIndex) -> Option<&Settled> {
        self.slots.get(step.get())?.settled.get()
    }

    pub(crate) fn report(&self, step: StepIndex) -> Option<&StepReport> {
        self.settled(step).map(|settled| &settled.report)
    }

    /// The step whose output it is: the step itself, or the one that stood in for it.
    fn giver(&self, step: StepIndex) -> StepIndex {
        let mut giver = step;
        // A stand-in waits for what it stands in for, so there is no circle.
        while let Some(other) = self.settled(giver).and_then(|settled| settled.replaced_by) {
            giver = other;
        }
        giver
    }

    pub(crate) fn output(&self, step: StepIndex) -> Option<&Value> {
        self.report(self.giver(step))?.output.as_ref()
    }

    /// The digest of the output, where a receipt has it.
    pub(crate) fn output_digest(&self, step: StepIndex) -> Option<Digest> {
        let giver = self.giver(step);
        let report = self.report(giver)?;
        let linked = self.linked.steps.get(giver.get())?;
        let is_answer = linked.foreach.is_none() && report.fallback.is_none() && report.metadata.is_none();
        report.attempts.last().filter(|_| is_answer)?.output
    }

    pub(crate) fn observer(&self) -> &Arc<dyn Observer> {
        &self.observer
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.linked.clock
    }

    /// What calls of a step give is put here.
    pub(crate) fn work(&self, step: StepIndex) -> Option<MutexGuard<'_, Work>> {
        self.slots.get(step.get()).map(|slot| slot.work.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every step's report. Takes them where nobody else holds the run any more, which is nearly always.
    pub(crate) fn into_settled(run: Arc<Run>) -> Vec<Option<Settled>> {
        match Arc::try_unwrap(run) {
            Ok(run) => run.slots.into_iter().map(|slot| slot.settled.into_inner()).collect(),
            Err(run) => run.slots.iter().map(|slot| slot.settled.get().map(Settled::copy)).collect(),
        }
    }

    /// An observer that panics must not take the run with it.
    pub(crate) fn notify(&self, event: &RunEvent<'_>) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.observer.event(event)));
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the plan, and does what it says as far as nothing has to be waited for. Reports are kept and told before the lock is
    /// given back, so that whatever starts because of them starts after this.
    fn feed(self: &Arc<Self>, event: Event) -> Next {
        let mut control = self.control();
        let mut commands = Vec::new();
        control.timed_out |= event == Event::TimedOut && !control.plan.is_stopped();
        let handled = control.plan.handle(event, &mut commands);
        debug_assert!(handled.is_ok() || matches!(event, Event::Finished { .. }), "{handled:?}");
        let next = self.obey(&mut control, commands);
        drop(control);
        next.cancels.iter().for_each(Cancel::cancel);
        next
    }

    fn obey(self: &Arc<Self>, control: &mut Control, commands: Vec<Command>) -> Next {
        let mut next = Next::default();
        for command in commands {
            match command {
                // Expressions take their time, and whoever wants to stop the run needs the lock.
                Command::Open { step } => next.opens.push_back(step),
                Command::Start { task, attempt, call } => {
                    let cancel = Cancel::new();
                    control.cancels.insert(task, cancel.clone());
                    next.calls.push_back(Started { task, attempt, call, cancel });
                }
                Command::Wait { task, attempt, delay } => {
                    // Nobody gains by waiting again.
                    let delay = if self.reuse.recorded.is_some() { Duration::ZERO } else { delay };
                    self.after(delay, Event::Due { task, attempt });
                }
                Command::CancelRunning { task } => next.cancels.extend(control.cancels.get(&task).cloned()),
                Command::Settle { step, ending } => self.settle(step, ending),
                Command::Discard { step, reason } => control.discarded.push((step, reason)),
                Command::Finish { verdict, failed } => {
                    let (discarded, timed_out) = (std::mem::take(&mut control.discarded), control.timed_out);
                    next.end = Some(End { verdict, failed, timed_out, discarded });
                }
            }
        }
        next
    }

    /// More items of these steps are there.
    pub(crate) fn arrived(self: &Arc<Self>, to: &[StepIndex], items: &[Value]) {
        for step in to {
            let Some(mut work) = self.work(*step) else { continue };
            let all = Arc::make_mut(work.items.get_or_insert_default());
            all.extend_from_slice(items);
            let items = u32::try_from(all.len()).unwrap_or(u32::MAX);
            drop(work);
            let next = self.feed(Event::Arrived { step: *step, items });
            self.hand_over(next);
        }
    }

    fn settle(&self, step: StepIndex, ending: wasmill_plan::Ending) {
        let (Some(slot), Some(linked)) = (self.slots.get(step.get()), self.linked.steps.get(step.get())) else {
            return;
        };
        let work = std::mem::take(&mut *slot.work.lock().unwrap_or_else(PoisonError::into_inner));
        let settled = slot.settled.get_or_init(|| work.settle(self, linked, ending));
        self.notify(&RunEvent::StepFinished { step: &linked.id, report: &settled.report });
    }

    /// Tells the plan of this event after some time. A timer that is dropped tells it at once: nothing waits for ever.
    fn after(self: &Arc<Self>, delay: Duration, event: Event) {
        let timer = Timer { run: Arc::downgrade(self), event: Some(event) };
        let sleep = self.clock().sleep(delay);
        self.linked.spawner.spawn(Box::pin(async move {
            sleep.await;
            drop(timer);
        }));
    }

    /// In a run that is made again: how many calls of a step had ended when its time was over; none where it ended by itself.
    fn ended_in_time(&self, step: StepIndex) -> Option<usize> {
        let linked = self.linked.steps.get(step.get()).filter(|linked| linked.timeout.is_some())?;
        self.reuse.recorded.as_ref()?.ended_in_time(&self.id, &linked.id)
    }

    /// In a run that is made again: a call that was stopped when the time of its step was over waits until it is. False where that is not what
    /// stopped it.
    pub(crate) async fn waited_for_its_time(self: &Arc<Self>, started: &Started) -> bool {
        let step = started.task.step;
        if self.ended_in_time(step).is_none() {
            return false;
        }
        if let Some(mut work) = self.work(step) {
            work.waiting += 1;
        }
        self.end_its_time(step);
        started.cancel.cancelled().await;
        true
    }

    /// In a run that is made again: the time of a step is over when all has ended that had ended then, or that can.
    fn end_its_time(self: &Arc<Self>, step: StepIndex) {
        let Some(ended) = self.ended_in_time(step) else { return };
        let running = self.control().cancels.keys().filter(|task| task.step == step).count();
        let is_over = self.work(step).is_some_and(|work| {
            running == work.waiting && (running > 0 || replay::ended(&work.attempts, &work.runs) >= ended)
        });
        if is_over {
            let next = self.feed(Event::StepTimedOut { step });
            self.hand_over(next);
        }
    }

    fn spawn(self: &Arc<Self>, opens: VecDeque<StepIndex>, call: Option<Started>) {
        let worker = Worker { run: self.clone(), opens, current: call };
        self.linked.spawner.spawn(worker.boxed());
    }

    fn begin(self: &Arc<Self>, cancelled: bool) -> Next {
        // A run that is made again ended by itself.
        if let Some(timeout) = self.linked.pipeline.timeout.filter(|_| self.reuse.recorded.is_none()) {
            self.after(timeout, Event::TimedOut);
        }
        if cancelled {
            return self.feed(Event::Cancel);
        }
        let mut control = self.control();
        let mut commands = Vec::new();
        control.plan.start(&mut commands);
        self.obey(&mut control, commands)
    }

    fn stop(self: &Arc<Self>) {
        let next = self.feed(Event::Cancel);
        self.hand_over(next);
    }

    /// For whoever has no thread of its own to go on with.
    fn hand_over(self: &Arc<Self>, next: Next) {
        if !next.opens.is_empty() {
            self.spawn(next.opens, None);
        }
        for call in next.calls {
            self.spawn(VecDeque::new(), Some(call));
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

impl Settled {
    fn copy(&self) -> Settled {
        Settled {
            report: self.report.clone(),
            replaced_by: self.replaced_by,
            discarded: self.discarded.clone(),
            discarded_runs: self.discarded_runs.clone(),
        }
    }
}

/// What is left to whoever told the plan.
#[derive(Default)]
struct Next {
    /// Steps to look at.
    opens: VecDeque<StepIndex>,
    calls: VecDeque<Started>,
    cancels: Vec<Cancel>,
    end: Option<End>,
}

/// A call that is to be made.
pub(crate) struct Started {
    pub(crate) task: Task,
    pub(crate) attempt: u32,
    pub(crate) call: Call,
    pub(crate) cancel: Cancel,
}

/// Tells the plan of an event when it is dropped.
struct Timer {
    run: Weak<Run>,
    event: Option<Event>,
}

impl Drop for Timer {
    fn drop(&mut self) {
        let (Some(run), Some(event)) = (self.run.upgrade(), self.event.take()) else { return };
        let next = run.feed(event);
        run.hand_over(next);
    }
}

/// Looks at steps and makes calls, one after the other: of those that get ready by one call's end, the most urgent goes on in the same
/// task, and only the others are spawned.
struct Worker {
    run: Arc<Run>,
    opens: VecDeque<StepIndex>,
    current: Option<Started>,
}

impl Worker {
    fn boxed(self) -> BoxFuture<'static, ()> {
        Box::pin(self.work())
    }

    async fn work(mut self) {
        loop {
            let next = if let Some(step) = self.opens.front().copied() {
                let opening = self.run.open(step);
                self.opens.pop_front();
                self.run.feed(Event::Opened { step, opening })
            } else if let Some(call) = &self.current {
                let Some(linked) = self.run.linked.steps.get(call.task.step.get()) else { return };
                let item = linked.foreach.is_some().then_some(call.task.item);
                if linked.is_attempt(call.call) {
                    self.run.notify(&RunEvent::StepStarted { step: &linked.id, item, attempt: call.attempt });
                }
                if let Some(timeout) = linked.timeout.filter(|_| self.run.reuse.recorded.is_none())
                    && self.run.work(call.task.step).is_some_and(|mut work| work.begins(self.run.clock().now()))
                {
                    self.run.after(timeout, Event::StepTimedOut { step: call.task.step });
                }
                let step = call.task.step;
                let (verdict, permanent) = attempt(&self.run, linked, call).await;
                let next = self.ended(verdict, permanent);
                self.run.end_its_time(step);
                next
            } else {
                return;
            };
            let Next { opens, mut calls, end, .. } = next;
            self.opens.extend(opens);
            if self.current.is_none() {
                self.current = calls.pop_front();
            }
            for call in calls {
                self.run.spawn(VecDeque::new(), Some(call));
            }
            if let Some(end) = end {
                let sender = self.run.control().end.take();
                // Whoever waits wants the run for itself.
                drop(self);
                if let Some(sender) = sender {
                    let _ = sender.send(end);
                }
                return;
            }
            if is_enough() {
                yield_now().await;
            }
        }
    }

    /// The current call has ended.
    fn ended(&mut self, verdict: VerdictKind, permanent: bool) -> Next {
        let Some(Started { task, attempt, .. }) = self.current.take() else { return Next::default() };
        self.run.control().cancels.remove(&task);
        self.run.feed(Event::Finished { task, attempt, verdict, permanent })
    }
}

impl Drop for Worker {
    /// A task that is dropped in the middle of something must not leave the run waiting for it.
    fn drop(&mut self) {
        while let Some(step) = self.opens.pop_front() {
            if let Some(mut work) = self.run.work(step) {
                work.dropped(0, 0);
            }
            let next = self.run.feed(Event::Opened { step, opening: Opening::Failed });
            self.run.hand_over(next);
        }
        if let Some(call) = &self.current {
            if let Some(mut work) = self.run.work(call.task.step) {
                work.dropped(call.task.item, call.attempt);
            }
            let next = self.ended(VerdictKind::HostError, false);
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

/// How many calls a run and all that it calls may have under way besides one for each run: pipelines that call pipelines would else
/// multiply what each may have at once.
const ROOM: u32 = 1_024;

/// What is left of [`ROOM`], for all runs of one tree.
#[derive(Clone)]
pub(crate) struct Room(Arc<AtomicU32>);

/// What one run has of it, until it ends.
struct Share(Room, u32);

impl Room {
    /// As much as there is of what is asked for.
    fn take(&self, asked: u32) -> Share {
        let mut taken = 0;
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            taken = asked.min(left);
            Some(left - taken)
        });
        Share(self.clone(), taken)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.fetch_add(self.1, Ordering::Relaxed);
    }
}

/// Who makes the first call of a run, and goes on as any worker does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstWorker {
    /// A task of the spawner, as all the others.
    Spawned,
    /// The run's own future.
    Own,
}

/// Runs a pipeline to its end.
pub(crate) async fn run(
    linked: Arc<LinkedParts>,
    inputs: Object,
    options: RunOptions,
    first: FirstWorker,
    room: Option<Room>,
) -> RunDocument {
    let RunOptions { run: id, seed, cancel, observer, reuse, answerer } = options;
    let (sender, mut ended) = oneshot::channel();
    let mut plan_options = linked.plan_options(seed);
    let is_nested = room.is_some();
    let room = room.unwrap_or_else(|| Room(Arc::new(AtomicU32::new(ROOM))));
    let asked = if is_nested { plan_options.max_concurrency.saturating_sub(1) } else { 0 };
    let share = room.take(asked);
    if is_nested {
        plan_options.max_concurrency = 1 + share.1;
    }
    let plan = Plan::new(linked.graph.clone(), plan_options);
    let control = Control { plan, cancels: HashMap::new(), discarded: Vec::new(), timed_out: false, end: Some(sender) };
    let run = Arc::new(Run {
        slots: linked.steps.iter().map(|_| Slot::default()).collect(),
        control: Mutex::new(control),
        inputs: Inputs::new(inputs),
        observer: observer.clone(),
        reuse,
        answerer,
        id,
        seed,
        room,
        linked: linked.clone(),
    });
    run.notify(&RunEvent::RunStarted { run: &run.id, pipeline: &linked.pipeline.name, steps: linked.steps.len() });
    let mut guard = StopOnDrop(Some(run.clone()));
    let mut next = run.begin(cancel.is_cancelled());
    let mut own = match first {
        FirstWorker::Spawned => None,
        FirstWorker::Own if next.opens.is_empty() && next.calls.is_empty() => None,
        FirstWorker::Own => {
            let opens = std::mem::take(&mut next.opens);
            Some(Worker { run: run.clone(), opens, current: next.calls.pop_front() }.boxed())
        }
    };
    run.hand_over(next);

    let mut cancelled = cancel.cancelled().fuse();
    let end = poll_fn(|context| {
        linked.spawner.poll(context);
        // Before anything goes on: of runs within runs each hears of it from the one around it.
        if cancelled.poll_unpin(context).is_ready() {
            run.stop();
        }
        if let Some(worker) = &mut own {
            let polled = catch_unwind(AssertUnwindSafe(|| worker.poll_unpin(context)));
            if !matches!(polled, Ok(Poll::Pending)) {
                // One that panicked says so when it is dropped.
                own = None;
            }
        }
        match ended.poll_unpin(context) {
            Poll::Ready(Ok(end)) => Poll::Ready(end),
            // The sender is kept until there is an end to send.
            Poll::Ready(Err(oneshot::Canceled)) => {
                Poll::Ready(End { verdict: RunVerdict::Failed, failed: None, timed_out: false, discarded: Vec::new() })
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    guard.0 = None;
    drop(share);
    let document = document::document(run, end);
    let _ = catch_unwind(AssertUnwindSafe(|| observer.event(&RunEvent::RunFinished { document: &document })));
    document
}

thread_local! {
    static IN_A_ROW: Cell<u32> = const { Cell::new(0) };
}

/// Forgets the calls that this thread made: what comes next is then the same, whatever was before.
pub(crate) fn count_anew() {
    IN_A_ROW.set(0);
}

/// Counts a call of this thread, whichever run it was of: a run within a run keeps the thread of both. Whether others should have it.
fn is_enough() -> bool {
    let calls = IN_A_ROW.get() + 1;
    IN_A_ROW.set(if calls < CALLS_IN_A_ROW { calls } else { 0 });
    calls >= CALLS_IN_A_ROW
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
