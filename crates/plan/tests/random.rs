//! The plan under random graphs, rules, failures, strategies and orders of completion: what it says at the end is always the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that is wrong here should fail")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use wasmill_model::{OnFailure, Retry, RunVerdict, SkipReason, Strategy as Order, VerdictKind, VerdictSet};
use wasmill_plan::{
    Call, Command, Ending, Event, FallbackKind, FallbackRule, Graph, Opening, Plan, PlanOptions, StepIndex, StepRules,
    Task,
};

/// What one step does.
#[derive(Clone, Debug)]
struct Behaviour {
    opening: Option<Opening>,
    max_parallel: Option<u32>,
    attempts: u32,
    fallback: bool,
    group: Option<u32>,
    /// Of the items that fail: how many attempts of each do.
    fails: Vec<u32>,
    kind: VerdictKind,
    permanent: bool,
    /// Whether its items come one by one from a step that can give them so.
    streams: bool,
}

#[derive(Clone, Debug)]
struct World {
    edges: Vec<(StepIndex, StepIndex)>,
    steps: Vec<Behaviour>,
    /// Pairs of steps: the second stands in for the first.
    stand_ins: Vec<(usize, usize)>,
    tolerates: Vec<bool>,
    on_failure: OnFailure,
    seed: u64,
}

/// How it is run.
#[derive(Clone, Debug)]
struct Manner {
    strategy: Order,
    max_concurrency: u32,
    choices: Vec<usize>,
    heeds_cancel: Vec<bool>,
}

fn behaviours() -> impl Strategy<Value = Behaviour> {
    let opening = prop_oneof![
        10 => Just(None),
        1 => Just(Some(Opening::Once)),
        1 => Just(Some(Opening::No)),
        1 => Just(Some(Opening::Failed)),
        4 => (0_u32..6).prop_map(|items| Some(Opening::Items(items))),
    ];
    let fails = prop_oneof![12 => Just(0_u32), 1 => Just(1), 1 => Just(2), 1 => Just(9)];
    let kind = prop_oneof![Just(VerdictKind::Trap), Just(VerdictKind::FuelExhausted), Just(VerdictKind::TimedOut)];
    (
        opening,
        prop::option::of(1_u32..4),
        1_u32..4,
        prop::bool::weighted(0.3),
        prop::option::weighted(0.3, 0_u32..2),
        prop::collection::vec(fails, 6),
        kind,
        prop::bool::weighted(0.1),
        any::<bool>(),
    )
        .prop_map(|(opening, max_parallel, attempts, fallback, group, fails, kind, permanent, streams)| {
            Behaviour { opening, max_parallel, attempts, fallback, group, fails, kind, permanent, streams }
        })
}

fn worlds() -> impl Strategy<Value = World> {
    (1_usize..25).prop_flat_map(|steps| {
        (
            // The file need not be in topological order.
            Just((0..steps as u32).collect::<Vec<_>>()).prop_shuffle(),
            prop::collection::vec((0..steps, 0..steps), 0..steps * 2),
            prop::collection::vec(behaviours(), steps),
            prop::collection::vec((0..steps, 0..steps), 0..3),
            prop::collection::vec(prop::bool::weighted(0.15), steps),
            prop_oneof![Just(OnFailure::FailFast), Just(OnFailure::Continue), Just(OnFailure::BestEffort)],
            any::<u64>(),
        )
            .prop_map(|(names, edges, steps, pairs, tolerates, on_failure, seed)| {
                let index = |place: usize| StepIndex::new(names[place]);
                let forward = |(one, other): &(usize, usize)| (*one.min(other), *one.max(other));
                let mut edges: Vec<(usize, usize)> =
                    edges.iter().filter(|(one, other)| one != other).map(forward).collect();
                // A step that stands in waits for the one that it stands in for; who reads that one waits for both.
                let mut used = HashSet::new();
                let mut stand_ins = Vec::new();
                for (first, other) in pairs.iter().filter(|(one, other)| one != other).map(forward) {
                    let readers: Vec<usize> =
                        edges.iter().filter(|(from, _)| *from == first).map(|(_, then)| *then).collect();
                    let plain = !edges.iter().any(|(from, then)| *then == other && *from == first);
                    if plain && readers.iter().all(|then| *then > other) && used.insert(first) && used.insert(other) {
                        edges.push((first, other));
                        edges.extend(readers.iter().map(|then| (other, *then)));
                        stand_ins.push((names[first] as usize, names[other] as usize));
                    }
                }
                let edges = edges.into_iter().map(|(first, then)| (index(first), index(then))).collect();
                World { edges, steps, stand_ins, tolerates, on_failure, seed }
            })
    })
}

