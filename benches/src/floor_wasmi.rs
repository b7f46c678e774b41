//! Bare wasmi with the engine's settings: what a call costs before Wasmill adds anything.
//!
//! Written as somebody would who wants it fast: translated once, linked once, everything else fresh.

use wasmi::{Config, Engine, Error, Linker, Memory, Module, Store, StoreLimits, StoreLimitsBuilder, TypedFunc};

/// What a metered store is given.
const FUEL: u64 = 10_000_000_000;

/// A translated module with a linker.
pub struct Unit {
    engine: Engine,
    module: Module,
    linker: Linker<StoreLimits>,
}

fn gone(name: &str) -> Error {
    Error::new(format!("the export `{name}` is gone"))
}

impl Unit {
    /// Translated and linked, with fuel.
    ///
    /// # Errors
    /// When wasmi refuses the module.
    pub fn new(binary: &[u8]) -> Result<Self, Error> {
        let mut config = Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, binary)?;
        Ok(Unit { linker: Linker::new(&engine), engine, module })
    }

    fn store(&self) -> Result<Store<StoreLimits>, Error> {
        let limits = StoreLimitsBuilder::new().memory_size(256 << 20).table_elements(100_000).build();
        let mut store = Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        store.set_fuel(FUEL)?;
        Ok(store)
    }

    /// One call of a function over two numbers, in a fresh instance.
    ///
    /// # Errors
    /// What the guest trapped with.
    pub fn two(&self, function: &str, left: i32, right: i32) -> Result<i32, Error> {
        let mut store = self.store()?;
        let instance = self.linker.instantiate_and_start(&mut store, &self.module)?;
        let function: TypedFunc<(i32, i32), i32> = instance.get_typed_func(&store, function)?;
        function.call(&mut store, (left, right))
    }

    /// One call over the C ABI, in a fresh instance.
    ///
    /// # Errors
    /// What the guest trapped with.
    pub fn bytes(&self, input: &[u8]) -> Result<Vec<u8>, Error> {
        let mut store = self.store()?;
        let instance = self.linker.instantiate_and_start(&mut store, &self.module)?;
        let memory: Memory = instance.get_memory(&store, "memory").ok_or_else(|| gone("memory"))?;
        let allocate: TypedFunc<u32, u32> = instance.get_typed_func(&store, "allocate")?;
        let process: TypedFunc<(u32, u32, u32), u32> = instance.get_typed_func(&store, "process")?;
        let length = u32::try_from(input.len()).map_err(|_| gone("length"))?;
        let at = allocate.call(&mut store, length)?;
        memory.write(&mut store, at as usize, input)?;
        let out = allocate.call(&mut store, 4)?;
        let result = process.call(&mut store, (at, length, out))? as usize;
        let mut size = [0; 4];
        memory.read(&store, out as usize, &mut size)?;
        let end = result.saturating_add(u32::from_le_bytes(size) as usize);
        memory.data(&store).get(result..end).map(<[u8]>::to_vec).ok_or_else(|| gone("output"))
    }
}
