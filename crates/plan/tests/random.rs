//! The plan under random graphs, orders of completion, failures and cancellations.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that is wrong here should fail")]

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use wasmill_model::{RunVerdict, SkipReason, VerdictKind};
use wasmill_plan::{Command, Event, Graph, Plan, PlanOptions, StepIndex};

/// A DAG and what will happen in it.
#[derive(Clone, Debug)]
struct World {
    steps: usize,
    edges: Vec<(StepIndex, StepIndex)>,
    max_concurrency: u32,
    /// How each step ends, where it is not told to stop.
    verdicts: Vec<VerdictKind>,
    /// Which of the running steps ends next.
    choices: Vec<usize>,
    /// After how many events the run is cancelled.
    cancel_at: Option<usize>,
    /// What a step does that is told to stop: stop (mostly), or end as it would have.
    heeds_cancel: Vec<bool>,
}

fn worlds() -> impl Strategy<Value = World> {
    (1_usize..40).prop_flat_map(|steps| {
        let edge = (0..steps, 0..steps);
        let verdict = prop_oneof![
            20 => Just(VerdictKind::Ok),
            1 => Just(VerdictKind::Trap),
            1 => Just(VerdictKind::FuelExhausted),
        ];
        (
            Just(steps),
            // The file need not be in topological order.
            Just((0..steps as u32).collect::<Vec<_>>()).prop_shuffle(),
            prop::collection::vec(edge, 0..steps * 2),
            1_u32..9,
            prop::collection::vec(verdict, steps),
            prop::collection::vec(any::<prop::sample::Index>(), steps),
            prop::option::weighted(0.2, 0..steps),
            prop::collection::vec(prop::bool::weighted(0.8), steps),
        )
            .prop_map(|(steps, names, edges, max_concurrency, verdicts, choices, cancel_at, heeds_cancel)| {
                World {
                    steps,
                    edges: edges
                        .into_iter()
                        .filter(|(one, other)| one != other)
                        .map(|(one, other)| (one.min(other), one.max(other)))
                        .map(|(first, then)| (StepIndex::new(names[first]), StepIndex::new(names[then])))
                        .collect(),
                    max_concurrency,
                    verdicts,
                    choices: choices.iter().map(|choice| choice.index(1 << 20)).collect(),
                    cancel_at,
                    heeds_cancel,
                }
            })
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ended {
    No,
    With(VerdictKind),
    Skipped(SkipReason),
}

struct Trace {
    commands: Vec<Command>,
    ended: Vec<Ended>,
}

/// Runs a world to its end, and holds every command against what a plan promises.
fn play(world: &World) -> Result<Trace, TestCaseError> {
    let graph = Arc::new(Graph::new(world.steps, &world.edges).unwrap());
    let options = PlanOptions { max_concurrency: world.max_concurrency, ..PlanOptions::default() };
    let mut plan = Plan::new(graph, options);
    let mut trace = Trace { commands: Vec::new(), ended: vec![Ended::No; world.steps] };
    let mut running: Vec<StepIndex> = Vec::new();
    let mut told_to_stop = vec![false; world.steps];
    let mut stopped = false;
    let mut finish = None;

    let mut commands = Vec::new();
    plan.start(&mut commands);
    for turn in 0.. {
        for command in commands.drain(..) {
            trace.commands.push(command);
            prop_assert!(finish.is_none(), "a command after the last one");
            match command {
                Command::Start { step, attempt } => {
                    prop_assert_eq!(attempt, 1);
                    prop_assert!(!stopped, "started after the run was to stop");
                    prop_assert_eq!(trace.ended[step.get()], Ended::No);
                    prop_assert!(!running.contains(&step));
                    for (first, _) in world.edges.iter().filter(|(_, then)| *then == step) {
                        prop_assert_eq!(trace.ended[first.get()], Ended::With(VerdictKind::Ok));
                    }
                    running.push(step);
                    prop_assert!(running.len() <= world.max_concurrency as usize);
                }
                Command::Skip { step, reason } => {
                    prop_assert_eq!(trace.ended[step.get()], Ended::No);
                    prop_assert!(!running.contains(&step));
                    trace.ended[step.get()] = Ended::Skipped(reason);
                }
                Command::CancelRunning { step } => {
                    prop_assert!(running.contains(&step));
                    told_to_stop[step.get()] = true;
                }
                Command::Finish { verdict, failed } => finish = Some((verdict, failed)),
            }
        }
        prop_assert_eq!(plan.running() as usize, running.len());
        prop_assert_eq!(plan.is_finished(), finish.is_some());
        if finish.is_some() {
            break;
        }
        if world.cancel_at == Some(turn) {
            stopped = true;
            plan.handle(Event::Cancel, &mut commands).unwrap();
            continue;
        }
        prop_assert!(!running.is_empty(), "nothing runs, and the plan is not finished");
        let choice = world.choices[turn % world.choices.len()] % running.len();
        let step = running.swap_remove(choice);
        let stops = told_to_stop[step.get()] && world.heeds_cancel[step.get()];
        let verdict = if stops { VerdictKind::Cancelled } else { world.verdicts[step.get()] };
        stopped |= verdict != VerdictKind::Ok;
        trace.ended[step.get()] = Ended::With(verdict);
        plan.handle(Event::Finished { step, attempt: 1, verdict }, &mut commands).unwrap();
    }

    prop_assert!(running.is_empty());
    prop_assert!(!trace.ended.contains(&Ended::No), "a step never ended");
    let is_failure = |ended: &Ended| matches!(ended, Ended::With(verdict) if !matches!(verdict, VerdictKind::Ok | VerdictKind::Cancelled));
    let first_failed = trace.ended.iter().position(is_failure).map(|place| StepIndex::new(place as u32));
    let (verdict, failed) = finish.unwrap();
    prop_assert_eq!(failed, first_failed);
    match verdict {
        RunVerdict::Ok => prop_assert!(trace.ended.iter().all(|ended| *ended == Ended::With(VerdictKind::Ok))),
        RunVerdict::Failed => prop_assert!(failed.is_some()),
        RunVerdict::Cancelled => prop_assert!(world.cancel_at.is_some()),
    }
    // The reason of a skip is a function of which steps failed.
    let mut downstream = vec![false; world.steps];
    loop {
        let before = downstream.clone();
        for (first, then) in &world.edges {
            downstream[then.get()] |= downstream[first.get()] || is_failure(&trace.ended[first.get()]);
        }
        if downstream == before {
            break;
        }
    }
    for (ended, downstream) in trace.ended.iter().zip(downstream) {
        if let Ended::Skipped(reason) = ended {
            let other = if verdict == RunVerdict::Cancelled { SkipReason::Cancelled } else { SkipReason::FailFast };
            prop_assert_eq!(*reason, if downstream { SkipReason::Upstream } else { other });
        }
    }
    Ok(trace)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_promise_holds(world in worlds()) {
        play(&world)?;
    }

    #[test]
    fn the_same_events_give_the_same_commands(world in worlds()) {
        prop_assert_eq!(play(&world)?.commands, play(&world)?.commands);
    }

    #[test]
    fn without_failures_the_order_changes_nothing(world in worlds(), max_concurrency in 1_u32..9) {
        let world = World { verdicts: vec![VerdictKind::Ok; world.steps], cancel_at: None, ..world };
        let mut other = World { max_concurrency, ..world.clone() };
        other.choices.reverse();
        prop_assert_eq!(play(&world)?.ended, play(&other)?.ended);
    }

    #[test]
    fn one_at_a_time_everything_is_the_same(world in worlds()) {
        let world = World { max_concurrency: 1, ..world };
        let mut other = world.clone();
        other.choices.reverse();
        prop_assert_eq!(play(&world)?.commands, play(&other)?.commands);
    }
}

#[test]
fn a_chain_of_100_000_runs_to_its_end() {
    let steps = 100_000;
    let world = World {
        steps,
        edges: (1..steps as u32).map(|then| (StepIndex::new(then - 1), StepIndex::new(then))).collect(),
        max_concurrency: 4,
        verdicts: vec![VerdictKind::Ok; steps],
        choices: vec![0],
        cancel_at: None,
        heeds_cancel: vec![true; steps],
    };
    // Only the plan: the checks of `play` look at every edge for every step.
    let mut plan = Plan::new(Arc::new(Graph::new(steps, &world.edges).unwrap()), PlanOptions::default());
    let mut commands = Vec::new();
    plan.start(&mut commands);
    let mut started = 0;
    while let Some(Command::Start { step, attempt }) = commands.pop() {
        started += 1;
        plan.handle(Event::Finished { step, attempt, verdict: VerdictKind::Ok }, &mut commands).unwrap();
    }
    assert_eq!(started, steps);
    assert!(plan.is_finished());
}

#[test]
fn a_failure_before_100_000_steps_skips_them_all() {
    let steps = 100_000;
    let edges: Vec<_> = (1..steps as u32).map(|then| (StepIndex::new(then - 1), StepIndex::new(then))).collect();
    let mut plan = Plan::new(Arc::new(Graph::new(steps, &edges).unwrap()), PlanOptions::default());
    let mut commands = Vec::new();
    plan.start(&mut commands);
    commands.clear();
    let failed = Event::Finished { step: StepIndex::new(0), attempt: 1, verdict: VerdictKind::Trap };
    plan.handle(failed, &mut commands).unwrap();
    assert_eq!(commands.len(), steps);
}
