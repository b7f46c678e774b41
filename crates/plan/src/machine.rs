//! The state machine.

use std::sync::Arc;

use wasmill_model::{RunVerdict, Schedule, SkipReason, Strategy, VerdictKind};

use crate::policy::Policy;
use crate::{Graph, StepIndex};

/// What a failed step means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// Nothing new starts, what runs is told to stop, and the run fails.
    #[default]
    FailFast,
}

/// How a plan goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// The most steps that run at once; 0 counts as 1.
    pub max_concurrency: u32,
    /// In which order ready steps start.
    pub strategy: Strategy,
    /// What a failed step means for the others.
    pub on_failure: OnFailure,
}

impl From<Schedule> for PlanOptions {
    fn from(schedule: Schedule) -> Self {
        PlanOptions {
            max_concurrency: schedule.max_concurrency,
            strategy: schedule.strategy,
            on_failure: OnFailure::FailFast,
        }
    }
}

impl Default for PlanOptions {
    fn default() -> Self {
        Schedule::default().into()
    }
}

/// What the driver is to do. Not `non_exhaustive`: a driver that does not know a command must not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Start this step; answer with [`Event::Finished`] of the same attempt.
    Start {
        /// The step.
        step: StepIndex,
        /// Which try this is, from 1.
        attempt: u32,
    },
    /// This step will never start. It has ended.
    Skip {
        /// The step.
        step: StepIndex,
        /// Why.
        reason: SkipReason,
    },
    /// Tell this running step to stop. It ends, one way or another, with [`Event::Finished`].
    CancelRunning {
        /// The step.
        step: StepIndex,
    },
    /// Every step has ended. The last command of a plan.
    Finish {
        /// How the run ended.
        verdict: RunVerdict,
        /// Where steps failed, the one of them that stands first in the file. Steps that were told to stop have not failed.
        failed: Option<StepIndex>,
    },
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A step that was started has ended.
    Finished {
        /// The step.
        step: StepIndex,
        /// The attempt that it was started with.
        attempt: u32,
        /// How it ended. [`VerdictKind::Cancelled`] from a step that was not told to stop means that the whole run is cancelled.
        verdict: VerdictKind,
    },
    /// Somebody wants the run to stop.
    Cancel,
}

/// An event that cannot have happened; the plan is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnexpectedEvent {
    /// This attempt does not run.
    #[error("attempt {attempt} of step {step} does not run")]
    NotRunning {
        /// The step.
        step: StepIndex,
        /// The attempt.
        attempt: u32,
    },
    /// A step that was started cannot have been skipped.
    #[error("step {step} was started and cannot end as skipped")]
    Skipped {
        /// The step.
        step: StepIndex,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running { attempt: u32 },
    Succeeded,
    Failed,
    Cancelled,
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Failure,
    Cancel,
}

/// One run of a [`Graph`], from the first step to the last.
///
/// # What is the same in every run
///
/// A step starts only after every step that it waits for has succeeded, so what it reads is the same whatever the order. Hence, of
/// units that are functions of their input:
///
/// - a run that succeeds has run every step, and every output and verdict is the same, for every concurrency and strategy;
/// - an attempt that was made and not told to stop ends the same way in every run in which it is made.
///
/// Under fail-fast with a concurrency above 1, *which* attempts are made before the first failure is seen depends on which step is
/// quicker. What is reported then is a function of the set of failed steps alone, not of their order: the failure is that of the
/// failed step that stands first in the file, and a step is skipped as [`SkipReason::Upstream`] if it waits (through any number of
/// others) for a failed one, and as [`SkipReason::FailFast`] otherwise. With a concurrency of 1 all of it is the same in every run.
///
/// # Cost
///
/// 16 bytes a step besides the graph; after the start nothing is allocated but room in the queue of ready steps. An event costs
/// the number of dependents, and the logarithm of the number of ready steps for each step that gets ready.
#[derive(Clone, Debug)]
pub struct Plan {
    graph: Arc<Graph>,
    policy: Policy,
    max_concurrency: u32,
    states: Vec<State>,
    /// How many steps each still waits for.
    waits: Vec<u32>,
    running: u32,
    succeeded: usize,
    stop: Option<Stop>,
    failed: Option<StepIndex>,
    started: bool,
    finished: bool,
}

impl Plan {
    /// A plan that was not started.
    pub fn new(graph: Arc<Graph>, options: PlanOptions) -> Self {
        let OnFailure::FailFast = options.on_failure;
        Plan {
            policy: Policy::new(options.strategy),
            max_concurrency: options.max_concurrency.max(1),
            states: vec![State::Waiting; graph.len()],
            waits: graph.dependency_counts().to_vec(),
            running: 0,
            succeeded: 0,
            stop: None,
            failed: None,
            started: false,
            finished: false,
            graph,
        }
    }

    /// Starts the first steps. Calling it again does nothing.
    pub fn start(&mut self, commands: &mut Vec<Command>) {
        if self.started {
            return;
        }
        self.started = true;
        for step in self.graph.steps().filter(|step| self.graph.dependency_count(*step) == 0) {
            self.policy.ready(&self.graph, step);
        }
        self.advance(commands);
    }

