//! Everything that can be done before a run.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use futures_util::stream::{self, StreamExt};
use wasmill_engine::{Asked, Binding, BoxFuture, EngineInfo, PrepareError, RouteError, Routed};
use wasmill_expression::{ExpressionError, Program};
use wasmill_model::{
    Code, Diagnostic, Diagnostics, FallbackTo, Grants, LimitOverrides, Limits, Location, Object, Pipeline, Policy,
    Profile, RunDocument, Secrets, Step, Template,
};
use wasmill_plan::{Graph, PlanOptions, StepIndex, StepRules};
use wasmill_unit::Unit;

use crate::attempt::{Callee, LinkedFallback, LinkedStep, LinkedUnit, PreparedKey};
use crate::run::{FirstWorker, Room};
use crate::step_input::{Inherits, StepInput};
use crate::wiring::{Wiring, wire};
use crate::{Bundle, Clock, Host, Overrides, RunOptions, Spawner, check, parameters};

/// Units that are prepared at the same time.
const PREPARED_AT_ONCE: usize = 8;

/// A pipeline that is ready to run, any number of times, also at the same time. A clone costs a reference count.
#[derive(Clone)]
pub struct Linked {
    parts: Arc<LinkedParts>,
}

pub(crate) struct LinkedParts {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) graph: Arc<Graph>,
    pub(crate) steps: Vec<LinkedStep>,
    pub(crate) outputs: Vec<(Arc<str>, Program)>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spawner: Arc<dyn Spawner>,
    /// Those that any step of the whole run is granted, also where pipelines call each other: what nothing that the run says may show.
    pub(crate) secrets: Secrets,
    /// The steps that nobody reads.
    pub(crate) last: Vec<StepIndex>,
    rules: Vec<StepRules>,
    groups: Vec<u32>,
    index: HashMap<Arc<str>, StepIndex>,
}

impl LinkedParts {
    /// How the plan of a run goes about it.
    pub(crate) fn plan_options(&self, seed: u64) -> PlanOptions {
        PlanOptions {
            max_concurrency: self.pipeline.schedule.max_concurrency,
            strategy: self.pipeline.schedule.strategy,
            on_failure: self.pipeline.on_failure,
            seed,
            rules: self.rules.clone(),
            groups: self.groups.clone(),
        }
    }

    pub(crate) fn index_of(&self, id: &str) -> Option<StepIndex> {
        self.index.get(id).copied()
    }
}

impl Linked {
    /// The pipeline.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.parts.pipeline
    }

    /// The limits of a step, as they were resolved.
    pub fn limits(&self, step: &str) -> Option<&Arc<Limits>> {
        let step = self.parts.index_of(step)?;
        self.parts.steps.get(step.get()).map(|step| &step.limits)
    }

    /// The names of the outputs that a run may give: those that are declared, or the steps that nobody reads.
    pub fn output_names(&self) -> impl Iterator<Item = &Arc<str>> {
        let parts = &self.parts;
        let undeclared = parts.pipeline.outputs.is_empty().then_some(&parts.last).into_iter().flatten();
        let steps = undeclared.filter_map(|step| parts.steps.get(step.get()).map(|step| &step.id));
        parts.pipeline.outputs.keys().chain(steps)
    }

    /// Runs the pipeline on these inputs ([`bind_inputs`](crate::bind_inputs)), and gives the run document.
    ///
    /// The steps run in tasks of the host's [`Spawner`]; nothing starts before the future is polled. Dropping it cancels the run:
    /// nothing new starts, and what runs is told to stop. A step that panics fails; the future itself does not.
    ///
    /// Outputs, verdicts and receipts (but times) of a run that succeeds are the same whatever the concurrency and the order in
    /// which steps end; what holds of one that fails is said at [`Plan`](wasmill_plan::Plan).
    pub fn run(&self, inputs: Object, options: RunOptions) -> impl Future<Output = RunDocument> + Send + use<> {
        crate::run::run(self.parts.clone(), inputs, options, FirstWorker::Spawned, None)
    }

    /// A run that another one waits for.
    pub(crate) fn run_within(
        &self,
        inputs: Object,
        options: RunOptions,
        room: Room,
    ) -> impl Future<Output = RunDocument> + Send + use<> {
        crate::run::run(self.parts.clone(), inputs, options, FirstWorker::Own, Some(room))
    }

    /// The same, for many small runs: what need not run at the same time as something else is run by the future itself, where
    /// [`run`](Self::run) hands it to a task of the [`Spawner`]. Poll it where steps may run.
    pub fn run_here(&self, inputs: Object, options: RunOptions) -> impl Future<Output = RunDocument> + Send + use<> {
        crate::run::run(self.parts.clone(), inputs, options, FirstWorker::Own, None)
    }
}

