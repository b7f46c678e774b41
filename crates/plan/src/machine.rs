//! The state machine.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use wasmill_model::{OnFailure, RunVerdict, SkipReason, VerdictKind};

use crate::policy::Policy;
use crate::rules::{FallbackKind, StepRules, chance};
use crate::{Call, Command, Ending, Event, Graph, Opening, PlanOptions, StepIndex, Task, UnexpectedEvent};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Waiting,
    Opening,
    Active,
    /// It ends like this when the calls are over that were made of items that came before their time.
    Closing(Ending),
    Ended {
        /// Whether its dependents may go on.
        good: bool,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    phase: Phase,
    /// How many steps it still waits for.
    waits: u32,
    /// Something that it needs did not succeed.
    blocked: bool,
    /// The step that it stands in for failed.
    needed: bool,
    /// Its time is over.
    timed_out: bool,
    /// The step that gives its items still runs: there may be more of them.
    streams: bool,
    /// It is in the policy's queue.
    queued: bool,
    items: u32,
    /// The first item that was not started.
    next: u32,
    /// How many items gave their answer.
    done: u32,
    in_flight: u32,
    /// The last attempt of the only item.
    last: u32,
    /// The first item that failed.
    failed: Option<u32>,
    replaced_by: Option<StepIndex>,
}

/// A call that was started and has not ended for good.
#[derive(Clone, Copy, Debug)]
struct Flight {
    attempt: u32,
    call: Call,
    state: FlightState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FlightState {
    Running,
    /// Running, and told to stop.
    Told,
    /// Until its delay has passed.
    Waiting,
    /// To be started again.
    Queued,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    TimedOut,
    Cancel,
}

#[derive(Clone, Debug, Default)]
struct Group {
    max: u32,
    running: u32,
    /// What would have started, were there room: ranks and items, the most urgent first.
    parked: BTreeSet<(u32, u32)>,
}

/// One run of a [`Graph`], from the first step to the last.
///
/// # What is the same in every run
///
/// A step starts only after every step that it waits for has ended, so what it reads is the same whatever the order. Hence, of
/// units that are functions of their input, every [`Ending`] of every step, every attempt that counts and the [`Command::Finish`] are the
/// same for every strategy, every concurrency and every order in which calls end, unless time decides (a cancellation, a timeout). This
/// holds for runs that fail, too: under fail-fast the run ends as it would have with one step at a time in [`Graph::order`]. What
/// stands before the failure in that order runs to its end; what stands after it counts as skipped
/// ([`SkipReason::Upstream`] if it waits, through any number of others, for the failed step, and [`SkipReason::FailFast`] otherwise), also
/// where it was done already ([`Command::Discard`]). The same holds for the items of a step.
///
/// # Cost
///
/// 60 bytes a step besides the graph, and some for each call that is under way. An event costs the number of dependents, and the
/// logarithm of the number of ready steps for each step that gets ready; a failure costs the number of calls under way.
#[derive(Clone, Debug)]
pub struct Plan {
    graph: Arc<Graph>,
    policy: Policy,
    options: PlanOptions,
    states: Vec<State>,
    flights: HashMap<Task, Flight>,
    /// Calls to make again, the most urgent first.
    due: BTreeSet<(u32, u32)>,
    groups: Vec<Group>,
    running: u32,
    stop: Option<Stop>,
    /// Nothing behind this rank counts any more.
    barrier: u32,
    /// Every step before this rank has ended.
    frontier: u32,
    /// The failed step of the lowest rank.
    failed: Option<StepIndex>,
    started: bool,
    finished: bool,
}

impl Plan {
    /// A plan that was not started.
    pub fn new(graph: Arc<Graph>, mut options: PlanOptions) -> Self {
        options.max_concurrency = options.max_concurrency.max(1);
        let states = graph.dependency_counts().iter().map(|waits| State { waits: *waits, ..State::default() });
        Plan {
            policy: Policy::new(options.strategy, &graph),
            states: states.collect(),
            flights: HashMap::new(),
            due: BTreeSet::new(),
            groups: options.groups.iter().map(|max| Group { max: (*max).max(1), ..Group::default() }).collect(),
            running: 0,
            stop: None,
            barrier: u32::MAX,
            frontier: 0,
            failed: None,
            started: false,
            finished: false,
            options,
            graph,
        }
    }

