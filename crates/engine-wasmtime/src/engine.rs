//! The engine itself: what is shared by all calls.

use std::sync::{Arc, OnceLock};

use moka::future::Cache;
use tokio::sync::Semaphore;
use wasmill_engine::{Binding, BoxFuture, Enforced, EngineInfo, PrepareError, PreparedUnit};
use wasmill_model::{Digest, EngineName, Interface, LimitKind, Profile};
use wasmill_unit::Unit;
use wasmtime::component::Linker as ComponentLinker;
use wasmtime::{Engine, Linker};

use crate::call::Prepared;
use crate::compile::{Code, Failure, Means, compile, invalid};
use crate::config::{self, Allocator, Settings};
use crate::link;
use crate::state::State;
use crate::ticker::Ticker;

/// Why an engine could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// wasmtime refused its configuration.
    #[error("the engine could not be made: {0}")]
    Configuration(String),
    /// The thread that keeps time could not be started.
    #[error("the thread that enforces timeouts could not be started: {0}")]
    Ticker(#[from] std::io::Error),
}

/// The embedded engine. A clone shares everything.
#[derive(Clone)]
pub struct WasmtimeEngine {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    info: EngineInfo,
    settings: Settings,
    allocator: Allocator,
    engine: Engine,
    /// For units that do not fit the pool's slots.
    spacious: OnceLock<Engine>,
    core_linker: OnceLock<Arc<Linker<State>>>,
    component_linker: OnceLock<Arc<ComponentLinker<State>>>,
    compiled: Cache<Digest, Code>,
    pub(crate) slots: Semaphore,
    pub(crate) ticker: Arc<Ticker>,
}

impl WasmtimeEngine {
    /// An engine; costs about a millisecond for each 300 slots.
    ///
    /// # Errors
    /// When wasmtime refuses the configuration on this machine, or no thread can be started.
    pub fn new(settings: Settings) -> Result<Self, EngineError> {
        let (engine, allocator) = match Engine::new(&config::pooling(settings.slots)) {
            Ok(engine) => (engine, Allocator::Pooling),
            Err(no_pool) => {
                let engine = Engine::new(&config::on_demand())
                    .map_err(|error| EngineError::Configuration(format!("{error:#}")))?;
                (engine, Allocator::OnDemand { reason: no_pool.root_cause().to_string() })
            }
        };
        let ticker = Ticker::global()?;
        ticker.watch(&engine);
        let compiled = Cache::builder()
            .max_capacity(settings.compiled_capacity)
            .weigher(|_, code: &Code| {
                let range = match code {
                    Code::Module(module) => module.image_range(),
                    Code::Component(component) => component.image_range(),
                };
                u32::try_from((range.end as usize).saturating_sub(range.start as usize)).unwrap_or(u32::MAX)
            })
            .build();
        let slots = Semaphore::new(settings.slots as usize);
        Ok(WasmtimeEngine {
            shared: Arc::new(Shared {
                info: info(),
                settings,
                allocator,
                engine,
                spacious: OnceLock::new(),
                core_linker: OnceLock::new(),
                component_linker: OnceLock::new(),
                compiled,
                slots,
                ticker,
            }),
        })
    }

    /// What every such engine is and can do, without making one: for checks that start nothing.
    pub fn description() -> EngineInfo {
        info()
    }

    /// How instances get their memory, and why.
    pub fn allocator(&self) -> &Allocator {
        &self.shared.allocator
    }

    async fn code(&self, unit: &Unit) -> Result<Code, PrepareError> {
        let shared = self.shared.clone();
        let unit = unit.clone();
        self.shared
            .compiled
            .try_get_with(unit.digest(), async move { shared.compile(unit).await })
            .await
            .map_err(|error| (*error).clone())
    }
}

impl Shared {
    /// Off the async threads where there is a runtime: a big unit takes seconds.
    async fn compile(self: Arc<Self>, unit: Unit) -> Result<Code, PrepareError> {
        let shared = self.clone();
        let work = move || shared.compile_now(&unit);
        if tokio::runtime::Handle::try_current().is_err() {
            return work();
        }
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|panic| Err(PrepareError::Host { message: format!("the compiler panicked: {panic}") }))
    }

    fn compile_now(&self, unit: &Unit) -> Result<Code, PrepareError> {
        let Settings { cache, compiler, .. } = &self.settings;
        let pooled = self.allocator == Allocator::Pooling;
        let means = Means { compiler, cache: cache.as_ref(), profile: Profile::default(), pooled };
        match compile(&self.engine, unit, &means) {
            Err(Failure::Refused(error)) if pooled => {
                // Perhaps only too large for the pool's slots.
                let spacious = self.spacious().map_err(|_| invalid(&error))?;
                compile(spacious, unit, &Means { pooled: false, ..means }).map_err(|failure| match failure {
                    Failure::Refused(_) => invalid(&error),
                    Failure::Final(error) => error,
                })
            }
            other => Ok(other?),
        }
    }

    fn spacious(&self) -> wasmtime::Result<&Engine> {
        if let Some(engine) = self.spacious.get() {
            return Ok(engine);
        }
        let engine = Engine::new(&config::on_demand())?;
        self.ticker.watch(&engine);
        Ok(self.spacious.get_or_init(|| engine))
    }

    pub(crate) fn core_linker(&self, engine: &Engine) -> wasmtime::Result<Arc<Linker<State>>> {
        if !Engine::same(engine, &self.engine) {
            return link::core(engine).map(Arc::new);
        }
        if let Some(linker) = self.core_linker.get() {
            return Ok(linker.clone());
        }
        let linker = Arc::new(link::core(engine)?);
        Ok(self.core_linker.get_or_init(|| linker).clone())
    }

    pub(crate) fn component_linker(&self, engine: &Engine) -> wasmtime::Result<Arc<ComponentLinker<State>>> {
        if !Engine::same(engine, &self.engine) {
            return link::component(engine).map(Arc::new);
        }
        if let Some(linker) = self.component_linker.get() {
            return Ok(linker.clone());
        }
        let linker = Arc::new(link::component(engine)?);
        Ok(self.component_linker.get_or_init(|| linker).clone())
    }
}

impl wasmill_engine::Engine for WasmtimeEngine {
    fn info(&self) -> &EngineInfo {
        &self.shared.info
    }

    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        binding: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        Box::pin(async move {
            // Ask for the function first: a wrong name should not cost a compile.
            unit.info().resolve(binding.function.as_deref())?;
            let code = self.code(unit).await?;
            let prepared: Arc<dyn PreparedUnit> = Arc::new(Prepared::new(&self.shared, unit, binding, code)?);
            Ok(prepared)
        })
    }
}

fn info() -> EngineInfo {
    use LimitKind::{Fuel, Instances, Log, Memory, Output, TableElements, Timeout};
    EngineInfo {
        name: EngineName { name: "wasmtime".into(), version: wasmtime_environ::VERSION.into() },
        interfaces: vec![Interface::Core, Interface::Bytes, Interface::Component, Interface::Command],
        limits: [Memory, Fuel, Timeout, Output, Log, TableElements, Instances]
            .map(|limit| (limit, Enforced::Yes))
            .to_vec(),
        profiles: Profile::ALL.to_vec(),
        sandboxed: true,
    }
}
