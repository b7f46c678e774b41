//! From a unit to what wasmi runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use wasmi::{Engine, Module};
use wasmill_engine::PrepareError;
use wasmill_engine::parts::panic_message;
use wasmill_unit::{DeferredStart, Unit};

use crate::config::config;

/// A unit that was translated.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) module: Module,
    /// The export that is called first, where the unit has a start function.
    pub(crate) start: Option<Arc<str>>,
}

/// Larger units are translated on a thread of their own, where there are threads: a megabyte takes some 70 ms.
#[cfg(not(target_family = "wasm"))]
const QUICK: u64 = 64 << 10;

pub(crate) async fn compile(unit: &Unit) -> Result<Code, PrepareError> {
    #[cfg(not(target_family = "wasm"))]
    if unit.info().size > QUICK {
        return apart(unit).await;
    }
    compile_now(unit)
}

#[cfg(not(target_family = "wasm"))]
async fn apart(unit: &Unit) -> Result<Code, PrepareError> {
    let host = |message: String| PrepareError::Host { message };
    let (sender, receiver) = futures_channel::oneshot::channel();
    let unit = unit.clone();
    let work = move || {
        // Nobody asks any more where the other end is gone.
        let _ = sender.send(compile_now(&unit));
    };
    std::thread::Builder::new()
        .name("wasmill-wasmi".to_owned())
        .spawn(work)
        .map_err(|error| host(format!("no thread for translating the unit could be started: {error}")))?;
    receiver.await.map_err(|_| host("the thread that translated the unit is gone".to_owned()))?
}

/// A defect of wasmi's that a unit finds is a failure of the host, and ends nothing else.
fn compile_now(unit: &Unit) -> Result<Code, PrepareError> {
    let caught = catch_unwind(AssertUnwindSafe(|| translate(unit)));
    caught.unwrap_or_else(|panic| {
        let message = format!("wasmi panicked while it translated the unit: {}", panic_message(&*panic));
        Err(PrepareError::Host { message })
    })
}

fn translate(unit: &Unit) -> Result<Code, PrepareError> {
    let engine = Engine::new(&config());
    let bytes = unit.bytes();
    let (module, start) = match DeferredStart::of(&bytes) {
        Some(deferred) => (Module::new(&engine, deferred.bytes), Some(deferred.export.into())),
        None => (Module::new(&engine, &bytes), None),
    };
    let module = module.map_err(|error| unsupported(&error))?;
    Ok(Code { module, start })
}

/// `wasmill-unit` has validated it, with the proposals that every engine has: what wasmi says against it is what wasmi lacks.
fn unsupported(error: &wasmi::Error) -> PrepareError {
    PrepareError::Unsupported { message: format!("wasmi does not take this unit: {error}") }
}
