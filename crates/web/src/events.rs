//! What happens in a run, told to the page while it happens.

use js_sys::Function;
use send_wrapper::SendWrapper;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasmill_model::StepReport;
use wasmill_runtime::{Observer, RunEvent};

/// Hands events to a function, as JSON.
pub(crate) struct Events(SendWrapper<Function>);

impl Events {
    pub(crate) fn new(function: Function) -> Self {
        Events(SendWrapper::new(function))
    }
}

/// An event as the page is told.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Told<'a> {
    RunStarted {
        run: &'a str,
        pipeline: &'a str,
        steps: usize,
    },
    StepStarted {
        step: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        item: Option<u32>,
        attempt: u32,
    },
    StepFinished {
        step: &'a str,
        report: &'a StepReport,
    },
    RunFinished,
}

impl Observer for Events {
    fn event(&self, event: &RunEvent<'_>) {
        let told = match *event {
            RunEvent::RunStarted { run, pipeline, steps } => Told::RunStarted { run, pipeline, steps },
            RunEvent::StepStarted { step, item, attempt } => Told::StepStarted { step, item, attempt },
            RunEvent::StepFinished { step, report } => Told::StepFinished { step, report },
            RunEvent::RunFinished { .. } => Told::RunFinished,
            _ => return,
        };
        // What cannot be told is in the document all the same.
        if let Ok(text) = serde_json::to_string(&told) {
            let _ = self.0.call1(&JsValue::NULL, &text.into());
        }
    }
}
