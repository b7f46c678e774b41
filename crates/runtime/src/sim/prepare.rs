//! What is known of a pipeline before it is simulated.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{
    Code, Diagnostic, Diagnostics, DirMode, Grants, Interface, Location, Retry, Secrets, Step, Strategy,
    format_duration,
};
use wasmill_plan::{Graph, StepIndex};
use wasmill_unit::Unit;

use super::{Inject, Recording};
use crate::{Bundle, suggestion, wiring};

/// The steps of a pipeline, and of all that it calls.
pub(super) struct Prepared {
    /// By their names: `outer/inner`.
    pub(super) steps: IndexMap<Arc<str>, StepFacts>,
    /// Of the pipeline itself, in the order of one at a time; with their places in the file.
    pub(super) order: Vec<(usize, Arc<str>)>,
    /// Steps that share a folder, with nothing that says which comes first.
    pub(super) shared: Vec<Shared>,
    /// The time that a run may take.
    pub(super) timeout: Option<std::time::Duration>,
}

/// What is known of a step.
pub(super) struct StepFacts {
    /// Whether it calls a pipeline, and nothing itself.
    pub(super) is_run: bool,
    pub(super) is_pure: bool,
    /// What it can change outside: nothing where it is empty.
    pub(super) effects: Vec<String>,
    pub(super) retry: Retry,
    pub(super) timeout: Option<std::time::Duration>,
    pub(super) location: Location,
}

/// Two steps (or the items of one) that may be at the same folder at the same time, one of them to write.
pub(super) struct Shared {
    pub(super) one: Arc<str>,
    pub(super) other: Arc<str>,
    pub(super) folder: PathBuf,
    /// Which of them write.
    pub(super) writes: (bool, bool),
}

impl Prepared {
    /// # Errors
    /// Steps whose outcomes nobody knows, a recorded run of another pipeline, and injections into steps that are not there or call a pipeline.
    pub(super) fn new(bundle: &Bundle, recording: Option<&Recording>, inject: &[Inject]) -> Result<Self, Diagnostics> {
        let mut steps = IndexMap::new();
        let mut problems = Vec::new();
        visit(bundle, "", recording, &mut steps, &mut problems);
        problems.extend(recording.and_then(|recording| of_another(recording, &steps)));
        problems.extend(inject.iter().filter_map(|inject| unknown(inject, &steps)));
        let (wiring, unwired) = wiring::wire(&bundle.pipeline);
        problems.extend(unwired);
        let Some(wiring) = wiring.filter(|_| problems.is_empty()) else { return Err(Diagnostics(problems)) };
        let pipeline = &bundle.pipeline;
        let id = |step: &StepIndex| Some((step.get(), pipeline.steps.get(step.get())?.id.clone()));
        let order = wiring.graph.order().iter().filter_map(id).collect();
        let shared = shared(bundle, &wiring.graph);
        Ok(Prepared { steps, order, shared, timeout: pipeline.timeout })
    }
}

/// The same pipeline, and all that it calls, under another strategy.
pub(super) fn under(bundle: &Bundle, strategy: Strategy) -> Bundle {
    changed(bundle, &mut |pipeline| pipeline.schedule.strategy = strategy)
}

/// The same pipeline, and all that it calls, with something else.
pub(super) fn changed(bundle: &Bundle, change: &mut dyn FnMut(&mut wasmill_model::Pipeline)) -> Bundle {
    fn of(
        bundle: &Bundle,
        change: &mut dyn FnMut(&mut wasmill_model::Pipeline),
        known: &mut Vec<(*const Bundle, Arc<Bundle>)>,
    ) -> Bundle {
        let mut pipeline = wasmill_model::Pipeline::clone(&bundle.pipeline);
        change(&mut pipeline);
        let mut pipelines = IndexMap::new();
        for (name, called) in &bundle.pipelines {
            let place = Arc::as_ptr(called);
            let same = known.iter().find(|(other, _)| *other == place).map(|(_, changed)| changed.clone());
            let changed = same.unwrap_or_else(|| {
                let changed = Arc::new(of(called, change, known));
                known.push((place, changed.clone()));
                changed
            });
            pipelines.insert(name.clone(), changed);
        }
        Bundle { pipeline: Arc::new(pipeline), units: bundle.units.clone(), pipelines }
    }
    of(bundle, change, &mut Vec::new())
}

