//! Memory, tables and instances of one call, summed.

use wasmill_model::Limits;
use wasmtime::ResourceLimiter;

/// What a table element costs: a pointer.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// Sums all memories and tables of a store: wasmtime's own `StoreLimits` is per memory, so that two memories pass a limit that
/// one would not.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_limit: u64,
    table_limit: u64,
    instances: usize,
    memory: u64,
    elements: u64,
    peak: u64,
    refused: Option<u64>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Limiter {
            memory_limit: limits.memory,
            table_limit: limits.table_elements,
            instances: usize::try_from(limits.instances).unwrap_or(usize::MAX),
            memory: 0,
            elements: 0,
            peak: 0,
            refused: None,
        }
    }

    /// The most bytes that memories and tables had together.
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }

    /// The bytes that there would have been in all, where a growth was refused.
    pub(crate) fn refused(&self) -> Option<u64> {
        self.refused
    }

    fn total(memory: u64, elements: u64) -> u64 {
        memory.saturating_add(elements.saturating_mul(TABLE_ELEMENT_BYTES))
    }

    fn refuse(&mut self, wanted: u64) -> bool {
        self.refused = Some(self.refused.map_or(wanted, |before| before.max(wanted)));
        false
    }

    /// Whether memories of `memory` bytes and tables of `elements` are allowed, where one of them grows to `desired`.
    fn grow(&mut self, memory: u64, elements: u64, desired: usize, maximum: Option<usize>) -> bool {
        let wanted = Self::total(memory, elements);
        if wanted > self.memory_limit || elements > self.table_limit {
            return self.refuse(wanted);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            // The module's own maximum: an ordinary -1, not a limit of ours.
            return false;
        }
        self.memory = memory;
        self.elements = elements;
        self.peak = self.peak.max(wanted);
        true
    }
}

fn replaced(sum: u64, current: usize, desired: usize) -> u64 {
    sum.saturating_sub(current as u64).saturating_add(desired as u64)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(replaced(self.memory, current, desired), self.elements, desired, maximum))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        // Allowed by the limit, not to be had from the allocator: the guest sees -1 as after any refusal.
        if self.refused.is_none() {
            self.refuse(self.peak);
        }
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(self.memory, replaced(self.elements, current, desired), desired, maximum))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        if self.refused.is_none() {
            self.refuse(self.peak);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let limits = Limits { memory: 100, table_elements: 5, ..Limits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert_eq!(limiter.refused(), Some(120));
        assert!(limiter.table_growing(0, 5, None).unwrap());
        assert_eq!(limiter.peak(), 100);
        assert!(!limiter.table_growing(5, 6, None).unwrap());
    }

    #[test]
    fn a_module_own_maximum_is_no_refusal() {
        let mut limiter = Limiter::new(&Limits::default());
        assert!(!limiter.memory_growing(0, 65536 * 2, Some(65536)).unwrap());
        assert_eq!(limiter.refused(), None);
    }
}