/// Makes a pipeline ready, and those that it calls: [checks](crate::check) it, picks an engine for each step, prepares each distinct
/// use of a unit once, compiles the expressions, resolves the limits.
///
/// # Errors
/// Everything that is wrong, as far as it shows without running anything. Units are prepared only when nothing else is wrong.
pub async fn link(host: &Host, bundle: &Bundle, overrides: &Overrides) -> Result<Linked, Diagnostics> {
    // What any step is told may be said by any other that is given its output: nothing that any of them says shows it.
    let steps = bundle.all().into_iter().flat_map(|bundle| &bundle.pipeline.steps);
    let granted: Vec<String> = steps.flat_map(|step| step.grants.secrets.iter().cloned()).collect();
    link_once(host, bundle, overrides, &host.secrets.only(&granted), &mut Vec::new()).await
}

/// Those that were called so far and are ready: one that is called from several places is one.
type Ready = Vec<(Arc<Bundle>, Linked)>;

/// As [`link`]; no report shows these secrets.
async fn link_once(
    host: &Host,
    bundle: &Bundle,
    overrides: &Overrides,
    secrets: &Secrets,
    ready: &mut Ready,
) -> Result<Linked, Diagnostics> {
    let mut draft = Draft::new(host, bundle, overrides)?;
    let mut called: HashMap<Arc<str>, Linked> = HashMap::new();
    for (name, bundle) in &bundle.pipelines {
        let known = ready.iter().find(|(other, _)| Arc::ptr_eq(other, bundle)).map(|(_, linked)| linked.clone());
        let linked = match known {
            Some(linked) => linked,
            None => {
                let linked = boxed(host, bundle, overrides, secrets, ready).await?;
                ready.push((bundle.clone(), linked.clone()));
                linked
            }
        };
        called.insert(name.clone(), linked);
    }
    let wanted = std::mem::take(&mut draft.wanted);
    let prepared: Vec<Result<Arc<Routed>, RouteError>> = stream::iter(wanted)
        .map(|wanted| async move {
            let Wanted { unit, binding, engines, allow_weaker } = &wanted;
            let allowed = &host.policy.engines;
            let asked = Asked { names: engines, allowed, profile: binding.profile, allow_weaker: *allow_weaker };
            host.router.route(unit, binding, asked).await.map(Arc::new)
        })
        .buffered(PREPARED_AT_ONCE)
        .collect()
        .await;
    draft.link(host, prepared, &called, overrides, secrets).map(|parts| Linked { parts: Arc::new(parts) })
}

/// [`link_once`], for a pipeline that another one calls: a future that is not part of its own type.
fn boxed<'a>(
    host: &'a Host,
    bundle: &'a Bundle,
    overrides: &'a Overrides,
    secrets: &'a Secrets,
    ready: &'a mut Ready,
) -> BoxFuture<'a, Result<Linked, Diagnostics>> {
    Box::pin(link_once(host, bundle, overrides, secrets, ready))
}

/// One distinct use of a unit.
struct Wanted {
    unit: Unit,
    binding: Binding,
    /// Engines, the first choice first.
    engines: Vec<String>,
    allow_weaker: bool,
}

/// A step whose unit is not prepared yet.
struct DraftStep {
    input: StepInput,
    callee: DraftCallee,
    profile: Profile,
    limits: Arc<Limits>,
    /// As they are written, for the receipts.
    grants: Arc<Grants>,
    when: Option<Program>,
    foreach: Option<Program>,
    fallback: Vec<DraftFallback>,
}

enum DraftCallee {
    Unit(DraftUnit),
    /// Another pipeline, by the name of its unit.
    Pipeline(Arc<str>),
}

/// A unit that is not prepared yet.
struct DraftUnit {
    name: Arc<str>,
    unit: Unit,
    function: Option<Arc<str>>,
    /// Which of [`Draft::wanted`] it is.
    wanted: usize,
}

enum DraftFallback {
    Value(Program),
    Call(DraftCallee),
    Step,
}

struct Draft {
    pipeline: Arc<Pipeline>,
    wiring: Wiring,
    steps: Vec<DraftStep>,
    outputs: Vec<(Arc<str>, Program)>,
    wanted: Vec<Wanted>,
}

