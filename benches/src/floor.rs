//! Bare wasmtime with the engine's settings: what a call costs before Wasmill adds anything.
//!
//! Written as somebody would who wants it fast: linked once, exports looked up once, everything fresh from a pool.

use bytes::Bytes;
use wasmtime::component::{Component, ComponentExportIndex};
use wasmtime::{
    Config, Enabled, Engine, Error, Extern, Instance, InstanceAllocationStrategy, InstancePre, Linker, Module,
    ModuleExport, PoolingAllocationConfig, ResourceLimiter, Result, Store, UpdateDeadline,
};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// What a metered store is given.
const FUEL: u64 = 10_000_000_000;

/// A limiter that counts, as anybody would write it.
#[derive(Default)]
pub struct Limiter {
    memory: usize,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.memory += desired - current;
        Ok(self.memory <= 256 << 20)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= 100_000)
    }
}

/// An engine with fuel, epochs and a pool of `slots`.
///
/// # Errors
/// When wasmtime refuses the configuration.
pub fn engine(slots: u32) -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(slots);
    pool.total_tables(slots);
    pool.total_stacks(slots);
    pool.total_core_instances(slots);
    pool.total_component_instances(slots);
    pool.max_memory_size(4 << 30);
    pool.max_unused_warm_slots(slots);
    pool.linear_memory_keep_resident(1 << 20);
    pool.table_keep_resident(64 << 10);
    pool.async_stack_keep_resident(64 << 10);
    pool.pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config.consume_fuel(true);
    config.epoch_interruption(true);
    config.concurrency_support(false);
    config.native_unwind_info(false);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// A store with every limit that wasmtime itself can hold, for guests that yield.
///
/// # Errors
/// When the engine does not meter.
pub fn store(engine: &Engine) -> Result<Store<Limiter>> {
    let mut store = Store::new(engine, Limiter::default());
    store.limiter(|limiter| limiter);
    store.set_fuel(FUEL)?;
    store.set_epoch_deadline(1_000);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
    Ok(store)
}

/// The same for guests that cannot yield, because they are called without `async`.
///
/// # Errors
/// When the engine does not meter.
pub fn blocking_store(engine: &Engine) -> Result<Store<Limiter>> {
    let mut store = Store::new(engine, Limiter::default());
    store.limiter(|limiter| limiter);
    store.set_fuel(FUEL)?;
    store.set_epoch_deadline(1_000);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(1)));
    Ok(store)
}

fn gone(name: &str) -> Error {
    Error::msg(format!("the export `{name}` is gone"))
}

fn export(module: &Module, name: &str) -> Result<ModuleExport> {
    module.get_export_index(name).ok_or_else(|| gone(name))
}

fn function<T: 'static, P, R>(
    store: &mut Store<T>,
    instance: &Instance,
    export: &ModuleExport,
) -> Result<wasmtime::TypedFunc<P, R>>
where
    P: wasmtime::WasmParams,
    R: wasmtime::WasmResults,
{
    let function = instance.get_module_export(&mut *store, export).and_then(Extern::into_func);
    function.ok_or_else(|| gone("function"))?.typed(&*store)
}

/// A core module with `add(i32, i32) -> i32`.
pub struct Add {
    engine: Engine,
    pre: InstancePre<Limiter>,
    add: ModuleExport,
}

impl Add {
    /// Compiled and linked.
    ///
    /// # Errors
    /// When the module is another.
    pub fn new(engine: &Engine, binary: &[u8]) -> Result<Self> {
        let module = Module::new(engine, binary)?;
        let pre = Linker::new(engine).instantiate_pre(&module)?;
        Ok(Add { engine: engine.clone(), pre, add: export(&module, "add")? })
    }

    /// One call in a fresh instance.
    ///
    /// # Errors
    /// What the guest trapped with.
    pub async fn call(&self, left: i32, right: i32) -> Result<i32> {
        let mut store = store(&self.engine)?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let add = function::<_, (i32, i32), i32>(&mut store, &instance, &self.add)?;
        add.call_async(&mut store, (left, right)).await
    }

    /// One call in a fresh instance, without `async`.
    ///
    /// # Errors
    /// What the guest trapped with.
    pub fn call_blocking(&self, left: i32, right: i32) -> Result<i32> {
        let mut store = blocking_store(&self.engine)?;
        let instance = self.pre.instantiate(&mut store)?;
        let add = function::<_, (i32, i32), i32>(&mut store, &instance, &self.add)?;
        add.call(&mut store, (left, right))
    }
}

/// A core module with the C ABI: `allocate`, `process`, bytes in and bytes out.
pub struct BytesUnit {
    engine: Engine,
    pre: InstancePre<Limiter>,
    memory: ModuleExport,
    allocate: ModuleExport,
    process: ModuleExport,
}