    /// Starts the first steps. Calling it again does nothing.
    pub fn start(&mut self, commands: &mut Vec<Command>) {
        if self.started {
            return;
        }
        self.started = true;
        let first = self.graph.steps().filter(|step| self.graph.dependency_count(*step) == 0);
        for step in first.collect::<Vec<_>>() {
            if let Some(ending) = self.decide(step, commands) {
                self.end(step, ending, commands);
            }
        }
        self.advance(commands);
    }

    /// Takes an event in, and adds what is to be done to `commands`. Of several [`Command::Start`] the most urgent comes first.
    ///
    /// # Errors
    /// The event cannot have happened; it is ignored.
    pub fn handle(&mut self, event: Event, commands: &mut Vec<Command>) -> Result<(), UnexpectedEvent> {
        match event {
            Event::Opened { step, opening } => self.opened(step, opening, commands)?,
            Event::Arrived { step, items } => self.arrived(step, items),
            Event::Finished { task, attempt, verdict, permanent } => {
                self.call_ended(task, attempt, verdict, permanent, commands)?;
            }
            Event::Due { task, attempt } => self.due(task, attempt),
            Event::StepTimedOut { step } => self.step_timed_out(step, commands),
            Event::TimedOut => self.stop(Stop::TimedOut, commands),
            Event::Cancel => self.stop(Stop::Cancel, commands),
        }
        self.advance(commands);
        Ok(())
    }

    /// Whether every step has ended.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether it has ended, or was told to.
    pub fn is_stopped(&self) -> bool {
        self.finished || self.stop.is_some()
    }

    /// How many calls run now.
    pub fn running(&self) -> u32 {
        self.running
    }

    fn rules(&self, step: StepIndex) -> Option<&StepRules> {
        self.options.rules.get(step.get())
    }

    fn state(&self, step: StepIndex) -> State {
        self.states.get(step.get()).copied().unwrap_or_default()
    }

    fn change(&mut self, step: StepIndex, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.states.get_mut(step.get()) {
            change(state);
        }
    }

    /// Whether the step counts, as far as is known.
    fn counts(&self, step: StepIndex) -> bool {
        self.stop.is_none() && self.graph.rank(step) <= self.barrier
    }

    fn best_effort(&self) -> bool {
        self.options.on_failure == OnFailure::BestEffort
    }

    /// All that this step waits for has ended: it gets ready, or ends.
    fn decide(&mut self, step: StepIndex, commands: &mut Vec<Command>) -> Option<Ending> {
        if !self.counts(step) {
            return None;
        }
        let state = self.state(step);
        let (mut blocked, mut unneeded, mut opens) = (state.blocked, false, false);
        if let Some(rules) = self.rules(step) {
            unneeded = rules.stands_in_for.is_some() && !state.needed;
            opens = rules.opens;
            blocked |= rules.stand_ins.iter().any(|other| {
                let other = self.state(*other);
                other.needed && other.phase != Phase::Ended { good: true }
            });
        }
        if unneeded {
            Some(Ending::Skipped(SkipReason::NotNeeded))
        } else if blocked {
            Some(Ending::Skipped(SkipReason::Upstream))
        } else if opens {
            self.change(step, |state| state.phase = Phase::Opening);
            commands.push(Command::Open { step });
            None
        } else {
            self.activate(step, 1);
            None
        }
    }

    fn activate(&mut self, step: StepIndex, items: u32) {
        self.change(step, |state| {
            state.phase = Phase::Active;
            state.items = items;
        });
        self.queue(step);
    }

    /// Whether another of its items may start.
    fn has_more(&self, step: StepIndex) -> bool {
        let state = self.state(step);
        let parallel = self.rules(step).and_then(|rules| rules.max_parallel).unwrap_or(u32::MAX).max(1);
        state.phase == Phase::Active
            && self.counts(step)
            && state.next < state.items
            && state.in_flight < parallel
            && (self.best_effort() || state.failed.is_none())
            && !state.timed_out
    }

    /// Puts a step into the queue, if there is something of it to start.
    fn queue(&mut self, step: StepIndex) {
        if self.has_more(step) && !self.state(step).queued {
            self.change(step, |state| state.queued = true);
            self.policy.ready(&self.graph, step);
        }
    }