    /// Takes an event in, and adds what is to be done to `commands`. Of several [`Command::Start`] the most urgent comes first.
    ///
    /// # Errors
    /// The event cannot have happened; it is ignored.
    pub fn handle(&mut self, event: Event, commands: &mut Vec<Command>) -> Result<(), UnexpectedEvent> {
        match event {
            Event::Finished { step, attempt, verdict } => self.step_ended(step, attempt, verdict, commands)?,
            Event::Cancel => self.stop(Stop::Cancel, commands),
        }
        self.advance(commands);
        Ok(())
    }

    /// Whether every step has ended.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// How many steps run now.
    pub fn running(&self) -> u32 {
        self.running
    }

    fn step_ended(
        &mut self,
        step: StepIndex,
        attempt: u32,
        verdict: VerdictKind,
        commands: &mut Vec<Command>,
    ) -> Result<(), UnexpectedEvent> {
        let state = self.states.get_mut(step.get()).filter(|state| **state == State::Running { attempt });
        let state = state.ok_or(UnexpectedEvent::NotRunning { step, attempt })?;
        match verdict {
            VerdictKind::Skipped => return Err(UnexpectedEvent::Skipped { step }),
            VerdictKind::Ok => {
                *state = State::Succeeded;
                self.succeeded += 1;
                for &then in self.graph.dependents(step) {
                    if let Some(waits) = self.waits.get_mut(then.get()) {
                        *waits -= 1;
                        if *waits == 0 {
                            self.policy.ready(&self.graph, then);
                        }
                    }
                }
            }
            VerdictKind::Cancelled => {
                *state = State::Cancelled;
                self.stop(Stop::Cancel, commands);
            }
            _ => {
                *state = State::Failed;
                self.failed = Some(self.failed.map_or(step, |failed| failed.min(step)));
                self.stop(Stop::Failure, commands);
            }
        }
        self.running -= 1;
        Ok(())
    }

    /// Nothing starts from now on. The first reason to stop is the one that counts.
    fn stop(&mut self, stop: Stop, commands: &mut Vec<Command>) {
        if self.finished || self.stop.is_some() {
            return;
        }
        self.stop = Some(stop);
        self.started = true;
        let running = self.graph.steps().zip(&self.states).filter(|(_, state)| matches!(state, State::Running { .. }));
        commands.extend(running.map(|(step, _)| Command::CancelRunning { step }));
    }

    fn advance(&mut self, commands: &mut Vec<Command>) {
        while self.stop.is_none()
            && self.running < self.max_concurrency
            && let Some(step) = self.policy.next()
        {
            if let Some(state) = self.states.get_mut(step.get()) {
                *state = State::Running { attempt: 1 };
                self.running += 1;
                commands.push(Command::Start { step, attempt: 1 });
            }
        }
        let at_the_end = self.stop.is_some() || self.succeeded == self.states.len();
        if self.started && !self.finished && self.running == 0 && at_the_end {
            self.finish(commands);
        }
    }

    /// Skips what never started. Only now, when all has ended that will: so the reasons do not depend on what ended first.
    fn finish(&mut self, commands: &mut Vec<Command>) {
        self.finished = true;
        let (verdict, other) = match self.stop {
            None => (RunVerdict::Ok, None),
            Some(Stop::Failure) => (RunVerdict::Failed, Some(SkipReason::FailFast)),
            Some(Stop::Cancel) => (RunVerdict::Cancelled, Some(SkipReason::Cancelled)),
        };
        if let Some(other) = other {
            let downstream = self.downstream_of_failures();
            for ((step, state), downstream) in self.graph.steps().zip(&mut self.states).zip(downstream) {
                if *state == State::Waiting {
                    *state = State::Skipped;
                    let reason = if downstream { SkipReason::Upstream } else { other };
                    commands.push(Command::Skip { step, reason });
                }
            }
        }
        commands.push(Command::Finish { verdict, failed: self.failed });
    }

