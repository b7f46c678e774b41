//! What expressions see of a run.

use std::sync::Arc;

use wasmill_expression::{Scope, StepField};
use wasmill_model::{Object, Receipt, Value};

use crate::run::Run;

/// A run as an expression sees it; with `item` and `index` where it stands in a step that is called for each item.
pub(crate) struct ItemScope<'a> {
    pub(crate) run: &'a Run,
    pub(crate) item: Option<(&'a Value, u32)>,
}

impl Scope for ItemScope<'_> {
    fn input(&self, name: &str) -> Option<Value> {
        self.run.inputs.all().get(name).cloned()
    }

    fn inputs(&self) -> Value {
        self.run.inputs.all().clone()
    }

    fn step(&self, id: &str, field: StepField) -> Option<Value> {
        let step = self.run.linked.index_of(id)?;
        let report = self.run.report(step)?;
        match field {
            // A step that ended without one is read only by those that bear it.
            StepField::Output => Some(self.run.output(step).cloned().unwrap_or_default()),
            StepField::Metadata => Some(report.metadata.clone().unwrap_or_default()),
            StepField::Verdict => Some(Value::from(report.verdict.kind().as_str())),
            StepField::Receipt => Some(report.attempts.last().map(receipt_value).unwrap_or_default()),
        }
    }

    fn root(&self, name: &str) -> Option<Value> {
        match (name, self.item) {
            ("run", _) => Some(Value::from(Object::from([(Arc::from("id"), Value::from(&*self.run.id))]))),
            ("item", Some((item, _))) => Some(item.clone()),
            ("index", Some((_, index))) => Some(Value::from(i64::from(index))),
            _ => None,
        }
    }
}

/// A receipt as it stands in the run document.
fn receipt_value(receipt: &Receipt) -> Value {
    // A receipt has string keys and no failing member, and what was written can be read.
    serde_json::to_vec(receipt).and_then(|json| Value::from_json(&json)).unwrap_or_default()
}