    /// So many items of this step are there, while the step that gives them still runs. Where nothing else is waited for, they need not
    /// wait either.
    fn arrived(&mut self, step: StepIndex, items: u32) {
        let state = self.state(step);
        let gives = self.rules(step).and_then(|rules| rules.streams_from);
        let gives = gives.is_some_and(|gives| self.state(gives).phase == Phase::Active);
        let begins = state.phase == Phase::Waiting && state.waits == 1 && !state.blocked && self.counts(step);
        let goes_on = state.phase == Phase::Active && state.streams;
        if gives && !self.best_effort() && (begins || goes_on) {
            self.change(step, |state| {
                state.phase = Phase::Active;
                state.streams = true;
                state.items = items.max(state.items);
            });
            self.queue(step);
        }
    }

    fn opened(
        &mut self,
        step: StepIndex,
        opening: Opening,
        commands: &mut Vec<Command>,
    ) -> Result<(), UnexpectedEvent> {
        if self.state(step).phase != Phase::Opening {
            return Err(UnexpectedEvent::NotOpening { step });
        }
        let streamed = self.state(step).streams;
        self.change(step, |state| {
            state.phase = Phase::Waiting;
            state.streams = false;
        });
        if !self.counts(step) {
            return Ok(());
        }
        let ending = match opening {
            Opening::Once => {
                self.activate(step, 1);
                return Ok(());
            }
            Opening::Items(0) if !streamed => Ending::Succeeded,
            Opening::Items(items) => {
                self.activate(step, items);
                if streamed && self.state(step).in_flight == 0 {
                    self.call_left(step, commands);
                }
                return Ok(());
            }
            Opening::No => Ending::Skipped(SkipReason::When),
            Opening::Failed => Ending::NotOpened { replaced_by: self.stand_in(step, VerdictKind::InvalidInput) },
        };
        if let Some(ending) = self.close(step, ending, commands) {
            self.end(step, ending, commands);
        }
        Ok(())
    }

    /// A step ends: now, or when its calls are over. Gives the ending that is now.
    fn close(&mut self, step: StepIndex, ending: Ending, commands: &mut Vec<Command>) -> Option<Ending> {
        if self.state(step).in_flight == 0 {
            return Some(ending);
        }
        self.change(step, |state| state.phase = Phase::Closing(ending));
        self.recall(commands, |task, _| task.step == step);
        None
    }

    fn stand_in(&self, step: StepIndex, verdict: VerdictKind) -> Option<StepIndex> {
        self.rules(step)?.stand_in(verdict)
    }

    fn call_ended(
        &mut self,
        task: Task,
        attempt: u32,
        verdict: VerdictKind,
        permanent: bool,
        commands: &mut Vec<Command>,
    ) -> Result<(), UnexpectedEvent> {
        let flight = self.flights.get(&task).copied().filter(|flight| {
            flight.attempt == attempt && matches!(flight.state, FlightState::Running | FlightState::Told)
        });
        let flight = flight.ok_or(UnexpectedEvent::NotRunning { task, attempt })?;
        if verdict == VerdictKind::Skipped {
            return Err(UnexpectedEvent::Skipped { step: task.step });
        }
        self.running -= 1;
        self.leave_group(task.step);
        let told = flight.state == FlightState::Told;
        match verdict {
            VerdictKind::Ok => self.land(task, None, commands),
            _ if told => self.drop_flight(task, commands),
            VerdictKind::Cancelled => {
                self.drop_flight(task, commands);
                self.stop(Stop::Cancel, commands);
            }
            _ => self.call_failed(task, flight, verdict, permanent, commands),
        }
        Ok(())
    }

