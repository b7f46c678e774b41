//! Who waits for whom, from the names in a pipeline.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Code, Diagnostic, FallbackTo, Location, Pipeline, Reference, Step, Template};
use wasmill_plan::{FallbackKind, FallbackRule, Graph, GraphError, StepIndex, StepRules};

use crate::{stream, suggestion};

/// The steps by number.
pub(crate) struct Wiring {
    pub(crate) graph: Arc<Graph>,
    pub(crate) index: HashMap<Arc<str>, StepIndex>,
    /// The rules of each step, for the plan.
    pub(crate) rules: Vec<StepRules>,
    /// How many calls of the steps that share a key run at once.
    pub(crate) groups: Vec<u32>,
    /// The steps that nobody reads, and that stand in for none: the outputs of a pipeline that names none.
    pub(crate) last: Vec<StepIndex>,
}

/// Gives each step its number, and an edge for each step that it reads or stands `after`. Without problems there is a wiring.
pub(crate) fn wire(pipeline: &Pipeline) -> (Option<Wiring>, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let mut index = HashMap::with_capacity(pipeline.steps.len());
    for (place, step) in (0_u32..).zip(&pipeline.steps) {
        if index.insert(step.id.clone(), StepIndex::new(place)).is_some() {
            let message = format!("there are two steps `{}`", step.id);
            let problem = Diagnostic::new(Code::Duplicate, message).at(&step.location).in_step(&step.id);
            problems.push(problem.help("give one of them another id"));
        }
    }
    let mut edges = Vec::new();
    for (place, step) in (0_u32..).zip(&pipeline.steps) {
        let then = StepIndex::new(place);
        for id in &step.after {
            match index.get(id) {
                Some(first) => edges.push((*first, then)),
                None => problems.push(unknown_step(pipeline, id, &step.location, problems.len()).in_step(&step.id)),
            }
        }
        for expression in step.expressions() {
            for reference in &expression.references {
                match resolve(pipeline, &index, reference, &expression.location, problems.len()) {
                    Ok(Some(first)) => edges.push((first, then)),
                    Ok(None) => {}
                    Err(problem) => problems.push(problem.in_step(&step.id)),
                }
            }
        }
    }
    for expression in pipeline.outputs.values().flat_map(Template::expressions) {
        for reference in &expression.references {
            problems.extend(resolve(pipeline, &index, reference, &expression.location, problems.len()).err());
        }
    }
    let (mut rules, groups) = rules(pipeline, &index, &mut problems);
    if !problems.is_empty() {
        return (None, problems);
    }
    let mut read = vec![false; pipeline.steps.len()];
    for (first, _) in &edges {
        if let Some(read) = read.get_mut(first.get()) {
            *read = true;
        }
    }
    stand_ins(&mut edges, &mut rules);
    let last = (0_u32..).map(StepIndex::new).zip(read.iter().zip(&rules));
    let last = last.filter(|(_, (read, rules))| !**read && rules.stands_in_for.is_none()).map(|(step, _)| step);
    let last = last.collect();
    match Graph::new(pipeline.steps.len(), &edges) {
        Ok(graph) => (Some(Wiring { graph: Arc::new(graph), index, rules, groups, last }), problems),
        Err(error) => (None, vec![graph_error(pipeline, &error)]),
    }
}

/// What the plan has to know of each step besides who waits for whom.
fn rules(
    pipeline: &Pipeline,
    index: &HashMap<Arc<str>, StepIndex>,
    problems: &mut Vec<Diagnostic>,
) -> (Vec<StepRules>, Vec<u32>) {
    let mut keys: IndexMap<&str, u32> = IndexMap::new();
    let mut all = Vec::with_capacity(pipeline.steps.len());
    // Each step that stands in, and for which.
    let mut stand_ins: HashMap<StepIndex, StepIndex> = HashMap::new();
    for (place, step) in (0_u32..).zip(&pipeline.steps) {
        let this = StepIndex::new(place);
        let mut fallback = Vec::with_capacity(step.fallback.len());
        for one in &step.fallback {
            let kind = match &one.to {
                FallbackTo::Value(_) | FallbackTo::Unit { .. } => FallbackKind::Call,
                FallbackTo::Step(id) => match index.get(id) {
                    Some(other) => {
                        if let Some(taken) = stand_ins.get(other).filter(|first| **first != this) {
                            let taken = pipeline.steps.get(taken.get()).map_or("", |step| &step.id);
                            let message = format!("the step `{id}` stands in for `{taken}` already");
                            let problem = Diagnostic::new(Code::InvalidValue, message).at(&step.location);
                            problems.push(problem.in_step(&step.id).help("a step stands in for one other step"));
                        }
                        stand_ins.insert(*other, this);
                        FallbackKind::Step(*other)
                    }
                    None => {
                        problems.push(unknown_step(pipeline, id, &step.location, problems.len()).in_step(&step.id));
                        continue;
                    }
                },
            };
            fallback.push(FallbackRule { on: one.on, kind });
        }
        let group = step.concurrency.as_ref().map(|concurrency| {
            let entry = keys.entry(&concurrency.key);
            let group = entry.index();
            // Who reads a manifest sees to it that they agree.
            let max = entry.or_insert(concurrency.max);
            *max = concurrency.max.min(*max);
            u32::try_from(group).unwrap_or(u32::MAX)
        });
        let looks_at = step.when.iter().flat_map(Template::expressions).flat_map(|expression| &expression.references);
        let tolerates = looks_at.filter_map(|reference| match reference {
            Reference::Step(id) => index.get(id).copied(),
            _ => None,
        });
        all.push(StepRules {
            opens: step.when.is_some() || step.foreach.is_some(),
            max_parallel: step.foreach.as_ref().and_then(|foreach| foreach.max_parallel),
            retry: step.retry,
            fallback,
            group,
            tolerates: tolerates.collect(),
            streams_from: stream::source(pipeline, step, |id| pipeline.steps.get(index.get(id)?.get()))
                .and_then(|gives| index.get(&gives.id).copied()),
            stands_in_for: None,
            stand_ins: Vec::new(),
        });
    }
    for (other, first) in stand_ins {
        if let Some(rules) = all.get_mut(other.get()) {
            rules.stands_in_for = Some(first);
            rules.streams_from = None;
        }
    }
    (all, keys.into_values().collect())
}

