//! Runs that are simulated: the runtime itself on a virtual clock, in random orders, with calls that nobody makes.
//!
//! A [`Simulation`] is a pipeline that is linked as for a run. Each of its runs has a seed, and everything that chance decides follows
//! from that: how long calls take, which declared failures they have, who goes on first of those that could. [`Simulation::explore`]
//! makes many runs under every strategy and says what it found; [`Simulation::replay`] makes one of them again, and says what happened when.
//!
//! What becomes of a call is taken from a [`Recording`] of a run, or from what its step declares (`simulate:`), or, where the step's
//! grants are pure, from its unit, which is really called once for each input.
//!
//! Invariants: nothing here reads a real clock, and nothing that a map puts in no order decides anything.

mod chance;
mod explore;
mod findings;
mod outcomes;
mod prepare;
mod recording;
mod report;
mod stage;
mod trace;
mod world;

use std::sync::Arc;
use std::time::Duration;

use wasmill_model::{Diagnostics, Digest, Object, RunDocument, RunVerdict, Strategy, Value, VerdictKind};

pub use explore::Progress;
pub use recording::{Attach, Recording};
pub use report::{Finding, FindingKind, Makespan, Reproduce, SimReport, StrategyReport};

use self::chance::{draw, fold};
use self::findings::Findings;
use self::outcomes::Outcomes;
use self::prepare::Prepared;
use self::stage::{Journal, RUN, Stage};
use self::trace::{Cause, Trace};
use self::world::{Ended, World};
use crate::{Bundle, Host, Linked, Overrides, RunOptions, UnitCall};

/// What a simulation does besides running.
#[derive(Clone, Debug, Default)]
pub struct SimSettings {
    /// A run whose outcomes are taken.
    pub recording: Option<Recording>,
    /// Failures that calls are made to have.
    pub inject: Vec<Inject>,
    /// Whether each run is made again with a host that dies in the middle of it.
    pub crash_anywhere: bool,
}

/// A failure that the first attempts of a step are made to have, each of its items by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inject {
    /// The step; of a pipeline that a step calls `outer/inner`.
    pub step: String,
    /// How the attempts fail.
    pub verdict: VerdictKind,
    /// So many of them.
    pub count: u32,
}

impl Inject {
    fn is_for(&self, step: &str, call: &UnitCall<'_>) -> bool {
        self.step == step && call.attempt <= self.count && !call.is_fallback
    }
}

/// A pipeline that is ready to be simulated.
pub struct Simulation {
    linked: Vec<(Strategy, Linked)>,
    world: World,
    outcomes: Arc<Outcomes>,
    prepared: Prepared,
    /// The name of the pipeline that was recorded, where it is another.
    recorded_as: Option<String>,
    inputs: Object,
    crash_anywhere: bool,
    host: Host,
    bundle: Bundle,
    overrides: Overrides,
}

/// One simulated run.
struct Ran {
    seed: u64,
    strategy: Strategy,
    verdict: RunVerdict,
    /// How each step ended, in the order of the file.
    ends: Vec<End>,
    outputs: Object,
    /// Of its verdict, its outputs and `ends`: runs with the same result have the same.
    result: u64,
    /// Of the declared failures that chance chose: runs with the same have only order and time to differ in.
    fate: u64,
    /// The time of the whole run was over.
    timed_out: bool,
    /// It waited for what never came.
    is_stuck: bool,
    makespan: Duration,
    trace: Trace,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    verdict: VerdictKind,
    output: Option<Digest>,
    fallback: Option<Arc<str>>,
}

/// A run whose host died, and the one that took its place.
struct Crashed {
    /// When it died.
    at: Duration,
    /// What had happened until then.
    before: Trace,
    after: Ran,
}

