//! What is counted, and where.

use wasm_encoder::{
    ConstExpr, EntityType, ExportKind, ExportSection, GlobalSection, GlobalType, ImportSection, ValType,
};

use crate::StartSize;

/// The module that shared counters are imported from. No unit imports anything of that name: Wasmill provides nothing under it.
pub const SHARED_MODULE: &str = "wasmill";

/// A mutable global of an instrumented module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counter {
    /// Bytes that memories and tables may have together (an element counts for 8). An `i64`, unsigned.
    MemoryLimit,
    /// Elements that tables may have together. An `i64`, unsigned.
    TableLimit,
    /// Bytes that memories have together: what they had at most, as none ever shrinks. An `i64`.
    Memory,
    /// Elements that tables have together. An `i64`.
    Elements,
    /// Which limit forbade the largest growth that was refused: 0 none, 1 memory, 2 table elements. An `i32`.
    Refused,
    /// What there would have been in all then, in the limit's unit. An `i64`, unsigned.
    Wanted,
    /// Fuel, as wasmtime keeps it: begins at minus the limit and is used up at 0. An `i64`.
    Fuel,
    /// Whether the guest was stopped because its fuel was used up: 1 then, and the trap is an `unreachable`. An `i32`.
    Exhausted,
}

impl Counter {
    /// All there are, in the order of their globals.
    pub const ALL: [Counter; 8] = [
        Counter::MemoryLimit,
        Counter::TableLimit,
        Counter::Memory,
        Counter::Elements,
        Counter::Refused,
        Counter::Wanted,
        Counter::Fuel,
        Counter::Exhausted,
    ];

    /// The name by which it is imported; behind a prefix, that of its export.
    pub fn name(self) -> &'static str {
        match self {
            Counter::MemoryLimit => "memory-limit",
            Counter::TableLimit => "table-limit",
            Counter::Memory => "memory",
            Counter::Elements => "elements",
            Counter::Refused => "refused",
            Counter::Wanted => "wanted",
            Counter::Fuel => "fuel",
            Counter::Exhausted => "exhausted",
        }
    }

    /// Whether its global is an `i64`; else it is an `i32`.
    pub fn is_wide(self) -> bool {
        !matches!(self, Counter::Refused | Counter::Exhausted)
    }

    fn ty(self) -> GlobalType {
        let val_type = if self.is_wide() { ValType::I64 } else { ValType::I32 };
        GlobalType { val_type, mutable: true, shared: false }
    }
}

/// Where the counters of a module are.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    pub(crate) first: u32,
}

impl Places {
    pub(crate) fn of(self, counter: Counter) -> u32 {
        self.first + counter as u32
    }
}

pub(crate) fn import(imports: &mut ImportSection) {
    for counter in Counter::ALL {
        imports.import(SHARED_MODULE, counter.name(), EntityType::Global(counter.ty()));
    }
}

pub(crate) fn define(globals: &mut GlobalSection, size: &StartSize) {
    for counter in Counter::ALL {
        let start = match counter {
            Counter::Memory => size.memory(),
            Counter::Elements => size.elements(),
            _ => 0,
        };
        // Sums of what a module may start with are far below 2^63.
        let value = start.cast_signed();
        let init = if counter.is_wide() { ConstExpr::i64_const(value) } else { ConstExpr::i32_const(0) };
        globals.global(counter.ty(), &init);
    }
}

pub(crate) fn export(exports: &mut ExportSection, prefix: &str, places: Places) {
    for counter in Counter::ALL {
        exports.export(&format!("{prefix}{}", counter.name()), ExportKind::Global, places.of(counter));
    }
}
