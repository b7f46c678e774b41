//! What expressions see of a run.

use std::sync::Arc;

use wasmill_expression::{Scope, StepField};
use wasmill_model::{Object, Receipt, Value};

use crate::run::Run;

impl Scope for Run {
    fn input(&self, name: &str) -> Option<Value> {
        self.inputs.all().get(name).cloned()
    }

    fn inputs(&self) -> Value {
        self.inputs.all().clone()
    }

    fn step(&self, id: &str, field: StepField) -> Option<Value> {
        let report = self.report(self.linked.index_of(id)?)?;
        match field {
            StepField::Output => report.output.clone(),
            StepField::Verdict => Some(Value::from(report.verdict.kind().as_str())),
            StepField::Receipt => report.attempts.last().map(receipt_value),
        }
    }

    fn root(&self, name: &str) -> Option<Value> {
        (name == "run").then(|| {
            let id = Value::from(&*self.id);
            Value::from(Object::from([(Arc::from("id"), id)]))
        })
    }
}

/// A receipt as it stands in the run document.
fn receipt_value(receipt: &Receipt) -> Value {
    // A receipt has string keys and no failing member, and what was written can be read.
    serde_json::to_vec(receipt).and_then(|json| Value::from_json(&json)).unwrap_or_default()
}
