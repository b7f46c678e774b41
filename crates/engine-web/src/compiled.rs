//! From a unit to a module of the browser: its limits are put into it, and a worker compiles it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Object, Reflect};
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;
use wasmill_engine::parts::{Deadline, Refused, Tally, Units};
use wasmill_engine::{Cancel, PrepareError};
use wasmill_instrument::{Counter, Counters, InstrumentError, Options, SHARED_MODULE, Sections, StartSize, instrument};
use wasmill_model::{Limits, Profile};
use wasmill_unit::Unit;

use crate::prepared::Component;
use crate::timer::sleep;
use crate::workers::Workers;

/// A unit that was compiled.
#[derive(Clone)]
pub(crate) struct Code {
    /// A `WebAssembly.Module`; of a component what `web/src/component.js` calls: `{source, modules}`.
    pub(crate) module: SendWrapper<JsValue>,
    /// The export that is called first, where there is something to call.
    pub(crate) start: Option<Arc<str>>,
    /// The exports that are its counters, in the order of [`Counter::ALL`].
    pub(crate) counters: Arc<[String]>,
    size: Arc<StartSize>,
}

/// Compiled units, of each profile its own: what is put into them differs.
pub(crate) struct Compiled {
    metered: Units<Code>,
    fast: Units<Code>,
    deterministic: Units<Code>,
}

impl Compiled {
    /// `capacity`: bytes of units that are kept, of each profile.
    pub(crate) fn new(capacity: u64) -> Self {
        Compiled { metered: Units::new(capacity), fast: Units::new(capacity), deterministic: Units::new(capacity) }
    }

    /// The unit's code: what is kept, or what a worker compiles now, which is ended if that takes longer than `limit`.
    pub(crate) async fn code(
        &self,
        unit: &Unit,
        profile: Profile,
        workers: &Workers,
        limit: Duration,
    ) -> Result<Code, PrepareError> {
        self.units(profile).get(unit, compile(unit, profile, workers, limit)).await
    }

    /// The same for a component that was prepared elsewhere.
    pub(crate) async fn component(
        &self,
        unit: &Unit,
        component: &Component,
        profile: Profile,
        workers: &Workers,
        limit: Duration,
    ) -> Result<Code, PrepareError> {
        self.units(profile).get(unit, compile_component(component, profile, workers, limit)).await
    }

    fn units(&self, profile: Profile) -> &Units<Code> {
        match profile {
            Profile::Metered => &self.metered,
            Profile::Fast => &self.fast,
            Profile::Deterministic => &self.deterministic,
        }
    }
}

async fn compile(unit: &Unit, profile: Profile, workers: &Workers, limit: Duration) -> Result<Code, PrepareError> {
    let options = Options {
        fuel: profile != Profile::Fast,
        canonical_nans: profile == Profile::Deterministic,
        ..Options::default()
    };
    let instrumented = instrument(&unit.bytes(), options).map_err(|error| match error {
        InstrumentError::TooLarge { .. } => PrepareError::Unsupported { message: error.to_string() },
        _ => PrepareError::Host { message: error.to_string() },
    })?;
    let module = compiled(&instrumented.binary, workers, limit).await?;
    Ok(Code {
        module: SendWrapper::new(module),
        start: instrumented.has_start.then(|| instrumented.start().into()),
        counters: Counter::ALL.map(|counter| instrumented.export(counter)).into(),
        size: Arc::new(instrumented.size),
    })
}

/// The same for a component: all of its core modules, whose limits are held together, and which take no longer than `limit` together.
async fn compile_component(
    component: &Component,
    profile: Profile,
    workers: &Workers,
    limit: Duration,
) -> Result<Code, PrepareError> {
    let options = Options {
        counters: Counters::Shared,
        fuel: profile != Profile::Fast,
        canonical_nans: profile == Profile::Deterministic,
    };
    let modules = Object::new();
    let time = Deadline::new(limit, &Cancel::new());
    for (name, bytes) in &component.modules {
        let binary = bytes.to_vec();
        takes_no_counters(&binary)?;
        let instrumented = instrument(&binary, options).map_err(|error| match error {
            InstrumentError::TooLarge { .. } => PrepareError::Unsupported { message: error.to_string() },
            _ => PrepareError::InvalidUnit { message: error.to_string() },
        })?;
        let facts = Object::new();
        set(&facts, &"module".into(), &compiled_within(&instrumented.binary, workers, limit, time.remaining()).await?)?;
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
    let module = SendWrapper::new(prepared.into());
    // What its modules start with is counted where they are made.
    Ok(Code { module, start: None, counters: Arc::new([]), size: Arc::default() })
}

/// Refuses a module that imports from where the counters are: they would be the real ones, and whoever writes to them has no limits.
fn takes_no_counters(binary: &[u8]) -> Result<(), PrepareError> {
    let invalid = |message: String| PrepareError::InvalidUnit { message };
    let sections = Sections::read(binary).map_err(|error| invalid(error.to_string()))?;
    match sections.imports.iter().find(|import| import.module == SHARED_MODULE) {
        Some(import) => Err(invalid(format!(
            "a core module of the component imports `{SHARED_MODULE}::{}`: what Wasmill counts with is called `{SHARED_MODULE}`",
            import.name
        ))),
        None => Ok(()),
    }
}

fn set(object: &Object, name: &JsValue, value: &JsValue) -> Result<(), PrepareError> {
    let set = Reflect::set(object, name, value);
    set.map(drop).map_err(|_| PrepareError::Host { message: "an object of JavaScript takes no member".to_owned() })
}

async fn compiled(binary: &[u8], workers: &Workers, limit: Duration) -> Result<JsValue, PrepareError> {
    compiled_within(binary, workers, limit, limit).await
}

/// The same, where only so much of the limit remains.
async fn compiled_within(
    binary: &[u8],
    workers: &Workers,
    limit: Duration,
    remaining: Duration,
) -> Result<JsValue, PrepareError> {
    let host = |message: String| PrepareError::Host { message };
    let mut worker = workers.one().await.map_err(|why| host(format!("no worker could be started: {why}")))?;
    let said = match select(pin!(worker.compile(binary)), pin!(sleep(remaining))).await {
        Either::Left((said, _)) => said,
        Either::Right(_) => {
            return Err(host(format!("compiling the unit takes longer than {} s", limit.as_secs())));
        }
    };
    let said = said.map_err(|why| host(format!("the worker that compiled the unit failed: {why}")))?;
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

impl Code {
    /// Which limit forbids what the unit has before anything of it runs, and how many bytes it was given before.
    pub(crate) fn refused(&self, limits: &Limits) -> Option<(Refused, u64)> {
        Tally::started(limits, &self.size.memories, &self.size.tables).err()
    }

    /// Bytes that the unit has before anything of it runs; of a component, what that is comes out only when it is called.
    pub(crate) fn begins_with(&self) -> u64 {
        self.size.memory().saturating_add(self.size.elements().saturating_mul(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_a_component_never_gets_the_counters() {
        // (import "wasmill" "fuel" (global (mut i64))), and the same from elsewhere.
        let importing = |from: &[u8; 7]| {
            let mut binary = b"\0asm\x01\0\0\0\x02\x11\x01\x07".to_vec();
            binary.extend_from_slice(from);
            binary.extend_from_slice(b"\x04fuel\x03\x7e\x01");
            binary
        };
        let refused = takes_no_counters(&importing(b"wasmill"));
        assert!(matches!(refused, Err(PrepareError::InvalidUnit { .. })), "{refused:?}");
        assert!(takes_no_counters(&importing(b"another")).is_ok());
    }
}