    fn downstream_of_failures(&self) -> Vec<bool> {
        let mut downstream = vec![false; self.states.len()];
        let failed = self.graph.steps().zip(&self.states).filter(|(_, state)| **state == State::Failed);
        let mut open: Vec<StepIndex> = failed.map(|(step, _)| step).collect();
        while let Some(step) = open.pop() {
            for &then in self.graph.dependents(step) {
                if let Some(seen) = downstream.get_mut(then.get()).filter(|seen| !**seen) {
                    *seen = true;
                    open.push(then);
                }
            }
        }
        downstream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(place: u32) -> StepIndex {
        StepIndex::new(place)
    }

    fn plan(steps: usize, edges: &[(u32, u32)], max_concurrency: u32) -> Plan {
        let edges: Vec<_> = edges.iter().map(|(first, then)| (step(*first), step(*then))).collect();
        let graph = Arc::new(Graph::new(steps, &edges).unwrap());
        Plan::new(graph, PlanOptions { max_concurrency, ..PlanOptions::default() })
    }

    fn start(plan: &mut Plan) -> Vec<Command> {
        let mut commands = Vec::new();
        plan.start(&mut commands);
        commands
    }

    fn ends(plan: &mut Plan, place: u32, verdict: VerdictKind) -> Vec<Command> {
        let mut commands = Vec::new();
        plan.handle(Event::Finished { step: step(place), attempt: 1, verdict }, &mut commands).unwrap();
        commands
    }

    fn starts(places: &[u32]) -> Vec<Command> {
        places.iter().map(|place| Command::Start { step: step(*place), attempt: 1 }).collect()
    }

    #[test]
    fn the_longest_path_goes_first_then_the_file() {
        // 0, 1 and 2 are ready; 2 has two behind it, 1 has one.
        let mut plan = plan(6, &[(1, 3), (2, 4), (4, 5)], 2);
        assert_eq!(start(&mut plan), starts(&[2, 1]));
        assert_eq!(ends(&mut plan, 1, VerdictKind::Ok), starts(&[0]));
        assert_eq!(ends(&mut plan, 2, VerdictKind::Ok), starts(&[4]));
        assert_eq!(ends(&mut plan, 0, VerdictKind::Ok), starts(&[3]));
    }

    #[test]
    fn no_steps_is_a_success() {
        let finish = Command::Finish { verdict: RunVerdict::Ok, failed: None };
        assert_eq!(start(&mut plan(0, &[], 1)), [finish]);
    }

    #[test]
    fn a_failure_stops_the_rest_and_tells_why() {
        // 0 → 3 → 4, 1 → 5, 2; 0, 1 and 2 run.
        let mut plan = plan(6, &[(0, 3), (3, 4), (1, 5)], 3);
        assert_eq!(start(&mut plan), starts(&[0, 1, 2]));
        let cancels = [0, 2].map(|place| Command::CancelRunning { step: step(place) });
        assert_eq!(ends(&mut plan, 1, VerdictKind::Trap), cancels);
        // Fails of its own before the signal reaches it, and stands first in the file.
        assert_eq!(ends(&mut plan, 0, VerdictKind::GuestError), []);
        let skip = |place, reason| Command::Skip { step: step(place), reason };
        assert_eq!(
            ends(&mut plan, 2, VerdictKind::Cancelled),
            [
                skip(3, SkipReason::Upstream),
                skip(4, SkipReason::Upstream),
                skip(5, SkipReason::Upstream),
                Command::Finish { verdict: RunVerdict::Failed, failed: Some(step(0)) },
            ]
        );
    }

    #[test]
    fn what_ended_well_after_the_failure_starts_nothing() {
        let mut plan = plan(4, &[(0, 2), (1, 3)], 2);
        start(&mut plan);
        ends(&mut plan, 0, VerdictKind::TimedOut);
        assert_eq!(
            ends(&mut plan, 1, VerdictKind::Ok),
            [
                Command::Skip { step: step(2), reason: SkipReason::Upstream },
                Command::Skip { step: step(3), reason: SkipReason::FailFast },
                Command::Finish { verdict: RunVerdict::Failed, failed: Some(step(0)) },
            ]
        );
    }

    #[test]
    fn a_cancel_before_the_start_is_a_cancelled_run() {
        let mut plan = plan(1, &[], 1);
        let mut commands = Vec::new();
        plan.handle(Event::Cancel, &mut commands).unwrap();
        plan.start(&mut commands);
        plan.handle(Event::Cancel, &mut commands).unwrap();
        assert_eq!(
            commands,
            [
                Command::Skip { step: step(0), reason: SkipReason::Cancelled },
                Command::Finish { verdict: RunVerdict::Cancelled, failed: None },
            ]
        );
    }

    #[test]
    fn a_step_that_was_cancelled_from_outside_cancels_the_run() {
        let mut plan = plan(2, &[], 2);
        start(&mut plan);
        assert_eq!(ends(&mut plan, 0, VerdictKind::Cancelled), [Command::CancelRunning { step: step(1) }]);
        let finish = Command::Finish { verdict: RunVerdict::Cancelled, failed: None };
        assert_eq!(ends(&mut plan, 1, VerdictKind::Cancelled), [finish]);
    }

    #[test]
    fn impossible_events_change_nothing() {
        let mut plan = plan(2, &[(0, 1)], 1);
        let mut commands = start(&mut plan);
        commands.clear();
        let mut handle = |place, attempt, verdict| {
            plan.handle(Event::Finished { step: step(place), attempt, verdict }, &mut commands)
        };
        let not_running = |place, attempt| Err(UnexpectedEvent::NotRunning { step: step(place), attempt });
        assert_eq!(handle(1, 1, VerdictKind::Ok), not_running(1, 1));
        assert_eq!(handle(0, 2, VerdictKind::Ok), not_running(0, 2));
        assert_eq!(handle(9, 1, VerdictKind::Ok), not_running(9, 1));
        assert_eq!(handle(0, 1, VerdictKind::Skipped), Err(UnexpectedEvent::Skipped { step: step(0) }));
        assert_eq!(handle(0, 1, VerdictKind::Ok), Ok(()));
        assert_eq!(handle(0, 1, VerdictKind::Ok), not_running(0, 1));
        assert_eq!(commands, starts(&[1]));
    }
}