    fn call_failed(
        &mut self,
        task: Task,
        flight: Flight,
        verdict: VerdictKind,
        permanent: bool,
        commands: &mut Vec<Command>,
    ) {
        let seed = self.options.seed;
        let rules = self.options.rules.get(task.step.get()).filter(|_| flight.call == Call::Primary);
        let retry = rules.map(|rules| rules.retry).unwrap_or_default();
        if !permanent && flight.attempt < retry.attempts && retry.on.contains(verdict) {
            let delay = retry.delay(flight.attempt, chance(seed, task.step, task.item, flight.attempt));
            let attempt = flight.attempt + 1;
            self.flights.insert(task, Flight { attempt, state: FlightState::Waiting, ..flight });
            commands.push(Command::Wait { task, attempt, delay });
            return;
        }
        match rules.and_then(|rules| rules.fallback(verdict)) {
            Some((place, FallbackKind::Call)) => {
                let flight =
                    Flight { attempt: flight.attempt + 1, call: Call::Fallback(place), state: FlightState::Queued };
                self.flights.insert(task, flight);
                self.due.insert((self.graph.rank(task.step), task.item));
            }
            Some((_, FallbackKind::Step(other))) => self.land(task, Some(Some(other)), commands),
            None => self.land(task, Some(None), commands),
        }
    }

    /// A call has ended for good: well, or with what takes its place.
    fn land(&mut self, task: Task, failure: Option<Option<StepIndex>>, commands: &mut Vec<Command>) {
        match failure {
            None => self.change(task.step, |state| state.done += 1),
            Some(replaced_by) => {
                self.change(task.step, |state| {
                    if state.failed.is_none_or(|first| task.item < first) {
                        state.failed = Some(task.item);
                        state.replaced_by = replaced_by;
                    }
                });
                if !self.best_effort() {
                    self.recall(commands, |other, _| other.step == task.step && other.item > task.item);
                }
            }
        }
        self.drop_flight(task, commands);
    }

    /// Forgets a call, and ends its step if that was the last one.
    fn drop_flight(&mut self, task: Task, commands: &mut Vec<Command>) {
        if self.flights.remove(&task).is_some() {
            self.change(task.step, |state| state.in_flight -= 1);
        }
        self.call_left(task.step, commands);
    }

    /// One call less of this step is under way.
    fn call_left(&mut self, step: StepIndex, commands: &mut Vec<Command>) {
        let state = self.state(step);
        match state.phase {
            Phase::Closing(ending) if state.in_flight == 0 => return self.end(step, ending, commands),
            Phase::Active => {}
            _ => return,
        }
        if state.in_flight > 0 || (state.streams && self.counts(step)) {
            self.queue(step);
            return;
        }
        let is_done = state.done >= state.items && !state.streams;
        let ending = if self.stop.is_some() {
            if is_done { Ending::Succeeded } else { Ending::Cancelled }
        } else if !self.counts(step) {
            // It is skipped in the end.
            self.change(step, |state| state.phase = Phase::Waiting);
            return;
        } else if state.timed_out {
            match self.rules(step).and_then(|rules| rules.fallback(VerdictKind::TimedOut)) {
                Some((place, FallbackKind::Call)) if state.items == 1 => return self.fall_back(step, place),
                _ => Ending::TimedOut { replaced_by: self.stand_in(step, VerdictKind::TimedOut) },
            }
        } else {
            match state.failed {
                Some(item) if !self.best_effort() || state.next == state.items => {
                    Ending::Failed { item, replaced_by: state.replaced_by }
                }
                None if is_done => Ending::Succeeded,
                _ => {
                    self.queue(step);
                    return;
                }
            }
        };
        self.end(step, ending, commands);
    }

    /// Its time is over, and something else is called instead, which has its own.
    fn fall_back(&mut self, step: StepIndex, place: u32) {
        self.change(step, |state| {
            state.timed_out = false;
            state.in_flight = 1;
            state.next = 1;
        });
        let attempts = self.options.rules.get(step.get()).map_or(1, |rules| rules.retry.attempts);
        // One that took the place of the last attempt has its number, and may have had its time as well.
        let attempt = attempts.max(self.state(step).last) + 1;
        let flight = Flight { attempt, call: Call::Fallback(place), state: FlightState::Queued };
        self.flights.insert(Task { step, item: 0 }, flight);
        self.due.insert((self.graph.rank(step), 0));
    }