impl BytesUnit {
    /// Compiled and linked.
    ///
    /// # Errors
    /// When the module is another.
    pub fn new(engine: &Engine, binary: &[u8]) -> Result<Self> {
        let module = Module::new(engine, binary)?;
        let pre = Linker::new(engine).instantiate_pre(&module)?;
        let export = |name| export(&module, name);
        let (memory, allocate, process) = (export("memory")?, export("allocate")?, export("process")?);
        Ok(BytesUnit { engine: engine.clone(), pre, memory, allocate, process })
    }

    /// One call in a fresh instance; the guest may yield.
    ///
    /// # Errors
    /// What the guest trapped with.
    pub async fn call(&self, input: &[u8]) -> Result<Vec<u8>> {
        let mut store = store(&self.engine)?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let memory = self.memory(&mut store, &instance)?;
        let allocate = function::<_, u32, u32>(&mut store, &instance, &self.allocate)?;
        let process = function::<_, (u32, u32, u32), u32>(&mut store, &instance, &self.process)?;
        let at = allocate.call_async(&mut store, input.len() as u32).await?;
        memory.write(&mut store, at as usize, input)?;
        let out = allocate.call_async(&mut store, 4).await?;
        let result = process.call_async(&mut store, (at, input.len() as u32, out)).await?;
        output(&store, memory, result, out)
    }

    /// One call in a fresh instance, without `async`.
    ///
    /// # Errors
    /// What the guest trapped with.
    pub fn call_blocking(&self, input: &[u8]) -> Result<Vec<u8>> {
        let mut store = blocking_store(&self.engine)?;
        let instance = self.pre.instantiate(&mut store)?;
        let memory = self.memory(&mut store, &instance)?;
        let allocate = function::<_, u32, u32>(&mut store, &instance, &self.allocate)?;
        let process = function::<_, (u32, u32, u32), u32>(&mut store, &instance, &self.process)?;
        let at = allocate.call(&mut store, input.len() as u32)?;
        memory.write(&mut store, at as usize, input)?;
        let out = allocate.call(&mut store, 4)?;
        let result = process.call(&mut store, (at, input.len() as u32, out))?;
        output(&store, memory, result, out)
    }

    fn memory(&self, store: &mut Store<Limiter>, instance: &Instance) -> Result<wasmtime::Memory> {
        let memory = instance.get_module_export(store, &self.memory).and_then(Extern::into_memory);
        memory.ok_or_else(|| gone("memory"))
    }
}

fn output<T: 'static>(store: &Store<T>, memory: wasmtime::Memory, result: u32, out: u32) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    memory.read(store, out as usize, &mut length)?;
    let (start, length) = (result as usize, u32::from_le_bytes(length) as usize);
    let output = memory.data(store).get(start..start.saturating_add(length));
    Ok(output.ok_or_else(|| Error::msg("the output is outside of the memory"))?.to_vec())
}

/// A component with `upper(text: string) -> string`.
pub struct Upper {
    engine: Engine,
    pre: wasmtime::component::InstancePre<Limiter>,
    upper: ComponentExportIndex,
}

impl Upper {
    /// Compiled and linked.
    ///
    /// # Errors
    /// When the component is another.
    pub fn new(engine: &Engine, binary: &[u8]) -> Result<Self> {
        let component = Component::new(engine, binary)?;
        let pre = wasmtime::component::Linker::new(engine).instantiate_pre(&component)?;
        let upper = component.get_export_index(None, "upper").ok_or_else(|| gone("upper"))?;
        Ok(Upper { engine: engine.clone(), pre, upper })
    }

    /// One call in a fresh instance.
    ///
    /// # Errors
    /// What the guest trapped with.
    pub async fn call(&self, text: &str) -> Result<String> {
        let mut store = store(&self.engine)?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let upper = instance.get_typed_func::<(&str,), (String,)>(&mut store, self.upper)?;
        Ok(upper.call_async(&mut store, (text,)).await?.0)
    }
}

/// What the store of a command holds.
struct WithWasi {
    limiter: Limiter,
    wasi: WasiP1Ctx,
}

/// A program for WASI preview 1.
pub struct Command {
    engine: Engine,
    pre: InstancePre<WithWasi>,
    start: ModuleExport,
}

impl Command {
    /// Compiled and linked.
    ///
    /// # Errors
    /// When the module is another.
    pub fn new(engine: &Engine, binary: &[u8]) -> Result<Self> {
        let module = Module::new(engine, binary)?;
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p1::add_to_linker_async(&mut linker, |state: &mut WithWasi| &mut state.wasi)?;
        let pre = linker.instantiate_pre(&module)?;
        Ok(Command { engine: engine.clone(), pre, start: export(&module, "_start")? })
    }

