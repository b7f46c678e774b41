//! Who waits for whom, from the names in a pipeline.

use std::collections::HashMap;
use std::sync::Arc;

use wasmill_model::{Code, Diagnostic, Location, Pipeline, Reference, Step, Template};
use wasmill_plan::{Graph, GraphError, StepIndex};

use crate::suggestion;

/// The steps by number.
pub(crate) struct Wiring {
    pub(crate) graph: Arc<Graph>,
    pub(crate) index: HashMap<Arc<str>, StepIndex>,
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
                None => problems.push(unknown_step(pipeline, id, &step.location).in_step(&step.id)),
            }
        }
        for expression in step.expressions() {
            for reference in &expression.references {
                match resolve(pipeline, &index, reference, &expression.location) {
                    Ok(Some(first)) => edges.push((first, then)),
                    Ok(None) => {}
                    Err(problem) => problems.push(problem.in_step(&step.id)),
                }
            }
        }
    }
    for expression in pipeline.outputs.values().flat_map(Template::expressions) {
        for reference in &expression.references {
            problems.extend(resolve(pipeline, &index, reference, &expression.location).err());
        }
    }
    if !problems.is_empty() {
        return (None, problems);
    }
    match Graph::new(pipeline.steps.len(), &edges) {
        Ok(graph) => (Some(Wiring { graph: Arc::new(graph), index }), problems),
        Err(error) => (None, vec![graph_error(pipeline, &error)]),
    }
}

/// The step that an expression waits for, if it waits for one.
fn resolve(
    pipeline: &Pipeline,
    index: &HashMap<Arc<str>, StepIndex>,
    reference: &Reference,
    location: &Location,
) -> Result<Option<StepIndex>, Diagnostic> {
    match reference {
        Reference::Step(id) => match index.get(id) {
            Some(step) => Ok(Some(*step)),
            None => Err(unknown_step(pipeline, id, location)),
        },
        Reference::Input(name) if !pipeline.inputs.contains_key(name) => {
            let problem =
                Diagnostic::new(Code::UnknownInput, format!("the pipeline declares no input `{name}`")).at(location);
            Err(match suggestion::help(name, pipeline.inputs.keys()) {
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

fn unknown_step(pipeline: &Pipeline, id: &str, location: &Location) -> Diagnostic {
    let problem = Diagnostic::new(Code::UnknownStep, format!("there is no step `{id}`")).at(location);
    match suggestion::help(id, pipeline.steps.iter().map(|step| &step.id)) {
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
