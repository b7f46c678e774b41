//! The other end: what a guest worker does for a call. It knows nothing of the page, of the pipeline or of other calls.

mod abort;
mod bytes;
mod core;
mod instance;

use ::js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use wasmill_engine::parts::Stop;

use self::instance::Instance;
use crate::wire::{End, Entry, Order, Report};

/// What became of a call, as the host is told.
#[wasm_bindgen(getter_with_clone)]
#[derive(Debug)]
pub struct Told {
    /// JSON.
    pub report: String,
    /// What the unit gave.
    pub output: Uint8Array,
    /// What it logged.
    pub log: Uint8Array,
}

/// Makes a call: `module` is a `WebAssembly.Module`, `order` is JSON.
pub fn call(module: &JsValue, order: &str, input: &Uint8Array) -> Told {
    let mut output = Uint8Array::new_with_length(0);
    let end = match serde_json::from_str(order) {
        Ok(order) => enter(module, &order, input, &mut output).unwrap_or_else(|end| end),
        Err(error) => Stop::Host(format!("the call is not understood: {error}")).into(),
    };
    let end = instance::stopped().unwrap_or(end);
    let report = Report { end, fuel: None, peak_memory: instance::peak_memory(), refused: None };
    // Plain data can always be written as JSON.
    let report = serde_json::to_string(&report).unwrap_or_default();
    Told { report, output, log: Uint8Array::new_with_length(0) }
}

/// A unit calls one of its imports, by the number that [`import`] gave it.
///
/// # Errors
/// What is thrown, to leave the unit.
pub fn imported(number: u32, arguments: &js_sys::Array) -> Result<JsValue, JsValue> {
    instance::imported(number, arguments)
}

/// The number of a function that a unit imports.
pub fn import(module: &str, name: &str) -> Option<u32> {
    match (module, name) {
        ("env", "abort") => Some(0),
        _ => None,
    }
}

fn enter(module: &JsValue, order: &Order, input: &Uint8Array, output: &mut Uint8Array) -> Result<End, End> {
    let instance = Instance::new(module)?;
    if let Some(start) = &order.start {
        instance.function(start)?.call(&[])?;
    }
    if order.initialize && !matches!(order.entry, Entry::Program) {
        instance.function("_initialize")?.call(&[])?;
    }
    match &order.entry {
        Entry::Core { function, params, results } => {
            core::call(&instance.function(function)?, params, results).map(End::Numbers)
        }
        Entry::Bytes => {
            *output = bytes::call(&instance, input, &order.limits)?;
            Ok(End::Bytes)
        }
        Entry::Program => Err(Stop::Host("programs do not run here yet".to_owned()).into()),
    }
}
