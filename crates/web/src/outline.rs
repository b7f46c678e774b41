//! A pipeline before it runs: what a page needs to draw it, and to ask for its inputs and units.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;
use wasmill_model::{InputSpec, Pipeline, Step, UnitSource};
use wasmill_plan::StepIndex;
use wasmill_runtime::Outline;

/// What a page is told of a pipeline.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    wasmill: u32,
    pipeline: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    inputs: &'a IndexMap<Arc<str>, InputSpec>,
    units: Vec<UnitLine<'a>>,
    /// Steps that may run at the same time, level by level.
    levels: Vec<Vec<&'a str>>,
    critical_path: Vec<&'a str>,
    steps: Vec<StepLine<'a>>,
    edges: Vec<EdgeLine<'a>>,
}

#[derive(Serialize)]
struct UnitLine<'a> {
    name: &'a str,
    /// The file that it is to be read from; none where the pipeline has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

#[derive(Serialize)]
struct StepLine<'a> {
    id: &'a str,
    unit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct EdgeLine<'a> {
    from: &'a str,
    to: &'a str,
    kind: &'static str,
}

impl<'a> Document<'a> {
    pub(crate) fn new(pipeline: &'a Pipeline, outline: &Outline) -> Self {
        let id = |step: StepIndex| pipeline.steps.get(step.get()).map_or("", |step| &*step.id);
        let ids = |steps: &[StepIndex]| steps.iter().map(|step| id(*step)).collect::<Vec<_>>();
        let unit = |(name, spec): (&'a Arc<str>, &'a wasmill_model::UnitSpec)| {
            let file = match &spec.source {
                UnitSource::Path(path) | UnitSource::Pipeline(path) => Some(path.display().to_string()),
                _ => None,
            };
            UnitLine { name, file }
        };
        let step = |step: &'a Step| StepLine {
            id: &step.id,
            unit: &step.unit,
            function: step.function.as_deref(),
            description: step.description.as_deref(),
        };
        let edge = |edge: &wasmill_runtime::Edge| EdgeLine {
            from: id(edge.first),
            to: id(edge.then),
            kind: edge.kind.as_str(),
        };
        Document {
            wasmill: 1,
            pipeline: &pipeline.name,
            description: pipeline.description.as_deref(),
            inputs: &pipeline.inputs,
            units: pipeline.units.iter().map(unit).collect(),
            levels: outline.levels().iter().map(|level| ids(level)).collect(),
            critical_path: ids(&outline.critical_path()),
            steps: pipeline.steps.iter().map(step).collect(),
            edges: outline.edges.iter().map(edge).collect(),
        }
    }
}
