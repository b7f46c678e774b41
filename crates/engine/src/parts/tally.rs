//! Memory and tables of one call, summed.

use serde::{Deserialize, Serialize};
use wasmill_model::{LimitKind, Limits};

/// What a table element costs: a pointer.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// Sums all memories and tables of a call: what engines bring themselves is per memory, so that two memories pass a limit that one
/// would not.
#[derive(Debug)]
pub struct Tally {
    memory_limit: u64,
    table_limit: u64,
    memory: u64,
    elements: u64,
    /// What the last growth that was allowed replaced: it counts only if the allocator can do it.
    before: (u64, u64),
    refused: Option<Refused>,
}

/// A growth that a limit forbade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which limit.
    pub of: LimitKind,
    /// What it is.
    pub limit: u64,
    /// What there would have been in all.
    pub wanted: u64,
}

impl Tally {
    /// Nothing so far, under these limits.
    pub fn new(limits: &Limits) -> Self {
        Tally {
            memory_limit: limits.memory,
            table_limit: limits.table_elements,
            memory: 0,
            elements: 0,
            before: (0, 0),
            refused: None,
        }
    }

    /// With what a module starts with, bytes of its memories and elements of its tables, where a call may have that.
    ///
    /// # Errors
    /// What it may not have, and how many bytes it was given before.
    pub fn started(limits: &Limits, memories: &[u64], tables: &[u64]) -> Result<Self, (Refused, u64)> {
        let instances = usize::try_from(limits.instances).unwrap_or(usize::MAX);
        if 1.max(memories.len()).max(tables.len()) > instances {
            let limit = u64::from(limits.instances);
            return Err((Refused { of: LimitKind::Instances, limit, wanted: limit.saturating_add(1) }, 0));
        }
        let mut tally = Tally::new(limits);
        let size = |size: &u64| usize::try_from(*size).unwrap_or(usize::MAX);
        let fits = memories.iter().all(|memory| tally.grow_memory(0, size(memory), None))
            && tables.iter().all(|table| tally.grow_table(0, size(table), None));
        match tally.refused() {
            Some(refused) if !fits => Err((refused, tally.peak())),
            _ => Ok(tally),
        }
    }

    /// The most bytes that memories and tables had together: what they have, since none ever shrinks.
    pub fn peak(&self) -> u64 {
        Self::total(self.memory, self.elements)
    }

    /// The largest growth that a limit forbade.
    pub fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// Whether a memory may grow from `current` to `desired` bytes; `maximum` is its own.
    pub fn grow_memory(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        self.grow(replaced(self.memory, current, desired), self.elements, desired, maximum, self.memory_limit)
    }

    /// Whether a table may grow from `current` to `desired` elements; `maximum` is its own.
    pub fn grow_table(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        self.grow(self.memory, replaced(self.elements, current, desired), desired, maximum, self.table_limit)
    }

    /// The growth that was allowed last did not happen, and was not refused either: it will be asked for again.
    pub fn undo(&mut self) {
        (self.memory, self.elements) = self.before;
    }

    /// Allowed by the limit, not to be had from the allocator: the guest sees -1 as after any refusal.
    pub fn take_back(&mut self) {
        let wanted = Self::total(self.memory, self.elements);
        self.undo();
        self.refuse(LimitKind::Memory, self.memory_limit, wanted);
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
}

fn replaced(sum: u64, current: usize, desired: usize) -> u64 {
    sum.saturating_sub(current as u64).saturating_add(desired as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let limits = Limits { memory: 100, table_elements: 5, ..Limits::default() };
        let mut tally = Tally::new(&limits);
        assert!(tally.grow_memory(0, 60, None));
        assert!(!tally.grow_memory(0, 60, None));
        assert_eq!(tally.refused(), Some(Refused { of: LimitKind::Memory, limit: 100, wanted: 120 }));
        assert!(tally.grow_table(0, 5, None));
        assert_eq!(tally.peak(), 100);
        let mut tally = Tally::new(&limits);
        assert!(!tally.grow_table(5, 6, None));
        assert_eq!(tally.refused(), Some(Refused { of: LimitKind::TableElements, limit: 5, wanted: 6 }));
    }

    #[test]
    fn what_a_module_starts_with_counts() {
        let limits = Limits { memory: 100, table_elements: 5, instances: 2, ..Limits::default() };
        let started = |memories: &[u64], tables: &[u64]| {
            Tally::started(&limits, memories, tables)
                .map(|tally| tally.peak())
                .map_err(|(refused, had)| (refused.of, had))
        };
        assert_eq!(started(&[20, 40], &[2, 3]), Ok(100));
        assert_eq!(started(&[20, 41], &[2, 3]), Err((LimitKind::Memory, 77)));
        assert_eq!(started(&[], &[6]), Err((LimitKind::TableElements, 0)));
        assert_eq!(started(&[0, 0, 0], &[]), Err((LimitKind::Instances, 0)));
        assert_eq!(started(&[u64::MAX], &[]), Err((LimitKind::Memory, 0)));
    }

    #[test]
    fn a_module_own_maximum_is_no_refusal() {
        let mut tally = Tally::new(&Limits::default());
        assert!(!tally.grow_memory(0, 65536 * 2, Some(65536)));
        assert_eq!(tally.refused(), None);
        let limits = Limits { memory: 65536, ..Limits::default() };
        let mut tally = Tally::new(&limits);
        assert!(!tally.grow_memory(0, 65536 * 9, Some(65536)));
        assert_eq!(tally.refused(), None);
    }

    #[test]
    fn what_the_allocator_cannot_do_is_not_counted() {
        let mut tally = Tally::new(&Limits { memory: 100, ..Limits::default() });
        assert!(tally.grow_memory(0, 60, None));
        assert!(tally.grow_memory(60, 100, None));
        tally.take_back();
        assert_eq!(tally.peak(), 60);
        assert!(tally.grow_memory(60, 100, None));
        tally.undo();
        assert_eq!((tally.peak(), tally.refused().map(|refused| refused.wanted)), (60, Some(100)));
    }
}
