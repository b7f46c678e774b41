//! What the runtime needs from outside.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use wasmill_engine::{BoxFuture, Cancel, Outcome, Routed};
use wasmill_model::{Digest, Input, Limits, Receipt, RunDocument, Step, StepReport, Verdict};

use crate::{CallKey, Kept};

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The time since some fixed moment. It never goes back.
    fn now(&self) -> Duration;

    /// Ends when this time has passed. It is polled by a task of the [`Spawner`].
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Who polls the tasks of a run.
///
/// A task that is dropped before it is done fails its step ([`Verdict::HostError`](wasmill_model::Verdict::HostError)) and with it
/// the run; nothing waits for it for ever.
pub trait Spawner: Send + Sync {
    /// Sees to it that the task is polled to its end.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Called whenever the future of a run is polled, and when it is dropped before its end: the place to poll the tasks of those that nobody else polls.
    fn poll(&self, context: &mut Context<'_>) {
        let _ = context;
    }
}

/// Is told what happens in a run, while it happens: progress, traces, a journal.
///
/// [`RunEvent::RunStarted`] comes first. Each step then has at most one [`RunEvent::StepStarted`] for an attempt of an item and exactly one
/// [`RunEvent::StepFinished`], in this order, and after the `StepFinished` of all that it waits for (but for items that come one by one: they start while the step runs that gives them). A step that had ended when the run
/// failed may count as skipped in the document ([`Plan`](wasmill_plan::Plan) says when). [`RunEvent::RunFinished`] comes
/// last. A run whose future is dropped says no more than what its steps still have to say.
///
/// Each [`RunEvent::StepStarted`] has at most one [`RunEvent::AttemptFinished`], after it: before its step's `StepFinished`, but where the
/// step's time was over or the run ended meanwhile; none where the task of the attempt was dropped.
///
/// Of a pipeline that a step calls, the steps are told of by their paths (`thumbnails[2]/resize`), between a [`RunEvent::SubRunStarted`]
/// and its [`RunEvent::SubRunFinished`].
///
/// Called on the threads that run the steps: be quick, and never block. A panic is caught and changes nothing.
pub trait Observer: Send + Sync {
    /// Something has happened.
    fn event(&self, event: &RunEvent<'_>);
}

/// What happens in a run.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// The run begins.
    RunStarted {
        /// The run's id.
        run: &'a Arc<str>,
        /// The pipeline's name.
        pipeline: &'a Arc<str>,
        /// How many steps it has.
        steps: usize,
    },
    /// An attempt of a step begins: its input is worked out next. A value that stands in for a call is no attempt.
    StepStarted {
        /// The step.
        step: &'a Arc<str>,
        /// For which item, from 0, where the step has items.
        item: Option<u32>,
        /// Which try this is, from 1; a fallback counts on.
        attempt: u32,
    },
    /// An attempt has ended. No secret is in it.
    AttemptFinished {
        /// The step.
        step: &'a Arc<str>,
        /// For which item.
        item: Option<u32>,
        /// Which try this was.
        attempt: u32,
        /// How it ended.
        verdict: &'a Verdict,
        /// Its receipt, where a unit was called (now, or by a former run).
        receipt: Option<&'a Receipt>,
    },
    /// An attempt is the run of another pipeline, and that run begins.
    SubRunStarted {
        /// The step that calls it.
        step: &'a Arc<str>,
        /// For which item.
        item: Option<u32>,
        /// Which try this is.
        attempt: u32,
        /// What the paths of its steps begin with, before a `/` ([`SubRun::path`](wasmill_model::SubRun::path)).
        path: &'a Arc<str>,
        /// The id of its run.
        run: &'a Arc<str>,
        /// Its name.
        pipeline: &'a Arc<str>,
        /// How many steps it has.
        steps: usize,
    },
    /// The run of a pipeline that a step called is over.
    SubRunFinished {
        /// What the paths of its steps begin with.
        path: &'a Arc<str>,
        /// All of it.
        document: &'a RunDocument,
    },
    /// A step has ended: it ran, or it never will.
    StepFinished {
        /// The step.
        step: &'a Arc<str>,
        /// How, and with what.
        report: &'a StepReport,
    },
    /// The run is over.
    RunFinished {
        /// All of it.
        document: &'a RunDocument,
    },
}

/// Keeps the results of pure calls (see [`Grants::is_pure`](wasmill_model::Grants::is_pure)) that succeeded, for runs that would make them
/// again. Nobody else's are looked up or kept.
///
/// Conditions, items, inputs and outputs are worked out in every run; only the call itself is not made. Its receipt is that of the call
/// that was, and says so ([`Receipt::kept_from`](wasmill_model::Receipt::kept_from)).
///
/// Called on the threads that run the steps: be quick.
pub trait Memo: Send + Sync {
    /// What this call gave.
    fn lookup(&self, key: &CallKey) -> Option<Kept>;

    /// This call was made and succeeded.
    fn store(&self, key: CallKey, kept: Kept);
}

/// Answers the calls of units in the place of their engines: simulations, tests.
pub trait Answerer: Send + Sync {
    /// What becomes of this call. What it says of time is the [`Clock`]'s business, as it is an engine's.
    fn answer<'a>(&'a self, call: UnitCall<'a>) -> BoxFuture<'a, Outcome>;
}

/// A call that an engine would be asked to make.
#[derive(Clone)]
#[non_exhaustive]
pub struct UnitCall<'a> {
    /// The run's id; that of a run within a run goes on with the path of the step that calls it: `r1/step`.
    pub run: &'a str,
    /// The step.
    pub step: &'a Step,
    /// For which item, from 0, where the step has items.
    pub item: Option<u32>,
    /// Which try this is, from 1; a fallback counts on.
    pub attempt: u32,
    /// Whether it is a unit that takes the place of the step's own.
    pub is_fallback: bool,
    /// What the unit is called with.
    pub input: &'a Input,
    /// Its digest.
    pub digest: Digest,
    /// What it may use.
    pub limits: &'a Limits,
    /// The signal that stops it.
    pub cancel: &'a Cancel,
    /// What a memo would know it by; none for one that is not pure.
    pub key: Option<CallKey>,
    /// The unit, ready to be called after all.
    pub unit: &'a Routed,
}

/// Nobody looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn event(&self, _: &RunEvent<'_>) {}
}
