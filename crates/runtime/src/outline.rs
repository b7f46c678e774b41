//! A pipeline before it runs, for showing: who waits for whom and why, and what each step would be allowed.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_engine::EngineInfo;
use wasmill_model::{
    Diagnostics, Dialect, EngineName, FallbackTo, LimitKind, LimitOverrides, Limits, PassedOver, Pipeline, Policy,
    Profile, Reference, Step, With,
};
use wasmill_plan::{Graph, StepIndex};

use crate::wiring::{Wiring, wire};
use crate::{Bundle, Overrides, check, link};

/// The steps of a pipeline and why they wait for each other.
#[derive(Clone, Debug)]
pub struct Outline {
    /// All that the plan goes by; it has an edge more from each stand-in to those that read what it stands in for.
    pub graph: Arc<Graph>,
    /// What the manifest says, in its order; two steps have at most one.
    pub edges: Vec<Edge>,
}

/// One step waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The step that is waited for.
    pub first: StepIndex,
    /// The step that waits.
    pub then: StepIndex,
    /// Why.
    pub kind: EdgeKind,
}

/// Why a step waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// It reads what the other gave.
    Data,
    /// It stands `after` the other, and reads nothing of it.
    Order,
    /// It runs only in the place of the other.
    StandIn,
}

impl EdgeKind {
    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            EdgeKind::Data => "data",
            EdgeKind::Order => "after",
            EdgeKind::StandIn => "fallback",
        }
    }
}

/// The steps of a pipeline and why they wait for each other. Units are not looked at.
///
/// # Errors
/// Names of steps and inputs that are not there, and a cycle.
pub fn outline(pipeline: &Pipeline) -> Result<Outline, Diagnostics> {
    match wire(pipeline) {
        (Some(wiring), problems) if problems.is_empty() => Ok(Outline::new(pipeline, &wiring)),
        (_, problems) => Err(Diagnostics(problems)),
    }
}

impl Outline {
    fn new(pipeline: &Pipeline, wiring: &Wiring) -> Self {
        let mut found: IndexMap<(StepIndex, StepIndex), EdgeKind> = IndexMap::new();
        for (place, step) in (0_u32..).zip(&pipeline.steps) {
            let then = StepIndex::new(place);
            let read = step.expressions().into_iter().flat_map(|expression| &expression.references);
            let read = read.filter_map(|reference| match reference {
                Reference::Step(id) => wiring.index.get(id),
                _ => None,
            });
            found.extend(read.map(|first| ((*first, then), EdgeKind::Data)));
            let after = if inherits(step) { EdgeKind::Data } else { EdgeKind::Order };
            for first in step.after.iter().filter_map(|id| wiring.index.get(id)) {
                found.entry((*first, then)).or_insert(after);
            }
        }
        // A step that stands in may read the other as well: that it stands in is what counts.
        for (place, step) in (0_u32..).zip(&pipeline.steps) {
            let then = StepIndex::new(place);
            for fallback in &step.fallback {
                if let FallbackTo::Step(id) = &fallback.to
                    && let Some(other) = wiring.index.get(id)
                {
                    found.insert((then, *other), EdgeKind::StandIn);
                }
            }
        }
        let edges = found.into_iter().map(|((first, then), kind)| Edge { first, then, kind }).collect();
        Outline { graph: wiring.graph.clone(), edges }
    }

    /// The steps of each level, in the order of the file.
    pub fn levels(&self) -> Vec<Vec<StepIndex>> {
        let mut levels: Vec<Vec<StepIndex>> = Vec::new();
        for step in self.graph.steps() {
            let level = self.graph.level(step) as usize;
            if levels.len() <= level {
                levels.resize_with(level + 1, Vec::new);
            }
            if let Some(steps) = levels.get_mut(level) {
                steps.push(step);
            }
        }
        levels
    }

    /// The longest chain of steps that wait for each other; of several, the one that comes first in the file.
    pub fn critical_path(&self) -> Vec<StepIndex> {
        let graph = &self.graph;
        let farthest = |steps: &mut dyn Iterator<Item = StepIndex>| {
            // The first of those that are equally far: `max_by_key` would give the last.
            steps.fold(None, |best: Option<StepIndex>, step| match best {
                Some(best) if graph.distance_to_sink(best) >= graph.distance_to_sink(step) => Some(best),
                _ => Some(step),
            })
        };
        let mut path = Vec::new();
        let mut next = farthest(&mut graph.steps());
        while let Some(step) = next {
            path.push(step);
            next = farthest(&mut graph.dependents(step).iter().copied());
        }
        path
    }
}

/// Whether what it is called with is what the steps give that it stands after.
fn inherits(step: &Step) -> bool {
    step.with == With::Inherited && step.foreach.is_none()
}

/// What would run.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The steps and why they wait for each other.
    pub outline: Outline,
    /// What each would be, in the order of the file.
    pub steps: Vec<PreviewStep>,
}

/// What a step would call.
#[derive(Clone, Debug)]
pub enum PreviewStep {
    /// A unit.
    Unit(PreviewUnit),
    /// Another pipeline.
    Pipeline(Arc<Preview>),
}

/// How a unit would be called.
#[derive(Clone, Debug)]
pub struct PreviewUnit {
    /// The function; none for a command.
    pub function: Option<Arc<str>>,
    /// How it would be metered.
    pub profile: Profile,
    /// Engines that would do, the preferred one first.
    pub engines: Vec<EngineName>,
    /// Engines that were asked for before that one and would not do, as far as it shows without starting them.
    pub passed_over: Vec<PassedOver>,
    /// In what the preferred one is weaker than what a step is promised.
    pub weaker: Vec<Arc<str>>,
    /// What it would be allowed to use.
    pub limits: Limits,
    /// Where each of the limits comes from.
    pub origins: Vec<(LimitKind, LimitOrigin)>,
}