/// These secrets, and something for each that a step is granted and nobody gave: no step that is granted one is called.
pub(super) fn with_stand_ins(secrets: &Secrets, bundle: &Bundle) -> Secrets {
    let mut all = secrets.clone();
    let steps = bundle.all().into_iter().flat_map(|bundle| &bundle.pipeline.steps);
    for name in steps.flat_map(|step| &step.grants.secrets) {
        if all.get(name).is_none() {
            // It is long enough.
            let _ = all.insert(name.clone(), "(a secret of a simulation)");
        }
    }
    all
}

fn visit(
    bundle: &Bundle,
    within: &str,
    recording: Option<&Recording>,
    steps: &mut IndexMap<Arc<str>, StepFacts>,
    problems: &mut Vec<Diagnostic>,
) {
    for step in &bundle.pipeline.steps {
        let name: Arc<str> = format!("{within}{}", step.id).into();
        let called = bundle.pipelines.get(&step.unit);
        let is_native = bundle.units.get(&step.unit).is_some_and(|unit| unit.interface() == Interface::Native);
        let is_pure = step.grants.is_pure() && !is_native;
        let is_known = step.simulate.as_ref().is_some_and(|declared| declared.output.is_some())
            || recording.is_some_and(|recording| recording.has(&name));
        if called.is_none() && !is_pure && !is_known {
            problems.push(not_known(step, bundle.units.get(&step.unit)));
        }
        let facts = StepFacts {
            is_run: called.is_some(),
            is_pure: is_pure && called.is_none(),
            effects: if called.is_some() { Vec::new() } else { effects(&step.grants, is_native) },
            retry: step.retry,
            timeout: step.timeout,
            location: step.location.clone(),
        };
        steps.insert(name, facts);
        if let Some(called) = called {
            visit(called, &format!("{within}{}/", step.id), recording, steps, problems);
        }
    }
}

fn not_known(step: &Step, unit: Option<&Unit>) -> Diagnostic {
    let grants = &step.grants;
    let mut why = effects(grants, unit.is_some_and(|unit| unit.interface() == Interface::Native));
    why.extend(grants.dirs.iter().filter(|(_, dir)| dir.mode == DirMode::Ro).map(|_| "`dirs`".to_owned()));
    why.extend(grants.secrets.first().map(|_| "`secrets`".to_owned()));
    why.extend((grants.clock == wasmill_model::Source::Real).then(|| "the real clock".to_owned()));
    why.extend((grants.random == wasmill_model::Source::Real).then(|| "real randomness".to_owned()));
    why.dedup();
    let message = format!(
        "the step `{}` is not pure ({}), and nothing says what its calls give: a simulation does not make them",
        step.id,
        why.join(", ")
    );
    Diagnostic::new(Code::MissingKey, message)
        .at(&step.location)
        .in_step(&step.id)
        .help("declare it in the step (`simulate: { output: …, takes: 50ms..2s }`), or take a run that was recorded: `--from RUN.json`")
}

/// What a step with these grants can change outside.
fn effects(grants: &Grants, is_native: bool) -> Vec<String> {
    let mut effects: Vec<String> = grants.net.iter().map(|net| format!("`net` {net}")).collect();
    let writes = grants.dirs.iter().filter(|(_, dir)| dir.mode == DirMode::Rw);
    effects.extend(writes.map(|(path, _)| format!("writes `{}`", path.display())));
    effects.extend(grants.functions.iter().map(|function| format!("host function `{function}`")));
    effects.extend(is_native.then(|| "a native program".to_owned()));
    effects
}

/// A recorded run that says nothing of this pipeline.
fn of_another(recording: &Recording, steps: &IndexMap<Arc<str>, StepFacts>) -> Option<Diagnostic> {
    if steps.keys().any(|step| recording.has(step)) {
        return None;
    }
    let whose = recording.pipeline.as_ref().map(|name| format!(": it is a run of `{name}`")).unwrap_or_default();
    let message = format!("the recorded run cannot be taken: none of its steps is a step of this pipeline{whose}");
    Some(
        Diagnostic::new(Code::InputUnreadable, message)
            .help("give what `wasmill run FILE --output json` printed of the same FILE"),
    )
}