    /// A step has ended, and with it perhaps others that need it.
    fn end(&mut self, step: StepIndex, ending: Ending, commands: &mut Vec<Command>) {
        let graph = self.graph.clone();
        let mut ended = VecDeque::from([(step, ending)]);
        while let Some((step, ending)) = ended.pop_front() {
            let (fails, replaced_by) = match ending {
                Ending::Failed { replaced_by, .. }
                | Ending::NotOpened { replaced_by }
                | Ending::TimedOut { replaced_by } => (true, replaced_by),
                Ending::Succeeded | Ending::Cancelled | Ending::Skipped(_) => (false, None),
            };
            let good = ending == Ending::Succeeded
                || replaced_by.is_some()
                || (fails && self.options.on_failure == OnFailure::BestEffort);
            self.change(step, |state| {
                state.phase = Phase::Ended { good };
                state.streams = false;
            });
            self.policy.ended(&graph, step);
            commands.push(Command::Settle { step, ending });
            if fails && replaced_by.is_none() {
                self.fail(step, commands);
            }
            for &then in graph.dependents(step) {
                let bears = self.rules(then).is_some_and(|rules| {
                    rules.tolerates.contains(&step)
                        || rules.stand_ins.contains(&step)
                        || rules.stands_in_for == Some(step)
                });
                let Some(state) = self.states.get_mut(then.get()) else { continue };
                state.blocked |= !good && !bears;
                state.needed |= replaced_by == Some(then);
                state.waits -= 1;
                if state.waits == 0
                    && let Some(ending) = self.decide(then, commands)
                    && let Some(ending) = self.close(then, ending, commands)
                {
                    ended.push_back((then, ending));
                }
            }
        }
    }

    fn fail(&mut self, step: StepIndex, commands: &mut Vec<Command>) {
        let rank = self.graph.rank(step);
        if self.options.on_failure == OnFailure::BestEffort {
            return;
        }
        if self.failed.is_none_or(|failed| rank < self.graph.rank(failed)) {
            self.failed = Some(step);
        }
        if self.options.on_failure == OnFailure::FailFast && rank < self.barrier {
            self.barrier = rank;
            self.policy.lift_barriers();
            self.recall(commands, |_, other| other > rank);
        }
    }

    /// Tells running calls to stop, and forgets those that wait; of the tasks and ranks that are asked for.
    fn recall(&mut self, commands: &mut Vec<Command>, which: impl Fn(Task, u32) -> bool) {
        let mut found: Vec<Task> = self.flights.keys().copied().collect();
        found.retain(|task| which(*task, self.graph.rank(task.step)));
        found.sort_unstable();
        for task in found {
            match self.flights.get_mut(&task) {
                Some(flight) if flight.state == FlightState::Running => {
                    flight.state = FlightState::Told;
                    commands.push(Command::CancelRunning { task });
                }
                Some(flight) if flight.state != FlightState::Told => self.drop_flight(task, commands),
                _ => {}
            }
        }
    }

    fn due(&mut self, task: Task, attempt: u32) {
        // The wait may have been called off.
        if let Some(flight) = self.flights.get_mut(&task)
            && flight.attempt == attempt
            && flight.state == FlightState::Waiting
        {
            flight.state = FlightState::Queued;
            self.due.insert((self.graph.rank(task.step), task.item));
        }
    }

    fn step_timed_out(&mut self, step: StepIndex, commands: &mut Vec<Command>) {
        let state = self.state(step);
        let is_over = matches!(state.phase, Phase::Active) && state.done < state.items && !state.timed_out;
        if !is_over || !self.counts(step) {
            return;
        }
        self.change(step, |state| state.timed_out = true);
        self.recall(commands, |task, _| task.step == step);
        if self.state(step).phase == Phase::Active && self.state(step).in_flight == 0 {
            self.call_left(step, commands);
        }
    }

    /// Nothing starts from now on. The first reason to stop is the one that counts.
    fn stop(&mut self, stop: Stop, commands: &mut Vec<Command>) {
        if self.finished || self.stop.is_some() {
            return;
        }
        self.stop = Some(stop);
        self.started = true;
        self.recall(commands, |_, _| true);
    }

    fn leave_group(&mut self, step: StepIndex) {
        let Some(group) = self.rules(step).and_then(|rules| rules.group) else { return };
        let Some(entry) = self.groups.get_mut(group as usize) else { return };
        entry.running -= 1;
        self.let_in(group);
    }

    /// The room of a group is offered to one that is parked: one at a time, as most of them would only be parked again.
    fn let_in(&mut self, group: u32) {
        while let Some(entry) = self.groups.get_mut(group as usize)
            && entry.running < entry.max
            && let Some((rank, item)) = entry.parked.pop_first()
        {
            let Some(step) = self.graph.order().get(rank as usize).copied() else { continue };
            if self.flights.contains_key(&Task { step, item }) {
                self.due.insert((rank, item));
                return;
            }
            if self.has_more(step) {
                self.queue(step);
                return;
            }
        }
    }

