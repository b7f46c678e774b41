//! From a unit to a module of the browser: its limits are put into it, and a worker compiles it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::{Object, Reflect};
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;
use wasmill_engine::PrepareError;
use wasmill_engine::parts::{Refused, Tally, Units};
use wasmill_instrument::{Counter, Counters, InstrumentError, Options, StartSize, instrument};
use wasmill_model::{LimitKind, Limits, Profile};
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

/// The same for a component: all of its core modules, whose limits are held together.
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
    for (name, bytes) in &component.modules {
        let instrumented = instrument(&bytes.to_vec(), options).map_err(|error| match error {
            InstrumentError::TooLarge { .. } => PrepareError::Unsupported { message: error.to_string() },
            _ => PrepareError::InvalidUnit { message: error.to_string() },
        })?;
        let facts = Object::new();
        set(&facts, &"module".into(), &compiled(&instrumented.binary, workers, limit).await?)?;
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

fn set(object: &Object, name: &JsValue, value: &JsValue) -> Result<(), PrepareError> {
    let set = Reflect::set(object, name, value);
    set.map(drop).map_err(|_| PrepareError::Host { message: "an object of JavaScript takes no member".to_owned() })
}

async fn compiled(binary: &[u8], workers: &Workers, limit: Duration) -> Result<JsValue, PrepareError> {
    let host = |message: String| PrepareError::Host { message };
    let mut worker = workers.one().await.map_err(|why| host(format!("no worker could be started: {why}")))?;
    let said = match select(pin!(worker.compile(binary)), pin!(sleep(limit))).await {
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
    /// Which limit forbids what the unit has before anything of it runs.
    pub(crate) fn refused(&self, limits: &Limits) -> Option<Refused> {
        refused(&self.size, limits)
    }
}

fn refused(size: &StartSize, limits: &Limits) -> Option<Refused> {
    let most = u64::from(limits.instances);
    for count in [size.memories.len() as u64, size.tables.len() as u64] {
        if count > most {
            return Some(Refused { of: LimitKind::Instances, limit: most, wanted: most + 1 });
        }
    }
    let mut tally = Tally::new(limits);
    // In the order in which other engines make them, up to the first that is refused.
    let elements = size.tables.iter().all(|elements| tally.grow_table(0, pointer(*elements), None));
    let _ = elements && size.memories.iter().all(|bytes| tally.grow_memory(0, pointer(*bytes), None));
    tally.refused()
}

/// Memories of 4 GiB are wider than what this itself runs with.
fn pointer(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(memories: &[u64], tables: &[u64]) -> StartSize {
        StartSize { memories: memories.to_vec(), tables: tables.to_vec() }
    }

    #[test]
    fn what_a_unit_starts_with_is_within_its_limits() {
        let limits = Limits { memory: 100, table_elements: 5, instances: 2, ..Limits::default() };
        assert_eq!(refused(&size(&[60], &[5]), &limits), None);
        let memory = Refused { of: LimitKind::Memory, limit: 100, wanted: 120 };
        assert_eq!(refused(&size(&[60, 60], &[]), &limits), Some(memory));
        assert_eq!(refused(&size(&[61], &[5]), &limits).map(|refused| refused.of), Some(LimitKind::Memory));
        assert_eq!(refused(&size(&[], &[3, 3]), &limits).map(|refused| refused.of), Some(LimitKind::TableElements));
        let many = Refused { of: LimitKind::Instances, limit: 2, wanted: 3 };
        assert_eq!(refused(&size(&[1, 1, 1], &[]), &limits), Some(many));
        assert_eq!(refused(&size(&[], &[1, 1, 1]), &limits), Some(many));
    }
}
