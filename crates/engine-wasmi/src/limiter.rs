//! What wasmi asks before memories and tables grow.

use wasmi::ResourceLimiter;
use wasmi::errors::{MemoryError, TableError};
use wasmi_core::LimiterError;
use wasmill_engine::parts::{Refused, Tally};
use wasmill_model::{LimitKind, Limits};

/// Memories, tables and instances of one call.
#[derive(Debug)]
pub(crate) struct Limiter {
    tally: Tally,
    memory: u64,
    instances: u32,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Limiter { tally: Tally::new(limits), memory: limits.memory, instances: limits.instances }
    }

    /// The most bytes that memories and tables had together.
    pub(crate) fn peak(&self) -> u64 {
        self.tally.peak()
    }

    /// The largest growth that a limit forbade.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.tally.refused()
    }

    /// What a unit is refused that has more memories or tables than it may have.
    pub(crate) fn too_many(&self) -> Refused {
        let limit = u64::from(self.instances);
        Refused { of: LimitKind::Instances, limit, wanted: limit.saturating_add(1) }
    }

    /// What a unit is refused that begins with as much memory as there can be, or more.
    pub(crate) fn too_large(&self) -> Refused {
        Refused { of: LimitKind::Memory, limit: self.memory, wanted: 1 << 32 }
    }

    fn most(&self) -> usize {
        usize::try_from(self.instances).unwrap_or(usize::MAX)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool, LimiterError> {
        Ok(self.tally.grow_memory(current, desired, maximum))
    }

    fn memory_grow_failed(&mut self, error: &MemoryError) -> Result<(), LimiterError> {
        match error {
            // The guest's slice of fuel is too small for it: it will be asked for again in the next one.
            MemoryError::OutOfFuel { .. } => self.tally.undo(),
            _ => self.tally.take_back(),
        }
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool, LimiterError> {
        Ok(self.tally.grow_table(current, desired, maximum))
    }

    fn table_grow_failed(&mut self, error: &TableError) -> Result<(), LimiterError> {
        match error {
            TableError::OutOfFuel { .. } => self.tally.undo(),
            _ => self.tally.take_back(),
        }
        Ok(())
    }

    fn instances(&self) -> usize {
        self.most()
    }

    fn tables(&self) -> usize {
        self.most()
    }

    fn memories(&self) -> usize {
        self.most()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_fuel_is_not_refused() {
        let mut limiter = Limiter::new(&Limits { memory: 100, ..Limits::default() });
        assert!(limiter.memory_growing(0, 100, None).unwrap());
        limiter.memory_grow_failed(&MemoryError::OutOfFuel { required_fuel: 1 }).unwrap();
        assert_eq!((limiter.peak(), limiter.refused()), (0, None));
        assert!(limiter.memory_growing(0, 100, None).unwrap());
        limiter.memory_grow_failed(&MemoryError::OutOfSystemMemory).unwrap();
        assert_eq!((limiter.peak(), limiter.refused().map(|refused| refused.wanted)), (0, Some(100)));
    }
}