/// An injection into what makes no call.
fn unknown(inject: &Inject, steps: &IndexMap<Arc<str>, StepFacts>) -> Option<Diagnostic> {
    let called = steps.iter().filter(|(_, facts)| !facts.is_run).map(|(name, _)| &**name);
    let step = &inject.step;
    let (message, help) = match steps.get(step.as_str()) {
        Some(facts) if !facts.is_run => return None,
        Some(_) => {
            let within = called.filter(|name| name.strip_prefix(&**step).is_some_and(|rest| rest.starts_with('/')));
            let message = format!("the step `{step}` calls a pipeline: there is no call of its own to make fail");
            (message, format!("the steps within it are {}", suggestion::list(within)))
        }
        None => {
            let message = format!("there is no step `{step}` to make fail");
            (message, format!("the steps are {}", suggestion::list(called)))
        }
    };
    Some(Diagnostic::new(Code::UnknownStep, message).help(help))
}

/// A folder that a step may use.
struct Folder {
    /// As the manifest names it.
    named: PathBuf,
    /// Whatever links lead to it; as it is named, where there are no files.
    place: PathBuf,
    writes: bool,
}

/// The folders that a step may use: its own, and those of all that it calls.
fn folders(bundle: &Bundle, step: &Step) -> Vec<Folder> {
    let own = step.grants.dirs.iter().map(|(path, dir)| {
        let path = bundle.pipeline.base.join(path);
        let named = normal(&path);
        let place = std::fs::canonicalize(path).unwrap_or_else(|_| named.clone());
        Folder { named, place, writes: dir.mode == DirMode::Rw }
    });
    let mut all: Vec<Folder> = own.collect();
    if let Some(called) = bundle.pipelines.get(&step.unit) {
        all.extend(called.pipeline.steps.iter().flat_map(|step| folders(called, step)));
    }
    all
}

/// Without `.` and, as far as can be told without looking, `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

fn shared(bundle: &Bundle, graph: &Graph) -> Vec<Shared> {
    let steps = &bundle.pipeline.steps;
    let mut all = Vec::new();
    for (place, step) in (0_u32..).zip(steps) {
        let folders = folders(bundle, step);
        if !folders.is_empty() {
            all.push((place, step, folders, reachable(graph, StepIndex::new(place))));
        }
    }
    let mut found = Vec::new();
    for (index, (place, step, own, after)) in all.iter().enumerate() {
        if step.foreach.as_ref().is_some_and(|foreach| foreach.max_parallel != Some(1))
            && let Some(folder) = own.iter().find(|folder| folder.writes)
        {
            let (one, other, writes) = (step.id.clone(), step.id.clone(), (true, true));
            found.push(Shared { one, other, folder: folder.named.clone(), writes });
        }
        for (later, other, others, before) in all.iter().skip(index + 1) {
            if is_there(after, *later) || is_there(before, *place) {
                continue;
            }
            if let Some((folder, writes)) = meeting(own, others) {
                found.push(Shared { one: step.id.clone(), other: other.id.clone(), folder, writes });
            }
        }
    }
    found
}

/// A folder that both may use, and one of them to write.
fn meeting(own: &[Folder], others: &[Folder]) -> Option<(PathBuf, (bool, bool))> {
    own.iter().find_map(|one| {
        others.iter().find_map(|other| {
            let inner = match (one.place.starts_with(&other.place), other.place.starts_with(&one.place)) {
                (true, _) => one,
                (_, true) => other,
                _ => return None,
            };
            (one.writes || other.writes).then(|| (inner.named.clone(), (one.writes, other.writes)))
        })
    })
}

fn is_there(reachable: &[bool], place: u32) -> bool {
    reachable.get(place as usize) == Some(&true)
}

/// The steps that wait for this one, through any number of others.
fn reachable(graph: &Graph, from: StepIndex) -> Vec<bool> {
    let mut seen = vec![false; graph.len()];
    let mut open = vec![from];
    while let Some(step) = open.pop() {
        for then in graph.dependents(step) {
            if let Some(seen) = seen.get_mut(then.get()).filter(|seen| !**seen) {
                *seen = true;
                open.push(*then);
            }
        }
    }
    seen
}

/// `its `timeout` (10s)`
pub(super) fn said(timeout: Option<std::time::Duration>) -> String {
    timeout.map(format_duration).unwrap_or_default()
}