fn manners() -> impl Strategy<Value = Manner> {
    (
        prop_oneof![Just(Order::WorkQueue), Just(Order::Level), Just(Order::Reactive)],
        1_u32..9,
        prop::collection::vec(any::<prop::sample::Index>(), 400),
        prop::collection::vec(prop::bool::weighted(0.8), 400),
    )
        .prop_map(|(strategy, max_concurrency, choices, heeds_cancel)| Manner {
            strategy,
            max_concurrency,
            choices: choices.iter().map(|choice| choice.index(1 << 20)).collect(),
            heeds_cancel,
        })
}

impl Behaviour {
    fn items(&self) -> Option<u32> {
        match self.opening {
            Some(Opening::Items(items)) => Some(items),
            _ => None,
        }
    }
}

impl World {
    fn rules(&self) -> Vec<StepRules> {
        let mut rules: Vec<StepRules> = self
            .steps
            .iter()
            .map(|step| StepRules {
                opens: step.opening.is_some(),
                max_parallel: step.max_parallel,
                retry: Retry { attempts: step.attempts, ..Retry::default() },
                fallback: step
                    .fallback
                    .then_some(FallbackRule { on: VerdictSet::FAILURES, kind: FallbackKind::Call })
                    .into_iter()
                    .collect(),
                group: step.group,
                ..StepRules::default()
            })
            .collect();
        for (first, other) in &self.stand_ins {
            let kind = FallbackKind::Step(StepIndex::new(*other as u32));
            rules[*first].fallback =
                vec![FallbackRule { on: VerdictSet::of(&[VerdictKind::Trap, VerdictKind::InvalidInput]), kind }];
            rules[*other].stands_in_for = Some(StepIndex::new(*first as u32));
            for (from, then) in &self.edges {
                if from.get() == *other && self.edges.contains(&(StepIndex::new(*first as u32), *then)) {
                    rules[then.get()].stand_ins.push(*from);
                }
            }
        }
        for (from, then) in &self.edges {
            let rule = &mut rules[then.get()];
            if self.tolerates[then.get()]
                && rule.opens
                && rule.stands_in_for.is_none()
                && !rule.stand_ins.contains(from)
            {
                rule.tolerates.push(*from);
            }
        }
        for (from, then) in &self.edges {
            let gives = &rules[from.get()];
            let is_once = gives.retry.attempts == 1 && gives.fallback.is_empty() && !gives.opens;
            let takes = &rules[then.get()];
            let has_items = matches!(self.steps[then.get()].opening, Some(Opening::Items(_)));
            let plain = takes.tolerates.is_empty() && takes.stand_ins.is_empty() && takes.stands_in_for.is_none();
            if is_once && plain && has_items && self.steps[then.get()].streams {
                rules[then.get()].streams_from = Some(*from);
            }
        }
        rules
    }

    /// How a call ends: a function of what is called.
    fn verdict(&self, task: Task, attempt: u32, call: Call) -> (VerdictKind, bool) {
        let step = &self.steps[task.step.get()];
        let fails = step.fails[task.item as usize % 6];
        match call {
            Call::Primary if attempt <= fails => (step.kind, step.permanent),
            Call::Fallback(_) if fails == 9 && step.permanent => (VerdictKind::Trap, false),
            _ => (VerdictKind::Ok, false),
        }
    }
}

