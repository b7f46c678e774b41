//! Memory, tables and instances of one call, summed.

use wasmill_model::{LimitKind, Limits};
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
    /// What the last growth that was allowed replaced: it counts only if the allocator can do it.
    before: (u64, u64),
    refused: Option<Refused>,
}

/// A growth that a limit forbade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) of: LimitKind,
    pub(crate) limit: u64,
    /// What there would have been in all.
    pub(crate) wanted: u64,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Limiter {
            memory_limit: limits.memory,
            table_limit: limits.table_elements,
            instances: usize::try_from(limits.instances).unwrap_or(usize::MAX),
            memory: 0,
            elements: 0,
            before: (0, 0),
            refused: None,
        }
    }

    /// The most bytes that memories and tables had together: what they have, since none ever shrinks.
    pub(crate) fn peak(&self) -> u64 {
        Self::total(self.memory, self.elements)
    }

    /// The largest growth that a limit forbade.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    fn total(memory: u64, elements: u64) -> u64 {
        memory.saturating_add(elements.saturating_mul(TABLE_ELEMENT_BYTES))
    }

    fn refuse(&mut self, of: LimitKind, limit: u64, wanted: u64) -> bool {
        if self.refused.is_none_or(|before| before.wanted < wanted) {
            self.refused = Some(Refused { of, limit, wanted });
        }
        false
    }

    /// Whether memories of `memory` bytes and tables of `elements` are allowed, where one of them grows to `desired`.
    /// `own_limit` is ours on the kind that grows.
    fn grow(&mut self, memory: u64, elements: u64, desired: usize, maximum: Option<usize>, own_limit: u64) -> bool {
        // Past a maximum that is lower than our limits, it is the module's own: an ordinary -1. One that is higher (the pool's)
        // would not have been reached.
        if maximum.is_some_and(|maximum| desired > maximum && maximum as u64 <= own_limit) {
            return false;
        }
        if elements > self.table_limit {
            return self.refuse(LimitKind::TableElements, self.table_limit, elements);
        }
        let wanted = Self::total(memory, elements);
        if wanted > self.memory_limit {
            return self.refuse(LimitKind::Memory, self.memory_limit, wanted);
        }
        self.before = (self.memory, self.elements);
        (self.memory, self.elements) = (memory, elements);
        true
    }

    /// Allowed by the limit, not to be had from the allocator: the guest sees -1 as after any refusal.
    fn take_back(&mut self) {
        let wanted = Self::total(self.memory, self.elements);
        (self.memory, self.elements) = self.before;
        self.refuse(LimitKind::Memory, self.memory_limit, wanted);
    }
}

fn replaced(sum: u64, current: usize, desired: usize) -> u64 {
    sum.saturating_sub(current as u64).saturating_add(desired as u64)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(replaced(self.memory, current, desired), self.elements, desired, maximum, self.memory_limit))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(self.memory, replaced(self.elements, current, desired), desired, maximum, self.table_limit))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
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
        assert_eq!(limiter.refused(), Some(Refused { of: LimitKind::Memory, limit: 100, wanted: 120 }));
        assert!(limiter.table_growing(0, 5, None).unwrap());
        assert_eq!(limiter.peak(), 100);
        let mut limiter = Limiter::new(&limits);
        assert!(!limiter.table_growing(5, 6, None).unwrap());
        assert_eq!(limiter.refused(), Some(Refused { of: LimitKind::TableElements, limit: 5, wanted: 6 }));
    }

    #[test]
    fn a_module_own_maximum_is_no_refusal() {
        let mut limiter = Limiter::new(&Limits::default());
        assert!(!limiter.memory_growing(0, 65536 * 2, Some(65536)).unwrap());
        assert_eq!(limiter.refused(), None);
        let limits = Limits { memory: 65536, ..Limits::default() };
        let mut limiter = Limiter::new(&limits);
        assert!(!limiter.memory_growing(0, 65536 * 9, Some(65536)).unwrap());
        assert_eq!(limiter.refused(), None);
    }

    #[test]
    fn what_the_allocator_cannot_do_is_not_counted() {
        let mut limiter = Limiter::new(&Limits { memory: 100, ..Limits::default() });
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(60, 100, None).unwrap());
        limiter.memory_grow_failed(wasmtime::Error::msg("no room")).unwrap();
        assert_eq!(limiter.peak(), 60);
        assert!(limiter.memory_growing(60, 100, None).unwrap());
    }
}
