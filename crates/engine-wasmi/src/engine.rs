//! The engine itself: what is shared by all calls.

use std::sync::Arc;

use wasmill_engine::parts::{Turns, Units};
use wasmill_engine::{Binding, BoxFuture, Enforced, Engine, EngineInfo, PrepareError, PreparedUnit};
use wasmill_model::{EngineName, Interface, LimitKind, LimitOverrides, Profile};
use wasmill_unit::Unit;

use crate::call::Prepared;
use crate::compile::{Code, compile};
use crate::config::{Settings, VERSION};
use crate::link;

/// The interpreter. A clone shares everything.
#[derive(Clone, Debug)]
pub struct WasmiEngine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    info: EngineInfo,
    /// wasmi keeps what it translated for as long as its engine lives, so every unit has an engine of its own.
    units: Units<Code>,
    turns: Arc<Turns>,
}

impl WasmiEngine {
    /// An engine; costs next to nothing.
    pub fn new(settings: Settings) -> Self {
        let Settings { compiled_capacity } = settings;
        WasmiEngine {
            shared: Arc::new(Shared { info: info(), units: Units::new(compiled_capacity), turns: Arc::default() }),
        }
    }

    /// What every such engine is and can do, without making one: for checks that start nothing.
    pub fn description() -> EngineInfo {
        info()
    }
}

impl Engine for WasmiEngine {
    fn info(&self) -> &EngineInfo {
        &self.shared.info
    }

    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        binding: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        Box::pin(async move {
            // Ask for the function and the imports first: a mistake there should not cost a translation.
            let info = unit.info();
            info.resolve(binding.function.as_deref())?;
            if info.is_component {
                return Err(PrepareError::Unsupported { message: COMPONENTS.to_owned() });
            }
            link::check(unit, binding)?;
            let code = self.shared.units.get(unit, compile(unit)).await?;
            let prepared: Arc<dyn PreparedUnit> = Arc::new(Prepared::new(unit, binding, code, &self.shared.turns)?);
            Ok(prepared)
        })
    }
}

const COMPONENTS: &str = "wasmi runs core modules, and this is a component: there is no implementation of the component model for it that holds \
                          deadlines and does not believe what a guest says of its lists";

fn info() -> EngineInfo {
    use LimitKind::{Fuel, Instances, Log, Memory, Output, TableElements, Timeout};
    EngineInfo {
        name: EngineName { name: "wasmi".into(), version: VERSION.into() },
        interfaces: vec![Interface::Core, Interface::Bytes, Interface::Command],
        limits: [Memory, Fuel, Timeout, Output, Log, TableElements, Instances]
            .map(|limit| (limit, Enforced::Yes))
            .to_vec(),
        profiles: Profile::ALL.to_vec(),
        at_most: LimitOverrides::default(),
        functions: Vec::new(),
        sandboxed: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receipts name the version that is linked.
    #[test]
    fn the_version_is_that_of_the_lock() {
        let lock = include_str!("../../../Cargo.lock");
        let entry = format!("name = \"wasmi\"\nversion = \"{VERSION}\"\n");
        assert!(lock.contains(&entry), "`config::VERSION` is not the version in Cargo.lock");
        assert_eq!(lock.matches("name = \"wasmi\"\n").count(), 1);
    }
}