/// What a run says, times aside.
#[derive(Debug, PartialEq)]
struct Said {
    endings: BTreeMap<StepIndex, Ending>,
    /// The attempts that count.
    attempts: BTreeMap<(Task, u32), VerdictKind>,
    delays: BTreeMap<(Task, u32), std::time::Duration>,
    finish: (RunVerdict, Option<StepIndex>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Pending {
    Running { attempt: u32, call: Call, told: bool },
    Waiting { attempt: u32 },
}

/// Runs a world to its end, and holds every command against what a plan promises.
fn play(world: &World, manner: &Manner) -> Result<Said, TestCaseError> {
    let graph = Arc::new(Graph::new(world.steps.len(), &world.edges).unwrap());
    let rules = world.rules();
    let options = PlanOptions {
        max_concurrency: manner.max_concurrency,
        strategy: manner.strategy,
        on_failure: world.on_failure,
        seed: world.seed,
        rules: rules.clone(),
        groups: vec![1, 2],
    };
    let mut plan = Plan::new(graph.clone(), options);
    let mut pending: Vec<(Task, Pending)> = Vec::new();
    let mut endings: BTreeMap<StepIndex, Ending> = BTreeMap::new();
    let mut arrived: HashMap<StepIndex, u32> = HashMap::new();
    let (mut attempts, mut delays) = (BTreeMap::new(), BTreeMap::new());
    let mut finish = None;
    let mut commands = Vec::new();
    plan.start(&mut commands);
    for turn in 0.. {
        prop_assert!(turn < 5_000, "it never ends");
        let mut opened = Vec::new();
        for command in commands.drain(..) {
            prop_assert!(finish.is_none(), "a command after the last one");
            match command {
                Command::Open { step } => opened.push(step),
                Command::Start { task, attempt, call } => {
                    prop_assert!(!endings.contains_key(&task.step));
                    for (first, _) in world.edges.iter().filter(|(_, then)| *then == task.step) {
                        let streams = rules[task.step.get()].streams_from == Some(*first);
                        prop_assert!(
                            endings.contains_key(first) || streams,
                            "started before what it waits for had ended"
                        );
                    }
                    pending.retain(|(other, state)| *other != task || matches!(state, Pending::Running { .. }));
                    prop_assert!(pending.iter().all(|(other, _)| *other != task), "started twice");
                    pending.push((task, Pending::Running { attempt, call, told: false }));
                    let running = pending.iter().filter(|(_, state)| matches!(state, Pending::Running { .. }));
                    let running: Vec<_> = running.map(|(task, _)| task.step).collect();
                    prop_assert!(running.len() <= manner.max_concurrency as usize);
                    for (group, most) in [(0, 1), (1, 2)] {
                        let count = running.iter().filter(|step| world.steps[step.get()].group == Some(group)).count();
                        prop_assert!(count <= most, "more than the group may");
                    }
                    let most = world.steps[task.step.get()].max_parallel.unwrap_or(u32::MAX) as usize;
                    prop_assert!(running.iter().filter(|step| **step == task.step).count() <= most);
                }
                Command::Wait { task, attempt, delay } => {
                    delays.insert((task, attempt), delay);
                    pending.push((task, Pending::Waiting { attempt }));
                }
                Command::CancelRunning { task } => {
                    let found = pending.iter_mut().find(|(other, _)| *other == task);
                    let Some((_, Pending::Running { told, .. })) = found else {
                        return Err(TestCaseError::fail("told to stop what does not run"));
                    };
                    prop_assert!(!std::mem::replace(told, true), "told twice");
                }
                Command::Settle { step, ending } => {
                    prop_assert!(endings.insert(step, ending).is_none(), "settled twice");
                }
                Command::Discard { step, reason } => {
                    prop_assert!(endings.insert(step, Ending::Skipped(reason)).is_some(), "discarded before it ended");
                }
                Command::Finish { verdict, failed } => finish = Some((verdict, failed)),
            }
        }
        prop_assert_eq!(plan.is_finished(), finish.is_some());
        if let Some(finish) = finish {
            let none_runs = pending.iter().all(|(_, state)| matches!(state, Pending::Waiting { .. }));
            prop_assert!(none_runs);
            prop_assert_eq!(endings.len(), world.steps.len());
            // What counts: attempts of steps that were not skipped, and of items up to the failed one.
            let counts = |task: &Task| match endings[&task.step] {
                Ending::Skipped(_) => false,
                Ending::Failed { item, .. } => world.on_failure == OnFailure::BestEffort || task.item <= item,
                _ => true,
            };
            attempts.retain(|(task, _), _| counts(task));
            delays.retain(|(task, _), _| counts(task));
            return Ok(Said { endings, attempts, delays, finish });
        }
        if let Some(step) = opened.pop() {
            for step in opened.into_iter().chain([step]) {
                let opening = world.steps[step.get()].opening.unwrap();
                plan.handle(Event::Opened { step, opening }, &mut commands).unwrap();
            }
            continue;
        }
        let choice = manner.choices[turn % manner.choices.len()];
        let runs = |step: StepIndex| {
            pending.iter().any(|(task, state)| task.step == step && matches!(state, Pending::Running { .. }))
        };
        // Items come one by one, whether or not anybody can take them yet.
        let streaming = (0..world.steps.len() as u32).map(StepIndex::new).filter(|step| {
            let gives = rules[step.get()].streams_from;
            gives.is_some_and(&runs)
                && arrived.get(step).copied().unwrap_or(0) < world.steps[step.get()].items().unwrap_or(0)
        });
        if let Some(step) = streaming.max_by_key(|step| step.get().wrapping_mul(choice) % 7)
            && !choice.is_multiple_of(3)
        {
            let items = arrived.entry(step).or_default();
            *items += 1;
            plan.handle(Event::Arrived { step, items: *items }, &mut commands).unwrap();
            continue;
        }
        prop_assert!(!pending.is_empty(), "nothing runs, and it is not over");
        let (task, state) = pending.swap_remove(choice % pending.len());
        match state {
            Pending::Waiting { attempt } => plan.handle(Event::Due { task, attempt }, &mut commands).unwrap(),
            Pending::Running { attempt, call, told } => {
                let heeds = told && manner.heeds_cancel[turn % manner.heeds_cancel.len()];
                let (verdict, permanent) =
                    if heeds { (VerdictKind::Cancelled, false) } else { world.verdict(task, attempt, call) };
                attempts.insert((task, attempt), verdict);
                plan.handle(Event::Finished { task, attempt, verdict, permanent }, &mut commands).unwrap();
            }
        }
    }
    unreachable!()
}

fn config() -> ProptestConfig {
    let failure_persistence = Some(Box::new(FileFailurePersistence::Off) as Box<_>);
    ProptestConfig { cases: 3_000, failure_persistence, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_manner_says_the_same(world in worlds(), manners in prop::collection::vec(manners(), 1..4)) {
        let one_at_a_time = Manner { strategy: Order::WorkQueue, max_concurrency: 1, choices: vec![0], heeds_cancel: vec![true] };
        let expected = play(&world, &one_at_a_time)?;
        for manner in &manners {
            prop_assert_eq!(&play(&world, manner)?, &expected);
        }
    }

    #[test]
    fn what_a_failure_means(world in worlds()) {
        let manner = Manner { strategy: Order::Reactive, max_concurrency: 4, choices: vec![0, 1, 2], heeds_cancel: vec![true] };
        let said = play(&world, &manner)?;
        let has_failed = |ending: &Ending| matches!(
            ending,
            Ending::Failed { replaced_by: None, .. } | Ending::NotOpened { replaced_by: None } | Ending::TimedOut { replaced_by: None }
        );
        let failed: Vec<StepIndex> = said.endings.iter().filter(|(_, ending)| has_failed(ending)).map(|(step, _)| *step).collect();
        match world.on_failure {
            OnFailure::BestEffort => prop_assert_eq!(said.finish, (RunVerdict::Ok, None)),
            _ if failed.is_empty() => prop_assert_eq!(said.finish, (RunVerdict::Ok, None)),
            OnFailure::FailFast => {
                prop_assert_eq!(failed.len(), 1);
                prop_assert_eq!(said.finish, (RunVerdict::Failed, Some(failed[0])));
            }
            OnFailure::Continue => prop_assert!(failed.contains(&said.finish.1.unwrap())),
        }
        if world.on_failure != OnFailure::FailFast {
            prop_assert!(said.endings.values().all(|ending| *ending != Ending::Skipped(SkipReason::FailFast)));
        }
    }

    #[test]
    fn cancelled_anywhere_it_ends(world in worlds(), manner in manners(), at in 0_usize..60, timeout: bool) {
        let graph = Arc::new(Graph::new(world.steps.len(), &world.edges).unwrap());
        let options = PlanOptions { max_concurrency: manner.max_concurrency, strategy: manner.strategy, on_failure: world.on_failure,
            rules: world.rules(), groups: vec![1, 2], ..PlanOptions::default() };
        let rules = world.rules();
        let mut plan = Plan::new(graph, options);
        let mut running: HashMap<Task, (u32, Call)> = HashMap::new();
        let (mut settled, mut finish, mut commands) = (HashSet::new(), None, Vec::new());
        let (mut waiting, mut stopped) = (Vec::new(), false);
        plan.start(&mut commands);
        for turn in 0..5_000 {
            let mut opened = Vec::new();
            for command in commands.drain(..) {
                match command {
                    Command::Open { step } => opened.push(step),
                    Command::Start { task, attempt, call } => {
                        prop_assert!(!stopped, "started after the run was to stop");
                        running.insert(task, (attempt, call));
                    }
                    Command::Wait { task, attempt, .. } => waiting.push((task, attempt)),
                    Command::CancelRunning { task } => prop_assert!(running.contains_key(&task)),
                    Command::Settle { step, .. } => prop_assert!(settled.insert(step)),
                    Command::Discard { .. } => {}
                    Command::Finish { verdict, .. } => finish = Some(verdict),
                }
            }
            if let Some(verdict) = finish {
                prop_assert_eq!(settled.len(), world.steps.len());
                prop_assert!(!stopped || verdict != RunVerdict::Ok || running.is_empty());
                return Ok(());
            }
            // A command goes on to write for a while when it was told to stop.
            for step in (0..world.steps.len() as u32).map(StepIndex::new) {
                let gives = rules[step.get()].streams_from;
                if gives.is_some_and(|gives| running.keys().any(|task| task.step == gives)) {
                    let items = (turn as u32 % 3).min(world.steps[step.get()].items().unwrap_or(0));
                    plan.handle(Event::Arrived { step, items }, &mut commands).unwrap();
                }
            }
            if !commands.is_empty() {
                for step in opened {
                    let _ = plan.handle(Event::Opened { step, opening: world.steps[step.get()].opening.unwrap() }, &mut commands);
                }
                continue;
            }
            let looked = !opened.is_empty();
            for step in opened {
                let _ = plan.handle(Event::Opened { step, opening: world.steps[step.get()].opening.unwrap() }, &mut commands);
            }
            if looked {
                continue;
            }
            if turn >= at && !stopped {
                stopped = true;
                plan.handle(if timeout { Event::TimedOut } else { Event::Cancel }, &mut commands).unwrap();
                continue;
            }
            if turn % 3 == 2 && let Some((task, attempt)) = waiting.pop() {
                plan.handle(Event::Due { task, attempt }, &mut commands).unwrap();
            } else if let Some(task) = running.keys().min().copied() {
                let (attempt, call) = running.remove(&task).unwrap();
                let (verdict, permanent) = if stopped { (VerdictKind::Cancelled, false) } else { world.verdict(task, attempt, call) };
                plan.handle(Event::Finished { task, attempt, verdict, permanent }, &mut commands).unwrap();
            } else if let Some((task, attempt)) = waiting.pop() {
                plan.handle(Event::Due { task, attempt }, &mut commands).unwrap();
            }
        }
        prop_assert!(false, "it never ends");
    }
}