    /// One call in a fresh instance, from stdin to stdout.
    ///
    /// # Errors
    /// What the guest trapped with, also where it is an exit.
    pub async fn call(&self, stdin: Bytes) -> Result<Bytes> {
        let stdout = MemoryOutputPipe::new(16 << 20);
        let stderr = MemoryOutputPipe::new(1 << 20);
        let wasi = WasiCtxBuilder::new()
            .stdin(MemoryInputPipe::new(stdin))
            .stdout(stdout.clone())
            .stderr(stderr)
            .arg("unit")
            .build_p1();
        let mut store = Store::new(&self.engine, WithWasi { limiter: Limiter::default(), wasi });
        store.limiter(|state| &mut state.limiter);
        store.set_fuel(FUEL)?;
        store.set_epoch_deadline(1_000);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.pre.instantiate_async(&mut store).await?;
        function::<_, (), ()>(&mut store, &instance, &self.start)?.call_async(&mut store, ()).await?;
        drop(store);
        Ok(stdout.contents())
    }
}

/// A core module with the C ABI that imports WASI preview 1, as compilers make it.
pub struct Reactor {
    engine: Engine,
    pre: InstancePre<WithWasi>,
    /// What it wants called first, if it does.
    initialize: Option<ModuleExport>,
    memory: ModuleExport,
    allocate: ModuleExport,
    process: ModuleExport,
}

impl Reactor {
    /// Compiled and linked.
    ///
    /// # Errors
    /// When the module is another.
    pub fn new(engine: &Engine, binary: &[u8]) -> Result<Self> {
        let module = Module::new(engine, binary)?;
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p1::add_to_linker_async(&mut linker, |state: &mut WithWasi| &mut state.wasi)?;
        let pre = linker.instantiate_pre(&module)?;
        let export = |name| export(&module, name);
        let (memory, allocate, process) = (export("memory")?, export("allocate")?, export("process")?);
        let initialize = export("_initialize").ok();
        Ok(Reactor { engine: engine.clone(), pre, initialize, memory, allocate, process })
    }

    /// One call in a fresh instance.
    ///
    /// # Errors
    /// What the guest trapped with.
    pub async fn call(&self, input: &[u8]) -> Result<Vec<u8>> {
        let wasi = WasiCtxBuilder::new().arg("unit").build_p1();
        let mut store = Store::new(&self.engine, WithWasi { limiter: Limiter::default(), wasi });
        store.limiter(|state| &mut state.limiter);
        store.set_fuel(FUEL)?;
        store.set_epoch_deadline(1_000);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.pre.instantiate_async(&mut store).await?;
        if let Some(initialize) = &self.initialize {
            function::<_, (), ()>(&mut store, &instance, initialize)?.call_async(&mut store, ()).await?;
        }
        let memory = instance.get_module_export(&mut store, &self.memory).and_then(Extern::into_memory);
        let memory = memory.ok_or_else(|| gone("memory"))?;
        let allocate = function::<_, u32, u32>(&mut store, &instance, &self.allocate)?;
        let process = function::<_, (u32, u32, u32), u32>(&mut store, &instance, &self.process)?;
        let at = allocate.call_async(&mut store, input.len() as u32).await?;
        memory.write(&mut store, at as usize, input)?;
        let out = allocate.call_async(&mut store, 4).await?;
        let result = process.call_async(&mut store, (at, input.len() as u32, out)).await?;
        output(&store, memory, result, out)
    }
}

/// What the store of an interpreter holds.
struct WithComponentWasi {
    limiter: Limiter,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for WithComponentWasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// An interpreter: a component with `run(script: string, function: string, input: string) -> result<string, string>`.
pub struct Interpreter {
    engine: Engine,
    pre: wasmtime::component::InstancePre<WithComponentWasi>,
    run: ComponentExportIndex,
}

impl Interpreter {
    /// Compiled and linked.
    ///
    /// # Errors
    /// When the component is another.
    pub fn new(engine: &Engine, binary: &[u8]) -> Result<Self> {
        let component = Component::new(engine, binary)?;
        let mut linker = wasmtime::component::Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        let pre = linker.instantiate_pre(&component)?;
        let run = component.get_export_index(None, "run").ok_or_else(|| gone("run"))?;
        Ok(Interpreter { engine: engine.clone(), pre, run })
    }

    /// One call of a script's function in a fresh instance. The inner error is the script's.
    ///
    /// # Errors
    /// What the guest trapped with.
    pub async fn call(&self, script: &str, function: &str, input: &str) -> Result<std::result::Result<String, String>> {
        let state = WithComponentWasi {
            limiter: Limiter::default(),
            wasi: WasiCtxBuilder::new().build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_fuel(FUEL)?;
        store.set_epoch_deadline(1_000);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = self.pre.instantiate_async(&mut store).await?;
        let run = instance
            .get_typed_func::<(&str, &str, &str), (std::result::Result<String, String>,)>(&mut store, self.run)?;
        Ok(run.call_async(&mut store, (script, function, input)).await?.0)
    }
}
