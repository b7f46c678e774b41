//! From a unit to what wasmi runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
#[cfg(not(target_family = "wasm"))]
use std::sync::LazyLock;

#[cfg(not(target_family = "wasm"))]
use futures_util::{
    future::select_all,
    lock::{Mutex as AsyncMutex, OwnedMutexGuard},
};
use wasmi::{Engine, Module};
use wasmill_engine::PrepareError;
use wasmill_engine::parts::panic_message;
use wasmill_unit::{DeferredStart, Unit};

use crate::config::config;
use crate::work;

/// A unit that was translated.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) module: Module,
    /// The export that is called first, where the unit has a start function.
    pub(crate) start: Option<Arc<str>>,
}

/// Larger units are translated on a thread of their own, where there are threads: a megabyte takes some 70 ms, and of a hostile unit this
/// much does.
#[cfg(not(target_family = "wasm"))]
const QUICK: u64 = 4 << 10;

/// Who may translate on a thread, in all of this process. A thread cannot be stopped: one whose unit nobody waits for any more keeps its place
/// to the end, so that there are never more.
#[cfg(not(target_family = "wasm"))]
static PLACES: LazyLock<Vec<Arc<AsyncMutex<()>>>> = LazyLock::new(|| {
    let places = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    (0..places).map(|_| Arc::default()).collect()
});

/// A place, as soon as there is one.
#[cfg(not(target_family = "wasm"))]
async fn place() -> OwnedMutexGuard<()> {
    select_all(PLACES.iter().map(|place| place.clone().lock_owned())).await.0
}

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
    let place = place().await;
    let (sender, receiver) = futures_channel::oneshot::channel();
    let unit = unit.clone();
    let work = move || {
        // Nobody asks any more where the other end is gone.
        let _ = sender.send(compile_now(&unit));
        drop(place);
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
    work::check(&bytes)?;
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

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// A unit that is translated on a thread.
    fn unit(number: usize) -> Unit {
        let function = format!("(func (export \"run{number}\") {})", "(drop (i32.const 1))".repeat(3_000));
        Unit::from_binary(wat::parse_str(format!("(module {function})")).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn threads_are_as_many_as_there_are_places() {
        assert!(unit(0).info().size > QUICK);
        let mut held = Vec::new();
        for _ in 0..PLACES.len() {
            held.push(place().await);
        }
        let (first, second) = (unit(1), unit(2));
        assert!(compile(&first).now_or_never().is_none());
        let mut waiting = Box::pin(compile(&second));
        assert!((&mut waiting).now_or_never().is_none(), "nobody has a place");
        held.pop();
        assert!(waiting.await.is_ok());
        // Whoever is done leaves, also if nobody waits for what was made.
        let dropped = compile(&first);
        let _ = dropped.now_or_never();
        held.clear();
        for _ in 0..PLACES.len() {
            held.push(place().await);
        }
    }
}