/// What happened in one run.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SimReplay {
    /// The seed.
    pub seed: u64,
    /// The strategy.
    pub strategy: Strategy,
    /// How the run ended.
    pub verdict: RunVerdict,
    /// When.
    #[serde(serialize_with = "report::microseconds", rename = "makespan_us")]
    pub makespan: Duration,
    /// What it gave.
    pub outputs: Object,
    /// What happened, in the order of time.
    pub timeline: Vec<Moment>,
    /// What of it is wrong. What shows only where runs are compared is not here.
    pub findings: Vec<Finding>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Moment {
    /// The time since the run began.
    #[serde(serialize_with = "report::microseconds", rename = "at_us")]
    pub at: Duration,
    /// What.
    pub what: String,
}

impl Simulation {
    /// Makes a pipeline ready, as [`link`](crate::link) does for a run; the host's clock and spawner are not used, and
    /// secrets that nobody gave are no mistake.
    ///
    /// # Errors
    /// What is wrong with the pipeline, with the settings, and which steps nobody knows the outcomes of.
    pub async fn new(
        host: &Host,
        bundle: &Bundle,
        overrides: &Overrides,
        inputs: Object,
        settings: SimSettings,
    ) -> Result<Self, Diagnostics> {
        let SimSettings { recording, inject, crash_anywhere } = settings;
        let prepared = Prepared::new(bundle, recording.as_ref(), &inject)?;
        let recorded = recording.as_ref().and_then(|recording| recording.pipeline.clone());
        // A pipeline may have been given another name since.
        let recorded_as = recorded.filter(|name| **name != *bundle.pipeline.name);
        let world = World::default();
        let secrets = prepare::with_stand_ins(&host.secrets, bundle);
        let host = Host { secrets, clock: Arc::new(world.clone()), spawner: Arc::new(world.clone()), ..host.clone() };
        let mut linked = Vec::with_capacity(Strategy::ALL.len());
        for strategy in Strategy::ALL {
            let bundle = prepare::under(bundle, strategy);
            linked.push((strategy, crate::link(&host, &bundle, overrides).await?));
        }
        let outcomes = Arc::new(Outcomes::new(recording, inject));
        let (bundle, overrides) = (bundle.clone(), overrides.clone());
        Ok(Simulation {
            linked,
            world,
            outcomes,
            prepared,
            recorded_as,
            inputs,
            crash_anywhere,
            host,
            bundle,
            overrides,
        })
    }

    /// What happens in the run of this seed under this strategy.
    ///
    /// None under a strategy that there is not.
    pub fn replay(&self, seed: u64, strategy: Strategy) -> Option<SimReplay> {
        let (_, linked) = self.linked.iter().find(|(one, _)| *one == strategy)?;
        let ran = self.run(seed, strategy, linked);
        let mut findings = Findings::default();
        findings.look(&ran, &self.prepared);
        let moment = |(at, what)| Moment { at, what };
        let mut timeline: Vec<Moment> = ran.trace.timeline().into_iter().map(moment).collect();
        let (mut verdict, mut makespan, mut outputs) = (ran.verdict, ran.makespan, ran.outputs.clone());
        if self.crash_anywhere {
            let crashed = self.crash(&ran, linked);
            findings.look_at_crash(&ran, &crashed, &self.prepared);
            let Crashed { at, before, after } = crashed;
            timeline = before.timeline().into_iter().map(moment).collect();
            timeline.push(Moment { at, what: "the host dies; the run is begun anew".to_owned() });
            let anew = |(since, what): (Duration, String)| Moment { at: at + since, what };
            timeline.extend(after.trace.timeline().into_iter().map(anew));
            (verdict, makespan, outputs) = (after.verdict, at + after.makespan, after.outputs);
        }
        let findings = self.finish(findings);
        Some(SimReplay { seed, strategy, verdict, makespan, outputs, timeline, findings })
    }

    fn options(&self, seed: u64, stage: &Arc<Stage>, journal: Option<Arc<Journal>>) -> RunOptions {
        RunOptions {
            seed,
            observer: stage.clone(),
            answerer: Some(stage.clone()),
            reuse: crate::Reuse { all: journal.map(|journal| journal as Arc<dyn crate::Memo>), ..Default::default() },
            ..RunOptions::new(RUN)
        }
    }

