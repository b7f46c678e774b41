//! What a module has before any of it runs.

use crate::sections::Sections;

/// Bytes of a page.
pub(crate) const PAGE: u64 = 65_536;
/// What a table element costs: a pointer.
const ELEMENT_BYTES: u64 = 8;

/// What a module has at its start, imports left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartSize {
    /// Bytes of each memory.
    pub memories: Vec<u64>,
    /// Elements of each table.
    pub tables: Vec<u64>,
}

impl StartSize {
    /// Of a module that was validated.
    pub fn of(unit: &Sections<'_>) -> Self {
        StartSize {
            memories: unit.memories.iter().map(|memory| memory.initial.saturating_mul(PAGE)).collect(),
            tables: unit.tables.iter().map(|table| table.ty.initial).collect(),
        }
    }

    /// Bytes of all memories.
    pub fn memory(&self) -> u64 {
        self.memories.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Elements of all tables.
    pub fn elements(&self) -> u64 {
        self.tables.iter().fold(0, |sum, elements| sum.saturating_add(*elements))
    }

    /// Bytes of memories and tables together.
    pub fn bytes(&self) -> u64 {
        self.memory().saturating_add(self.elements().saturating_mul(ELEMENT_BYTES))
    }
}
