//! What a pipeline manifest v1 gives, in its own form.

use serde::Serialize;
use wasmill_model::{Pipeline, RunDocument, RunVerdict, Value};

use crate::GraphInfo;

/// What a pipeline manifest v1 gives.
#[derive(Clone, Debug, Serialize)]
pub struct ResultV1 {
    status: &'static str,
    /// The lists of the sinks, one after the other: one item bare, several as an array.
    outputs: Value,
    graph_info: GraphInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl ResultV1 {
    /// The result of a run of this pipeline.
    pub fn of(document: &RunDocument, pipeline: &Pipeline) -> Self {
        let mut items: Vec<Value> = Vec::new();
        for output in document.outputs.values() {
            match output {
                Value::List(list) => items.extend(list.iter().cloned()),
                other => items.push(other.clone()),
            }
        }
        let outputs = if items.len() == 1 { items.pop().unwrap_or_default() } else { Value::from(items) };
        ResultV1 {
            status: match document.verdict {
                RunVerdict::Ok => "success",
                RunVerdict::Failed => "error",
                RunVerdict::Cancelled => "cancelled",
            },
            outputs,
            graph_info: GraphInfo::of(pipeline),
            error: document.error.as_ref().map(|error| error.message.clone()),
        }
    }
}
