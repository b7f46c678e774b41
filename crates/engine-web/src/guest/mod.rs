//! The other end: what a guest worker does for a call. It knows nothing of the page, of the pipeline or of other calls.

mod bytes;
mod component;
mod core;
mod current;
mod instance;
mod log;

use ::bytes::Bytes;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use wasmill_engine::parts::Stop;
use wasmill_preview1::{FUNCTIONS, MODULE};

use self::current::Current;
use self::instance::{Counters, Instance};
use crate::wire::{End, Entry, Order, Report};

/// The number of AssemblyScript's `abort` among the imports; those of preview 1 come after it.
const ABORT: u32 = 0;

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
    let mut report = match serde_json::from_str(order) {
        Ok(order) => run(module, &order, input, &mut output),
        Err(error) => Report::of(Stop::Host(format!("the call is not understood: {error}")).into()),
    };
    let left = current::end();
    // A guest that survived being stopped was stopped all the same.
    let mut end = left.stopped.unwrap_or(report.end);
    if end == End::Bytes
        && let Some(stdout) = &left.stdout
    {
        output = Uint8Array::from(stdout.as_slice());
    }
    // So has one that survived being told that it wrote too much.
    if let Some(over) = left.over
        && !matches!(end, End::Stop(_))
    {
        end = over.into();
    }
    report.end = end;
    report.denied = left.denied;
    // Plain data can always be written as JSON.
    let report = serde_json::to_string(&report).unwrap_or_default();
    Told { report, output, log: Uint8Array::from(left.log.as_slice()) }
}

/// The number of a function that a unit imports.
pub fn import(module: &str, name: &str) -> Option<u32> {
    match (module, name) {
        ("env", "abort") => Some(ABORT),
        (MODULE, name) => {
            let place = FUNCTIONS.iter().position(|function| function.name == name)?;
            u32::try_from(place + 1).ok()
        }
        _ => None,
    }
}

/// A unit calls one of its imports, by the number that [`import`] gave it.
///
/// # Errors
/// `null` is thrown, to leave the unit.
pub fn imported(number: u32, arguments: &Array) -> Result<JsValue, JsValue> {
    current::imported(number, arguments)
}

/// A component asks something of its WASI 0.2: `web/src/component-wasi.js` has the shapes of its interfaces.
///
/// # Errors
/// `null` is thrown, to leave the unit.
pub fn asked(what: &str, first: &JsValue, second: &JsValue) -> Result<JsValue, JsValue> {
    current::asked(what, first, second)
}

fn run(module: &JsValue, order: &Order, input: &Uint8Array, output: &mut Uint8Array) -> Report {
    if let Entry::Component { order: function, is_program } = &order.entry {
        return match Current::new(order, || Bytes::from(input.to_vec())) {
            Ok(current) => {
                current::begin(current);
                component::call(module, order, function, *is_program, output)
            }
            Err(stop) => Report::of(stop.into()),
        };
    }
    let begin = || -> Result<(Instance, Counters), End> {
        current::begin(Current::new(order, || Bytes::from(input.to_vec()))?);
        let instance = Instance::new(module)?;
        let counters = instance.counters(order)?;
        current::has_counters(counters.clone());
        Ok((instance, counters))
    };
    let (instance, counters) = match begin() {
        Ok(made) => made,
        // Nothing of it has run: its start function is called, and not part of instantiation.
        Err(end) => return Report { fuel: order.is_metered.then_some(0), ..Report::of(end) },
    };
    let mut report = Report::of(enter(&instance, order, input, output).unwrap_or_else(|end| end));
    if let Err(end) = counters.read(order, &mut report) {
        report.end = end;
    }
    report
}

fn enter(instance: &Instance, order: &Order, input: &Uint8Array, output: &mut Uint8Array) -> Result<End, End> {
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
            *output = bytes::call(instance, input, &order.limits)?;
            Ok(End::Bytes)
        }
        Entry::Component { .. } => Err(Stop::Host("a component is no module".to_owned()).into()),
        Entry::Program => match instance.function("_start")?.call(&[]) {
            // `exit(0)` unwinds like a trap, and is success.
            Ok(_) | Err(End::Exit(0)) => Ok(End::Bytes),
            Err(end) => Err(end),
        },
    }
}