/// Whose word a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitOrigin {
    /// The caller's, for this run.
    Flag,
    /// The step's own.
    Step,
    /// The manifest's `defaults`.
    Defaults,
    /// The manifest's, in words of another dialect.
    Manifest,
    /// The unit's own: its `Component.toml` asks for less than it would be given.
    Component,
    /// The budget of the step or the pipeline: no attempt is given more.
    Budget,
    /// The host's policy: nobody else says anything.
    Policy,
    /// Wasmill's: the host's policy is silent as well.
    BuiltIn,
}

impl LimitOrigin {
    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            LimitOrigin::Flag => "flag",
            LimitOrigin::Step => "step",
            LimitOrigin::Defaults => "defaults",
            LimitOrigin::Manifest => "manifest",
            LimitOrigin::Component => "component",
            LimitOrigin::Budget => "budget",
            LimitOrigin::Policy => "policy",
            LimitOrigin::BuiltIn => "built-in",
        }
    }
}

/// What would run, with these overrides, and nothing of it is compiled or run. Secrets are not looked at.
///
/// # Errors
/// As [`link`](crate::link), as far as it shows without secrets and without preparing a unit.
pub fn preview(
    bundle: &Bundle,
    policy: &Policy,
    engines: &[EngineInfo],
    overrides: &Overrides,
) -> Result<Preview, Diagnostics> {
    preview_once(bundle, policy, engines, overrides, &mut HashMap::new())
}

/// [`preview`]; those of the pipelines that it calls are made once, wherever they are called.
fn preview_once(
    bundle: &Bundle,
    policy: &Policy,
    engines: &[EngineInfo],
    overrides: &Overrides,
    known: &mut HashMap<*const Bundle, Arc<Preview>>,
) -> Result<Preview, Diagnostics> {
    let pipeline = &bundle.pipeline;
    let (wiring, mut problems) = wire(pipeline);
    problems.extend(link::override_problems(policy, overrides, engines));
    check::check_steps(bundle, policy, engines, overrides, &mut problems);
    problems.extend(link::not_loaded(bundle));
    let Some(wiring) = wiring.filter(|_| problems.is_empty()) else {
        problems.sort_by_key(|problem| problem.location.as_ref().map(|location| (location.line, location.column)));
        return Err(Diagnostics(problems));
    };
    let step = |step: &Step| {
        if let Some(called) = bundle.pipelines.get(&step.unit) {
            if let Some(preview) = known.get(&Arc::as_ptr(called)) {
                return Some(Ok(PreviewStep::Pipeline(preview.clone())));
            }
            let preview = preview_once(called, policy, engines, overrides, known).map(Arc::new);
            return Some(preview.map(|preview| {
                known.insert(Arc::as_ptr(called), preview.clone());
                PreviewStep::Pipeline(preview)
            }));
        }
        let unit = bundle.units.get(&step.unit)?;
        let function = unit.info().resolve(step.function.as_deref()).ok()?;
        let profile = overrides.profile(step);
        let own = link::own_limits(pipeline, step);
        // Each was held against the policy: together they ask for no more.
        let asked = policy.resolve(overrides.limits.over(step.limits)).ok()?;
        let limits = asked.at_most(own);
        let budget = link::budget(pipeline, step).filter(|budget| *budget == limits.fuel && limits.fuel < asked.fuel);
        let mut origins = origins(overrides.limits, step, pipeline.dialect, &asked, &limits);
        for (limit, origin) in &mut origins {
            if *limit == LimitKind::Fuel && budget.is_some() {
                *origin = LimitOrigin::Budget;
            }
        }
        let judged = overrides.asked(step, policy).judged(engines, unit.interface());
        let passed_over: Vec<PassedOver> = judged.iter().map_while(|(_, unfit)| unfit.clone()).collect();
        let fits = judged.into_iter().filter(|(_, unfit)| unfit.is_none()).filter_map(|(place, _)| engines.get(place));
        let fits: Vec<&EngineInfo> = fits.collect();
        let weaker = fits.first().map(|info| wasmill_engine::weaker(info, profile)).unwrap_or_default();
        let engines = fits.into_iter().map(|info| info.name.clone()).collect();
        let function = function.map(|one| one.name.clone());
        Some(Ok(PreviewStep::Unit(PreviewUnit { function, profile, engines, passed_over, weaker, limits, origins })))
    };
    let steps = pipeline.steps.iter().filter_map(step).collect::<Result<_, _>>()?;
    Ok(Preview { outline: Outline::new(pipeline, &wiring), steps })
}

fn origins(
    flags: LimitOverrides,
    step: &Step,
    dialect: Dialect,
    asked: &Limits,
    limits: &Limits,
) -> Vec<(LimitKind, LimitOrigin)> {
    let usual = Limits::default();
    macro_rules! all {
        ($($kind:ident $field:ident),*) => {
            vec![$((
                LimitKind::$kind,
                match () {
                    () if limits.$field < asked.$field => LimitOrigin::Component,
                    () if flags.$field.is_some() => LimitOrigin::Flag,
                    () if step.limits.$field.is_some() && !dialect.is_native() => LimitOrigin::Manifest,
                    () if step.default_limits.$field.is_some() => LimitOrigin::Defaults,
                    () if step.limits.$field.is_some() => LimitOrigin::Step,
                    () if limits.$field == usual.$field => LimitOrigin::BuiltIn,
                    () => LimitOrigin::Policy,
                },
            )),*]
        };
    }
    all![
        Memory memory, Fuel fuel, Timeout timeout, Output output, Log log, TableElements table_elements,
        Instances instances
    ]
}