    /// One run to its end.
    fn run(&self, seed: u64, strategy: Strategy, linked: &Linked) -> Ran {
        self.run_with(seed, strategy, linked, &self.outcomes, None)
    }

    fn run_with(
        &self,
        seed: u64,
        strategy: Strategy,
        linked: &Linked,
        outcomes: &Arc<Outcomes>,
        journal: Option<Arc<Journal>>,
    ) -> Ran {
        let stage = Arc::new(Stage::new(seed, self.world.clone(), outcomes.clone()));
        let run = linked.run(self.inputs.clone(), self.options(seed, &stage, journal));
        crate::run::count_anew();
        let document = match self.world.run(seed, Box::pin(run), None) {
            Ended::Done(document) => Some(document),
            Ended::Stopped(run) | Ended::Stuck(run) => {
                stage.die();
                drop(run);
                None
            }
        };
        let makespan = crate::Clock::now(&self.world);
        self.world.forget();
        Ran::new(seed, strategy, document, makespan, stage.take_trace())
    }

    /// The same run with a host that dies in the middle, and the one that takes its place: what pure steps had given is kept.
    fn crash(&self, ran: &Ran, linked: &Linked) -> Crashed {
        let (seed, strategy) = (ran.seed, ran.strategy);
        let at = ran.makespan.mul_f64(chance::part(draw(seed, &[strategy as u64, u64::MAX])));
        let journal = Arc::new(Journal::default());
        let stage = Arc::new(Stage::new(seed, self.world.clone(), self.outcomes.clone()));
        let run = linked.run(self.inputs.clone(), self.options(seed, &stage, Some(journal.clone())));
        crate::run::count_anew();
        let ended = self.world.run(seed, Box::pin(run), Some(at));
        stage.die();
        journal.close();
        drop(ended);
        self.world.forget();
        let before = stage.take_trace();
        let after = self.run_with(seed, strategy, linked, &self.outcomes, Some(journal));
        Crashed { at, before, after }
    }
}

impl Ran {
    fn new(seed: u64, strategy: Strategy, document: Option<RunDocument>, makespan: Duration, trace: Trace) -> Self {
        let drawn = trace.calls.iter().filter(|call| matches!(call.ended, Some((_, _, Cause::Drawn))));
        let fate = drawn.fold(0_u64, |fate, call| {
            let path = trace.paths.get(call.path).map_or(0, |path| fold(0, path.name.as_bytes()));
            let verdict = call.ended.map_or(0, |(_, verdict, _)| verdict as u64);
            // The order in which they came says nothing.
            fate.wrapping_add(draw(path, &[call.item.map_or(u64::MAX, u64::from), u64::from(call.attempt), verdict]))
        });
        let is_stuck = document.is_none();
        let timed_out = document.as_ref().and_then(|document| document.error.as_ref());
        let timed_out = timed_out.is_some_and(|error| error.step.is_none() && error.verdict == VerdictKind::TimedOut);
        let verdict = document.as_ref().map_or(RunVerdict::Failed, |document| document.verdict);
        let (ends, outputs, result) = match document {
            Some(document) => results(document),
            None => (Vec::new(), Object::new(), u64::MAX),
        };
        Ran { seed, strategy, verdict, ends, outputs, result, fate, timed_out, is_stuck, makespan, trace }
    }

    fn reproduce(&self, shows: impl Into<String>) -> Reproduce {
        Reproduce { seed: self.seed, strategy: self.strategy, shows: shows.into() }
    }
}

fn results(document: RunDocument) -> (Vec<End>, Object, u64) {
    let outputs = document.outputs;
    let mut result = fold(document.verdict as u64, Value::from(outputs.clone()).digest().as_bytes());
    let ends = document.steps.into_values().map(|report| {
        let output = report.output.as_ref().map(Value::digest);
        result = fold(result, &[report.verdict.kind() as u8]);
        result = fold(result, output.as_ref().map_or(&[], |digest| digest.as_bytes()));
        End { verdict: report.verdict.kind(), output, fallback: report.fallback }
    });
    let ends = ends.collect();
    (ends, outputs, result)
}
