//! Bare wasmtime with the engine's settings: what a call costs before Wasmill adds anything.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, ResourceLimiter, Result, Store,
    UpdateDeadline,
};

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

/// A store with every limit that wasmtime itself can hold.
///
/// # Errors
/// When the engine does not meter.
pub fn store(engine: &Engine) -> Result<Store<Limiter>> {
    let mut store = Store::new(engine, Limiter::default());
    store.limiter(|limiter| limiter);
    store.set_fuel(10_000_000_000)?;
    store.set_epoch_deadline(1_000);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
    Ok(store)
}