impl Draft {
    fn new(host: &Host, bundle: &Bundle, overrides: &Overrides) -> Result<Draft, Diagnostics> {
        let pipeline = &bundle.pipeline;
        let engines = host.router.engines();
        let (wiring, mut problems) = wire(pipeline);
        problems.extend(override_problems(&host.policy, overrides, engines));
        check::check_steps(bundle, &host.policy, engines, overrides, &mut problems);
        problems.extend(not_loaded(bundle));
        problems.extend(missing_secrets(pipeline, &host.secrets));
        let Some(wiring) = wiring.filter(|_| problems.is_empty()) else {
            problems.sort_by_key(|problem| problem.location.as_ref().map(|location| (location.line, location.column)));
            return Err(Diagnostics(problems));
        };

        let mut maker = Maker::new(host, bundle, overrides, &wiring);
        let mut steps = Vec::with_capacity(pipeline.steps.len());
        for step in &pipeline.steps {
            match maker.step(step) {
                Ok(step) => steps.push(step),
                Err(problem) => problems.push(if problem.step.is_none() { problem.in_step(&step.id) } else { problem }),
            }
        }
        let mut outputs = Vec::with_capacity(pipeline.outputs.len());
        for (name, template) in &pipeline.outputs {
            match Program::compile(template) {
                Ok(program) => outputs.push((name.clone(), program)),
                Err(error) => problems.push(expression_problem(error, None)),
            }
        }
        let wanted = maker.wanted;
        if !problems.is_empty() {
            return Err(Diagnostics(problems));
        }
        Ok(Draft { pipeline: pipeline.clone(), wiring, steps, outputs, wanted })
    }

    fn link(
        self,
        host: &Host,
        prepared: Vec<Result<Arc<Routed>, RouteError>>,
        called: &HashMap<Arc<str>, Linked>,
        overrides: &Overrides,
        secrets: &Secrets,
    ) -> Result<LinkedParts, Diagnostics> {
        let mut problems = Vec::new();
        let mut said = vec![false; prepared.len()];
        let mut unit = |draft: DraftUnit, step: &Step| match prepared.get(draft.wanted) {
            Some(Ok(prepared)) => Some(LinkedUnit {
                name: draft.name,
                routed: prepared.clone(),
                digest: draft.unit.digest(),
                interface: draft.unit.interface(),
                function: draft.function,
                called: OnceLock::new(),
            }),
            Some(Err(error)) => {
                // Said once, at the first step that needs it.
                let first = said.get_mut(draft.wanted).is_some_and(|said| !std::mem::replace(said, true));
                let problem = |error: &RouteError| {
                    let problem = match error {
                        RouteError::Prepare(error) => prepare_problem(step, &draft.name, error),
                        error => route_problem(step, &draft, error, overrides, host),
                    };
                    redacted(problem, &host.secrets)
                };
                problems.extend(first.then(|| problem(error)));
                None
            }
            None => None,
        };
        let mut ready = |draft: DraftCallee, step: &Step| {
            Some(match draft {
                DraftCallee::Unit(draft) => Callee::Unit(unit(draft, step)?),
                DraftCallee::Pipeline(name) => {
                    let linked = called.get(&name)?.clone();
                    Callee::Pipeline(name, linked)
                }
            })
        };
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut feeds: Vec<Vec<StepIndex>> = vec![Vec::new(); self.pipeline.steps.len()];
        for (place, rules) in (0_u32..).zip(&self.wiring.rules) {
            if let Some(fed) = rules.streams_from.and_then(|from| feeds.get_mut(from.get())) {
                fed.push(StepIndex::new(place));
            }
        }
        for ((draft, step), feeds) in self.steps.into_iter().zip(&self.pipeline.steps).zip(feeds) {
            let callee = ready(draft.callee, step);
            let fallback: Vec<Option<LinkedFallback>> = draft
                .fallback
                .into_iter()
                .map(|fallback| {
                    Some(match fallback {
                        DraftFallback::Value(program) => LinkedFallback::Value(program),
                        DraftFallback::Call(callee) => LinkedFallback::Call(ready(callee, step)?),
                        DraftFallback::Step => LinkedFallback::Step,
                    })
                })
                .collect();
            let (Some(callee), Some(fallback)) = (callee, fallback.into_iter().collect()) else { continue };
            steps.push(LinkedStep {
                id: step.id.clone(),
                input: draft.input,
                callee,
                profile: draft.profile,
                limits: draft.limits,
                grants: draft.grants,
                when: draft.when,
                foreach: draft.foreach,
                fallback,
                timeout: step.timeout,
                emits: step.emits,
                output: step.output,
                cached: overrides.cache.unwrap_or(step.cache),
                feeds,
            });
        }
        if !problems.is_empty() {
            return Err(Diagnostics(problems));
        }
        Ok(LinkedParts {
            secrets: secrets.clone(),
            pipeline: self.pipeline,
            graph: self.wiring.graph,
            steps,
            outputs: self.outputs,
            clock: host.clock.clone(),
            spawner: host.spawner.clone(),
            last: self.wiring.last,
            rules: self.wiring.rules,
            groups: self.wiring.groups,
            index: self.wiring.index,
        })
    }
}

