//! The limits of one call, as wasmtime asks about them.

use wasmill_engine::parts::Tally;
use wasmill_model::Limits;
use wasmtime::ResourceLimiter;

/// Sums all memories and tables of a store: wasmtime's own `StoreLimits` is per memory.
#[derive(Debug)]
pub(crate) struct Limiter {
    pub(crate) tally: Tally,
    instances: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Limiter { tally: Tally::new(limits), instances: usize::try_from(limits.instances).unwrap_or(usize::MAX) }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.tally.grow_memory(current, desired, maximum))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.tally.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.tally.grow_table(current, desired, maximum))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.tally.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}