    /// What to start next.
    fn next(&mut self) -> Option<Task> {
        if let Some((rank, item)) = self.due.pop_first() {
            let step = self.graph.order().get(rank as usize).copied()?;
            return Some(Task { step, item });
        }
        let step = self.policy.next()?;
        Some(Task { step, item: self.state(step).next })
    }

    fn advance(&mut self, commands: &mut Vec<Command>) {
        while self.stop.is_none()
            && self.running < self.options.max_concurrency
            && let Some(task) = self.next()
        {
            self.start_call(task, commands);
        }
        if self.started && !self.finished && self.is_over() {
            self.finish(commands);
        }
    }

    fn start_call(&mut self, task: Task, commands: &mut Vec<Command>) {
        let again = self.flights.get(&task).copied();
        if again.is_none() {
            self.change(task.step, |state| state.queued = false);
        }
        let startable = match again {
            Some(flight) => flight.state == FlightState::Queued,
            None => self.has_more(task.step),
        };
        let group = self.rules(task.step).and_then(|rules| rules.group);
        if !startable {
            // The room that it was offered is another's.
            group.into_iter().for_each(|group| self.let_in(group));
            return;
        }
        if let Some(group) = group
            && let Some(group) = self.groups.get_mut(group as usize)
        {
            if group.running == group.max {
                group.parked.insert((self.graph.rank(task.step), task.item));
                return;
            }
            group.running += 1;
        }
        let flight = match again {
            Some(flight) => Flight { state: FlightState::Running, ..flight },
            None => {
                self.change(task.step, |state| {
                    state.next += 1;
                    state.in_flight += 1;
                });
                Flight { attempt: 1, call: Call::Primary, state: FlightState::Running }
            }
        };
        self.flights.insert(task, flight);
        self.change(task.step, |state| state.last = flight.attempt);
        self.running += 1;
        commands.push(Command::Start { task, attempt: flight.attempt, call: flight.call });
        if again.is_none() {
            self.queue(task.step);
        }
    }

    fn is_over(&mut self) -> bool {
        if !self.flights.is_empty() {
            return false;
        }
        if self.stop.is_some() {
            return true;
        }
        while let Some(step) = self.graph.order().get(self.frontier as usize)
            && matches!(self.state(*step).phase, Phase::Ended { .. })
        {
            self.frontier += 1;
        }
        self.frontier >= self.barrier.min(self.graph.order().len() as u32)
    }

    /// Skips what never started, and what does not count. Only now, when all has ended that will: so the reasons do not depend on
    /// what ended first.
    fn finish(&mut self, commands: &mut Vec<Command>) {
        self.finished = true;
        let fast = self.options.on_failure == OnFailure::FailFast;
        let (verdict, other) = match (self.stop, self.failed) {
            (Some(Stop::Cancel), _) => (RunVerdict::Cancelled, SkipReason::Cancelled),
            (Some(Stop::TimedOut), _) => (RunVerdict::Failed, SkipReason::Cancelled),
            (None, Some(_)) => (RunVerdict::Failed, SkipReason::FailFast),
            (None, None) => (RunVerdict::Ok, SkipReason::FailFast),
        };
        let downstream = match self.failed {
            Some(failed) if fast || self.stop.is_some() => self.downstream(failed),
            _ => Vec::new(),
        };
        for step in self.graph.steps() {
            let reason = if downstream.get(step.get()) == Some(&true) { SkipReason::Upstream } else { other };
            match self.state(step).phase {
                Phase::Ended { .. } if self.graph.rank(step) > self.barrier && self.stop.is_none() => {
                    commands.push(Command::Discard { step, reason });
                }
                Phase::Ended { .. } => {}
                _ => commands.push(Command::Settle { step, ending: Ending::Skipped(reason) }),
            }
        }
        commands.push(Command::Finish { verdict, failed: self.failed });
    }

    fn downstream(&self, failed: StepIndex) -> Vec<bool> {
        let mut downstream = vec![false; self.states.len()];
        let mut open = vec![failed];
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
