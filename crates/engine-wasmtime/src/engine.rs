//! The engine itself: what is shared by all calls.

use std::sync::{Arc, OnceLock};

use moka::future::Cache;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use wasmill_engine::parts::Turns;
use wasmill_engine::{Binding, BoxFuture, Enforced, EngineInfo, PrepareError, PreparedUnit};
use wasmill_model::{Digest, EngineName, Interface, LimitKind, LimitOverrides, Profile};
use wasmill_unit::Unit;
use wasmtime::{Config, Engine};

use crate::call::Prepared;
use crate::compile::{Code, Failure, Means, compile, invalid};
use crate::config::{self, Allocator, Settings};
use crate::host::HostFunctions;
use crate::link::Linkers;
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
    pub(crate) settings: Settings,
    /// The host functions of the settings, and Wasmill's own.
    pub(crate) functions: HostFunctions,
    /// One for each profile, made when it is first used.
    pools: [OnceLock<Result<Arc<Pool>, String>>; Profile::ALL.len()],
    compiled: Cache<(Digest, Profile), Code>,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) turns: Turns,
    /// What drives blocking calls, made at the first one.
    pub(crate) blocking: OnceLock<Result<Runtime, String>>,
}

/// A wasmtime engine with room for instances, and what was linked for it.
pub(crate) struct Pool {
    profile: Profile,
    pub(crate) engine: Engine,
    allocator: Allocator,
    pub(crate) slots: Semaphore,
    pub(crate) linkers: Linkers,
    /// For units that do not fit the slots.
    spacious: OnceLock<Result<Arc<Pool>, String>>,
}

impl Pool {
    fn new(profile: Profile, settings: &Settings, ticker: &Ticker) -> Result<Arc<Self>, String> {
        let make = |mut config: Config| Engine::new(config.coredump_on_trap(settings.coredumps.is_some()));
        let (engine, allocator) = match make(config::pooling(profile, settings.slots)) {
            Ok(engine) => (engine, Allocator::Pooling),
            Err(no_pool) => {
                let engine = make(config::on_demand(profile)).map_err(|error| format!("{error:#}"))?;
                (engine, Allocator::OnDemand { reason: no_pool.root_cause().to_string() })
            }
        };
        Ok(Pool::around(profile, engine, allocator, settings, ticker))
    }

    fn around(
        profile: Profile,
        engine: Engine,
        allocator: Allocator,
        settings: &Settings,
        ticker: &Ticker,
    ) -> Arc<Self> {
        ticker.watch(&engine);
        Arc::new(Pool {
            profile,
            engine,
            allocator,
            slots: Semaphore::new(settings.slots as usize),
            linkers: Linkers::default(),
            spacious: OnceLock::new(),
        })
    }

    /// Instances from the operating system, where the slots are too small.
    fn spacious(&self, settings: &Settings, ticker: &Ticker) -> Result<Arc<Pool>, String> {
        let make = || {
            let mut config = config::on_demand(self.profile);
            config.coredump_on_trap(settings.coredumps.is_some());
            let engine = Engine::new(&config).map_err(|error| format!("{error:#}"))?;
            let reason = "the unit needs more than a slot of the pool has".to_owned();
            Ok(Pool::around(self.profile, engine, Allocator::OnDemand { reason }, settings, ticker))
        };
        self.spacious.get_or_init(make).clone()
    }
}

impl WasmtimeEngine {
    /// An engine; costs about a millisecond for each 300 slots.
    ///
    /// # Errors
    /// When wasmtime refuses the configuration on this machine, or no thread can be started.
    pub fn new(settings: Settings) -> Result<Self, EngineError> {
        let ticker = Ticker::global()?;
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
        let functions = settings.functions.clone().with_reference_functions();
        let pools = Default::default();
        let mut info = info();
        info.functions = settings.functions.interfaces();
        let engine = WasmtimeEngine {
            shared: Arc::new(Shared {
                info,
                settings,
                functions,
                pools,
                compiled,
                ticker,
                turns: Turns::default(),
                blocking: OnceLock::new(),
            }),
        };
        // The default profile now, so that a machine on which nothing can run says so at once.
        engine.shared.pool(Profile::default()).map_err(EngineError::Configuration)?;
        Ok(engine)
    }

    /// What every such engine is and can do, without making one: for checks that start nothing.
    pub fn description() -> EngineInfo {
        info()
    }

    /// How instances get their memory, and why.
    pub fn allocator(&self) -> Allocator {
        match self.shared.pool(Profile::default()) {
            Ok(pool) => pool.allocator.clone(),
            Err(reason) => Allocator::OnDemand { reason },
        }
    }

    async fn code(&self, unit: &Unit, profile: Profile) -> Result<Code, PrepareError> {
        let shared = self.shared.clone();
        let unit = unit.clone();
        self.shared
            .compiled
            .try_get_with((unit.digest(), profile), async move { shared.compile(unit, profile).await })
            .await
            .map_err(|error| (*error).clone())
    }
}

impl Shared {
    fn pool(&self, profile: Profile) -> Result<Arc<Pool>, String> {
        let [metered, fast, deterministic] = &self.pools;
        let slot = match profile {
            Profile::Metered => metered,
            Profile::Fast => fast,
            Profile::Deterministic => deterministic,
        };
        slot.get_or_init(|| Pool::new(profile, &self.settings, &self.ticker)).clone()
    }

    /// The pool that compiled code was made for.
    pub(crate) fn pool_of(&self, code: &Code, profile: Profile) -> Result<Arc<Pool>, PrepareError> {
        let fail = |message| PrepareError::Host { message };
        let pool = self.pool(profile).map_err(fail)?;
        if Engine::same(code.engine(), &pool.engine) {
            return Ok(pool);
        }
        pool.spacious(&self.settings, &self.ticker).map_err(fail)
    }

    /// Off the async threads where there is a runtime: a big unit takes seconds.
    async fn compile(self: Arc<Self>, unit: Unit, profile: Profile) -> Result<Code, PrepareError> {
        let shared = self.clone();
        let work = move || shared.compile_now(&unit, profile);
        if tokio::runtime::Handle::try_current().is_err() {
            return work();
        }
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|panic| Err(PrepareError::Host { message: format!("the compiler panicked: {panic}") }))
    }

    fn compile_now(&self, unit: &Unit, profile: Profile) -> Result<Code, PrepareError> {
        let Settings { cache, compiler, .. } = &self.settings;
        let pool = self.pool(profile).map_err(|message| PrepareError::Host { message })?;
        let pooled = pool.allocator == Allocator::Pooling;
        let means = Means { compiler, cache: cache.as_ref(), profile, pooled };
        match compile(&pool.engine, unit, &means) {
            Err(Failure::Refused(error)) if pooled => {
                // Perhaps only too large for the pool's slots.
                let spacious = pool.spacious(&self.settings, &self.ticker).map_err(|_| invalid(&error))?;
                compile(&spacious.engine, unit, &Means { pooled: false, ..means }).map_err(|failure| match failure {
                    Failure::Refused(_) => invalid(&error),
                    Failure::Final(error) => error,
                })
            }
            other => Ok(other?),
        }
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
            // Ask for the function and the grants first: a mistake there should not cost a compile.
            unit.info().resolve(binding.function.as_deref())?;
            Prepared::check_imports(&self.shared, unit, binding)?;
            let code = self.code(unit, binding.profile).await?;
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
        at_most: LimitOverrides::default(),
        functions: Vec::new(),
        sandboxed: true,
    }
}