/// A step that stands in for another waits for it, and whoever waits for that one waits for both.
fn stand_ins(edges: &mut Vec<(StepIndex, StepIndex)>, rules: &mut [StepRules]) {
    let pairs: Vec<(StepIndex, StepIndex)> = (0_u32..)
        .map(StepIndex::new)
        .zip(rules.iter())
        .filter_map(|(other, rules)| Some((rules.stands_in_for?, other)))
        .collect();
    if pairs.is_empty() {
        return;
    }
    let mut known: HashSet<(StepIndex, StepIndex)> = edges.iter().copied().collect();
    let mut open: Vec<(StepIndex, StepIndex)> = edges.clone();
    for (first, other) in &pairs {
        if known.insert((*first, *other)) {
            edges.push((*first, *other));
        }
    }
    let mut by_first: HashMap<StepIndex, Vec<StepIndex>> = HashMap::new();
    for (first, other) in &pairs {
        by_first.entry(*first).or_default().push(*other);
    }
    // One that stands in may have one that stands in for it.
    while let Some((first, then)) = open.pop() {
        for other in by_first.get(&first).into_iter().flatten().filter(|other| **other != then) {
            if known.insert((*other, then)) {
                edges.push((*other, then));
                open.push((*other, then));
                if let Some(rules) = rules.get_mut(then.get()) {
                    rules.stand_ins.push(*other);
                    // Whether it is called at all is known when they have ended.
                    rules.streams_from = None;
                }
            }
        }
    }
}

/// The step that an expression waits for, if it waits for one. `said`: the problems before it.
fn resolve(
    pipeline: &Pipeline,
    index: &HashMap<Arc<str>, StepIndex>,
    reference: &Reference,
    location: &Location,
    said: usize,
) -> Result<Option<StepIndex>, Diagnostic> {
    match reference {
        Reference::Step(id) => match index.get(id) {
            Some(step) => Ok(Some(*step)),
            None => Err(unknown_step(pipeline, id, location, said)),
        },
        Reference::Input(name) if !pipeline.inputs.contains_key(name) => {
            let problem =
                Diagnostic::new(Code::UnknownInput, format!("the pipeline declares no input `{name}`")).at(location);
            Err(match suggestion::help(name, pipeline.inputs.keys(), said) {
                Some(help) => problem.help(help),
                None => problem.help("declare it under `inputs:`"),
            })
        }
        Reference::Root(root) if &**root == "steps" => {
            Err(Diagnostic::new(Code::Expression, "an expression cannot read all of `steps`: what would it wait for?")
                .at(location)
                .help("name the step: `steps.<id>.output`"))
        }
        Reference::Input(_) | Reference::Root(_) => Ok(None),
    }
}

fn unknown_step(pipeline: &Pipeline, id: &str, location: &Location, said: usize) -> Diagnostic {
    let problem = Diagnostic::new(Code::UnknownStep, format!("there is no step `{id}`")).at(location);
    match suggestion::help(id, pipeline.steps.iter().map(|step| &step.id), said) {
        Some(help) => problem.help(help),
        None => problem,
    }
}

fn graph_error(pipeline: &Pipeline, error: &GraphError) -> Diagnostic {
    let GraphError::Cycle { path } = error else {
        return Diagnostic::new(Code::Unsupported, error.to_string());
    };
    let steps: Vec<&Step> = path.iter().filter_map(|step| pipeline.steps.get(step.get())).collect();
    let message = match steps.as_slice() {
        [only] => format!("the step `{}` waits for itself", only.id),
        _ => {
            const MOST: usize = 20;
            let mut names: Vec<&str> = steps.iter().take(MOST).map(|step| &*step.id).collect();
            if steps.len() > MOST {
                names.push("…");
            }
            names.extend(steps.first().map(|step| &*step.id));
            format!("steps wait for each other: {}", names.join(" → "))
        }
    };
    let problem = Diagnostic::new(Code::Cycle, message)
        .help("each step named waits for the next one; take one of these dependencies out");
    match steps.first() {
        Some(step) => problem.at(&step.location).in_step(&step.id),
        None => problem,
    }
}
