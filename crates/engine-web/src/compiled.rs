//! From a unit to a module of the browser.

use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Object, Reflect};
use send_wrapper::SendWrapper;
use std::pin::pin;
use std::sync::Arc;
use wasm_bindgen::JsValue;
use wasmill_engine::PrepareError;
use wasmill_instrument::{Counters, InstrumentError, Options, instrument};
use wasmill_unit::{DeferredStart, Unit};

use crate::prepared::Component;
use crate::timer::sleep;
use crate::workers::Workers;

/// A unit that was compiled.
#[derive(Clone)]
pub(crate) struct Code {
    /// A `WebAssembly.Module`; of a component `{source, modules}`.
    pub(crate) module: SendWrapper<JsValue>,
    /// The export that is called first, where the unit has a start function.
    pub(crate) start: Option<Arc<str>>,
}

/// Has a worker compile it, which is ended if that takes longer than `limit`.
pub(crate) async fn compile(workers: &Workers, unit: &Unit, limit: Duration) -> Result<Code, PrepareError> {
    let bytes = unit.bytes();
    let deferred = DeferredStart::of(&bytes);
    let (bytes, start) = match &deferred {
        Some(deferred) => (&*deferred.bytes, Some(deferred.export.as_str().into())),
        None => (&*bytes, None),
    };
    Ok(Code { module: SendWrapper::new(module(workers, bytes, limit).await?), start })
}

/// The same for a component: all of its core modules, and the source that makes one of them.
pub(crate) async fn compile_component(
    workers: &Workers,
    component: &Component,
    is_metered: bool,
    limit: Duration,
) -> Result<Code, PrepareError> {
    // All modules of a call have their limits together.
    let options = Options { counters: Counters::Shared, fuel: is_metered, ..Options::default() };
    let modules = Object::new();
    for (name, bytes) in &component.modules {
        let instrumented = instrument(&bytes.to_vec(), options).map_err(|error| match error {
            InstrumentError::TooLarge { .. } => PrepareError::Unsupported { message: error.to_string() },
            other => PrepareError::InvalidUnit { message: other.to_string() },
        })?;
        let facts = Object::new();
        set(&facts, &"module".into(), &module(workers, &instrumented.binary, limit).await?)?;
        if instrumented.has_start {
            set(&facts, &"start".into(), &instrumented.start().into())?;
        }
        set(&facts, &"memory".into(), &(instrumented.size.memory() as f64).into())?;
        set(&facts, &"elements".into(), &(instrumented.size.elements() as f64).into())?;
        set(&modules, name, &facts)?;
    }
    let prepared = Object::new();
    set(&prepared, &"source".into(), &component.source)?;
    set(&prepared, &"modules".into(), &modules)?;
    Ok(Code { module: SendWrapper::new(prepared.into()), start: None })
}

fn set(object: &Object, name: &JsValue, value: &JsValue) -> Result<(), PrepareError> {
    let set = Reflect::set(object, name, value);
    set.map(drop).map_err(|_| PrepareError::Host { message: "an object of JavaScript takes no member".to_owned() })
}

async fn module(workers: &Workers, bytes: &[u8], limit: Duration) -> Result<JsValue, PrepareError> {
    let host = |message: String| PrepareError::Host { message };
    let mut worker = workers.one().await.map_err(|why| host(format!("no worker could be started: {why}")))?;
    let said = {
        let asked = pin!(worker.compile(bytes));
        match select(asked, pin!(sleep(limit))).await {
            Either::Left((said, _)) => {
                said.map_err(|why| host(format!("the worker that compiled the unit failed: {why}")))?
            }
            Either::Right(_) => {
                return Err(host(format!("compiling the unit takes longer than {} s", limit.as_secs())));
            }
        }
    };
    if let Some(why) = said.refused() {
        worker.keep();
        // `wasmill-unit` has validated it, with the proposals that every engine has: what a browser says against it is what it lacks.
        return Err(PrepareError::Unsupported { message: format!("the browser does not take this unit: {why}") });
    }
    let module = said.compiled();
    if module.is_undefined() {
        let why = said.failed().unwrap_or_else(|| "it answered something else".to_owned());
        return Err(host(format!("the worker that compiled the unit failed: {why}")));
    }
    worker.keep();
    Ok(module)
}
