//! What the plan says to its driver, and what the driver says to the plan.

use std::time::Duration;

use wasmill_model::{RunVerdict, SkipReason, VerdictKind};

use crate::StepIndex;

/// Something that is called: a step, or one item of a step that has items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// The step.
    pub step: StepIndex,
    /// The item, from 0; 0 where the step has none.
    pub item: u32,
}

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The step's unit.
    Primary,
    /// What this fallback of the step names.
    Fallback(u32),
}

/// What the driver is to do. Not `non_exhaustive`: a driver that does not know a command must not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// All that this step waits for has ended: look at its condition and its items; answer with [`Event::Opened`].
    Open {
        /// The step.
        step: StepIndex,
    },
    /// Make this call; answer with [`Event::Finished`] of the same attempt.
    Start {
        /// What is called.
        task: Task,
        /// Which try this is, from 1; that of a fallback counts on.
        attempt: u32,
        /// Its unit, or what takes its place.
        call: Call,
    },
    /// Let this time pass before the attempt; answer with [`Event::Due`].
    Wait {
        /// What will be called.
        task: Task,
        /// The attempt that is waited for.
        attempt: u32,
        /// How long.
        delay: Duration,
    },
    /// Tell this running call to stop. It ends, one way or another, with [`Event::Finished`].
    CancelRunning {
        /// The call.
        task: Task,
    },
    /// This step has ended.
    Settle {
        /// The step.
        step: StepIndex,
        /// How.
        ending: Ending,
    },
    /// This step had ended, and does not count: the run failed before it, in the order of one at a time.
    Discard {
        /// The step.
        step: StepIndex,
        /// As what it counts instead.
        reason: SkipReason,
    },
    /// Every step has ended. The last command of a plan.
    Finish {
        /// How the run ended.
        verdict: RunVerdict,
        /// Where steps failed, the first of them in the order of one at a time.
        failed: Option<StepIndex>,
    },
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every call gave its answer.
    Succeeded,
    /// A call failed for good: that of this item, the first that did.
    Failed {
        /// The item; attempts of later ones do not count, unless the plan goes on as well as it can.
        item: u32,
        /// The step whose output is this one's, where a fallback says so.
        replaced_by: Option<StepIndex>,
    },
    /// Its condition or its items could not be worked out.
    NotOpened {
        /// As for [`Ending::Failed`].
        replaced_by: Option<StepIndex>,
    },
    /// Its own time was over.
    TimedOut {
        /// As for [`Ending::Failed`].
        replaced_by: Option<StepIndex>,
    },
    /// It was told to stop, with the run.
    Cancelled,
    /// It never started, or does not count.
    Skipped(SkipReason),
}

/// What a look at a step found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is called once.
    Once,
    /// It is called for each of so many items.
    Items(u32),
    /// Its condition says no.
    No,
    /// Its condition or its items could not be worked out.
    Failed,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The answer to [`Command::Open`].
    Opened {
        /// The step.
        step: StepIndex,
        /// What was found.
        opening: Opening,
    },
    /// Items of a step are there ([`StepRules::streams_from`](crate::StepRules::streams_from)) while the step that gives them still runs.
    /// Where it is too early to call it, nothing happens.
    Arrived {
        /// The step.
        step: StepIndex,
        /// How many there are so far; they are the first of those that [`Command::Open`] will find.
        items: u32,
    },
    /// A call that was started has ended.
    Finished {
        /// What was called.
        task: Task,
        /// The attempt that it was started with.
        attempt: u32,
        /// How it ended. [`VerdictKind::Cancelled`] from a call that was not told to stop means that the whole run is cancelled.
        verdict: VerdictKind,
        /// Whether another attempt would be in vain.
        permanent: bool,
    },
    /// The time of a [`Command::Wait`] has passed.
    Due {
        /// What is to be called.
        task: Task,
        /// The attempt.
        attempt: u32,
    },
    /// The time that this step may take in all is over.
    StepTimedOut {
        /// The step.
        step: StepIndex,
    },
    /// The time that the run may take is over.
    TimedOut,
    /// Somebody wants the run to stop.
    Cancel,
}

/// An event that cannot have happened; the plan is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnexpectedEvent {
    /// This attempt does not run.
    #[error("attempt {attempt} of item {} of step {} does not run", task.item, task.step)]
    NotRunning {
        /// What was said to have ended.
        task: Task,
        /// The attempt.
        attempt: u32,
    },
    /// A call that was started cannot have been skipped.
    #[error("step {step} was started and cannot end as skipped")]
    Skipped {
        /// The step.
        step: StepIndex,
    },
    /// Nobody asked for a look at this step.
    #[error("step {step} was not to be opened")]
    NotOpening {
        /// The step.
        step: StepIndex,
    },
}