/// Makes draft steps, and shares between them what can be shared.
struct Maker<'a> {
    host: &'a Host,
    bundle: &'a Bundle,
    pipeline: &'a Pipeline,
    overrides: &'a Overrides,
    wiring: &'a Wiring,
    /// By what is asked for, and what the unit may use by its own word.
    limits: HashMap<(LimitOverrides, LimitOverrides), Arc<Limits>>,
    grants: HashMap<String, Arc<Grants>>,
    keys: HashMap<PreparedKey, usize>,
    wanted: Vec<Wanted>,
}

impl<'a> Maker<'a> {
    fn new(host: &'a Host, bundle: &'a Bundle, overrides: &'a Overrides, wiring: &'a Wiring) -> Self {
        Maker {
            host,
            bundle,
            pipeline: &bundle.pipeline,
            overrides,
            wiring,
            limits: HashMap::new(),
            grants: HashMap::new(),
            keys: HashMap::new(),
            wanted: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) -> Result<DraftStep, Diagnostic> {
        let profile = self.overrides.profile(step);
        let spelled = serde_json::to_string(&step.grants).unwrap_or_default();
        let grants = self.grants.entry(spelled).or_insert_with(|| Arc::new(step.grants.clone())).clone();
        let callee = self.callee(step, &step.unit, step.function.as_deref(), &step.function_location, &grants)?;
        let inherits = self.inherits(step);
        let invalid = |error: ExpressionError| expression_problem(error, Some(step));
        let input = StepInput::new(step, self.pipeline, self.wiring, inherits).map_err(invalid)?;
        let compile = |template: &Template| Program::compile(template).map_err(invalid);
        let when = step.when.as_ref().map(compile).transpose()?;
        let foreach = step.foreach.as_ref().map(|foreach| compile(&foreach.items)).transpose()?;
        let limits = self.limits(step)?;
        let mut fallback = Vec::with_capacity(step.fallback.len());
        for one in &step.fallback {
            fallback.push(match &one.to {
                FallbackTo::Value(template) => DraftFallback::Value(compile(template)?),
                FallbackTo::Step(_) => DraftFallback::Step,
                FallbackTo::Unit { unit, function } => {
                    DraftFallback::Call(self.callee(step, unit, function.as_deref(), &step.location, &grants)?)
                }
            });
        }
        Ok(DraftStep { input, callee, profile, limits, grants, when, foreach, fallback })
    }

    /// What a step calls: all of it was checked.
    fn callee(
        &mut self,
        step: &Step,
        name: &Arc<str>,
        function: Option<&str>,
        location: &Location,
        grants: &Arc<Grants>,
    ) -> Result<DraftCallee, Diagnostic> {
        if self.bundle.pipelines.contains_key(name) {
            return Ok(DraftCallee::Pipeline(name.clone()));
        }
        let Some(unit) = self.bundle.units.get(name) else { return Err(not_loaded_problem(step, name)) };
        let function =
            unit.info().resolve(function).map_err(|error| check::function_problem(name, &error).at(location))?;
        let profile = self.overrides.profile(step);
        let function = function.map(|function| function.name.clone());
        Ok(DraftCallee::Unit(self.unit(step, name, unit, function, profile, grants)))
    }

    /// How the step's own unit takes what the step inherits.
    fn inherits(&self, step: &Step) -> Inherits {
        if let Some(called) = self.bundle.pipelines.get(&step.unit) {
            return if called.pipeline.inputs.is_empty() { Inherits::Nothing } else { Inherits::Value };
        }
        let Some(info) = self.bundle.units.get(&step.unit).map(Unit::info) else { return Inherits::Value };
        let function = info.resolve(step.function.as_deref()).ok().flatten();
        match function {
            Some(function) if info.takes_parameters() && function.params.is_empty() => Inherits::Nothing,
            // There is nothing to inherit, and it does without.
            Some(function)
                if info.built.is_some()
                    && function.params.iter().all(|param| param.optional)
                    && step.foreach.is_none()
                    && step.after.is_empty()
                    && self.pipeline.inputs.is_empty() =>
            {
                Inherits::Nothing
            }
            _ if parameters::inherits_by_name(info, function) => Inherits::Members,
            _ => Inherits::Value,
        }
    }

    fn unit(
        &mut self,
        step: &Step,
        name: &Arc<str>,
        unit: &Unit,
        function: Option<Arc<str>>,
        profile: Profile,
        grants: &Arc<Grants>,
    ) -> DraftUnit {
        let asked = self.overrides.asked(step, &self.host.policy);
        let key = PreparedKey {
            unit: unit.digest(),
            function: function.clone(),
            output: step.output,
            profile,
            engines: asked.names.to_vec(),
            allow_weaker: asked.allow_weaker,
            grants: serde_json::to_string(grants).unwrap_or_default(),
        };
        let wanted = &mut self.wanted;
        let wanted = *self.keys.entry(key).or_insert_with(|| {
            let binding = Binding {
                function: function.as_deref().map(str::to_owned),
                grants: on_the_host(grants, &self.pipeline.base),
                secrets: self.host.secrets.only(&grants.secrets),
                output: step.output,
                profile,
            };
            let (engines, allow_weaker) = (asked.names.to_vec(), asked.allow_weaker);
            wanted.push(Wanted { unit: unit.clone(), binding, engines, allow_weaker });
            wanted.len() - 1
        });
        DraftUnit { name: name.clone(), unit: unit.clone(), function, wanted }
    }

    fn limits(&mut self, step: &Step) -> Result<Arc<Limits>, Diagnostic> {
        let own = own_limits(self.pipeline, step);
        let asked = self.overrides.limits.over(step.limits);
        if let Some(limits) = self.limits.get(&(asked, own)) {
            return Ok(limits.clone());
        }
        let limits =
            self.host.policy.resolve(asked).map(|limits| Arc::new(limits.at_most(own))).map_err(|violations| {
                // Manifest and overrides were held against the policy, each; their mix asks for no more.
                let names: Vec<String> = violations.iter().map(|violation| violation.limit.to_string()).collect();
                Diagnostic::new(
                    Code::LimitAbovePolicy,
                    format!("the host does not allow this much {}", names.join(", ")),
                )
                .at(&step.limits_location)
            })?;
        self.limits.insert((asked, own), limits.clone());
        Ok(limits)
    }
}

/// What an attempt of a step may use at most, whatever it is given: by its unit's own word, and by the budgets.
pub(crate) fn own_limits(pipeline: &Pipeline, step: &Step) -> LimitOverrides {
    let own = pipeline.unit_limits.get(&step.unit).copied().unwrap_or_default();
    let fuel = own.fuel.into_iter().chain(budget(pipeline, step)).min();
    LimitOverrides { fuel, ..own }
}

/// The fuel that one attempt cannot have more of without breaking a budget.
pub(crate) fn budget(pipeline: &Pipeline, step: &Step) -> Option<u64> {
    step.budget.fuel.into_iter().chain(pipeline.budget.fuel).min()
}

/// What is wrong with the overrides themselves.
pub(crate) fn override_problems(policy: &Policy, overrides: &Overrides, engines: &[EngineInfo]) -> Vec<Diagnostic> {
    let mut problems = check::limit_problems(overrides.limits, policy, "this run");
    problems.extend(check::unknown_engines(&overrides.engines, engines));
    if overrides.allow_weaker {
        problems.extend(check::weaker_problem("this run is given `--allow-weaker`", policy));
    }
    problems
}

/// Whoever loads the units says why one could not be loaded; this only sees to it that no step is lost.
pub(crate) fn not_loaded(bundle: &Bundle) -> Vec<Diagnostic> {
    let pipeline = &bundle.pipeline;
    let declared = pipeline.steps.iter().filter(|step| pipeline.units.contains_key(&step.unit));
    let fallbacks = pipeline.steps.iter().flat_map(|step| {
        step.fallback.iter().filter_map(move |fallback| match &fallback.to {
            FallbackTo::Unit { unit, .. } if pipeline.units.contains_key(unit) => Some((step, unit)),
            _ => None,
        })
    });
    declared
        .map(|step| (step, &step.unit))
        .chain(fallbacks)
        .filter(|(_, unit)| !bundle.has(unit))
        .map(|(step, unit)| not_loaded_problem(step, unit))
        .collect()
}

fn not_loaded_problem(step: &Step, unit: &str) -> Diagnostic {
    Diagnostic::new(Code::UnitNotFound, format!("the unit `{unit}` was not loaded"))
        .at(&step.location)
        .in_step(&step.id)
}

/// A step that would run without a secret that it was granted. Said once a secret, at the first step that needs it.
fn missing_secrets(pipeline: &Pipeline, given: &Secrets) -> Vec<Diagnostic> {
    let mut said: Vec<&str> = Vec::new();
    let mut problems = Vec::new();
    for step in &pipeline.steps {
        for name in &step.grants.secrets {
            if given.get(name).is_some() || said.contains(&name.as_str()) {
                continue;
            }
            said.push(name);
            let message =
                format!("the step `{}` is granted the secret `{name}`, which this run was not given", step.id);
            problems.push(
                Diagnostic::new(Code::SecretMissing, message)
                    .at(&step.grants_location)
                    .in_step(&step.id)
                    .help(format!("give it with `--secret {name}=env:{name}`, or `--secret {name}=@FILE`")),
            );
        }
    }
    problems
}

/// The grants as the host needs them: folders are relative to the manifest in receipts, and to the process here.
fn on_the_host(grants: &Arc<Grants>, base: &Path) -> Arc<Grants> {
    if grants.dirs.is_empty() || base.as_os_str().is_empty() {
        return grants.clone();
    }
    let mut grants = Grants::clone(grants);
    grants.dirs = std::mem::take(&mut grants.dirs).into_iter().map(|(path, dir)| (base.join(path), dir)).collect();
    Arc::new(grants)
}

/// An engine's words may hold what it was given.
fn redacted(mut problem: Diagnostic, secrets: &Secrets) -> Diagnostic {
    problem.message = secrets.redact(problem.message);
    problem.help = problem.help.map(|help| secrets.redact(help));
    problem
}

fn expression_problem(error: ExpressionError, step: Option<&Step>) -> Diagnostic {
    let mut problem = Diagnostic::new(Code::Expression, error.message);
    problem.help = error.help;
    let known = |location: &Location| location.line > 0 || !location.file.is_empty();
    match step {
        _ if known(&error.location) => problem.location = Some(error.location),
        Some(step) => problem.location = Some(step.with_location.clone()),
        None => {}
    }
    problem.step = step.map(|step| step.id.clone());
    problem
}

/// None of the engines that were asked for runs the unit.
fn route_problem(step: &Step, draft: &DraftUnit, error: &RouteError, overrides: &Overrides, host: &Host) -> Diagnostic {
    let problem = Diagnostic::new(Code::EngineUnavailable, format!("the unit `{}`: {error}", draft.name));
    let asked = overrides.asked(step, &host.policy);
    let problem = match check::would_do(&asked, draft.unit.interface(), host.router.engines()) {
        Some(help) => problem.help(help),
        None => problem,
    };
    problem.at(&step.location).in_step(&step.id)
}

fn prepare_problem(step: &Step, unit: &str, error: &PrepareError) -> Diagnostic {
    let problem = match error {
        PrepareError::Function(error) => check::function_problem(unit, error).at(&step.function_location),
        PrepareError::MissingImport { import, help } => {
            let message = format!("the unit `{unit}` imports `{import}`, which Wasmill does not provide");
            let problem = Diagnostic::new(Code::MissingImport, message);
            match help {
                Some(help) => problem.help(help.clone()),
                None => problem,
            }
        }
        PrepareError::MissingGrant { import, grant } => {
            let message = format!("the unit `{unit}` imports `{import}`, which the step was not granted");
            Diagnostic::new(Code::MissingGrant, message)
                .at(&step.grants_location)
                .help(format!("write `grants: {{ {grant} }}` in the step, if you trust the unit with it"))
        }
        other => {
            let code = other.verdict().code().unwrap_or(Code::HostError);
            Diagnostic::new(code, format!("the unit `{unit}` could not be prepared: {other}"))
        }
    };
    let problem = if problem.location.is_none() { problem.at(&step.location) } else { problem };
    problem.in_step(&step.id)
}
