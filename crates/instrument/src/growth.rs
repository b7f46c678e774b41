//! The functions in the place of `memory.grow` and `table.grow`: they count what `wasmill_engine::parts::Tally` counts, and refuse what it
//! refuses.

use std::collections::BTreeMap;

use wasm_encoder::{BlockType, Encode, Function, Instruction as I, ValType};

use crate::counters::{Counter, Places};
use crate::size::PAGE;

/// Pages that any memory can have: more is no refusal of a limit's.
const MOST_PAGES: u64 = 65_536;
/// What a table element costs: 8 bytes, as a power of two.
const ELEMENT_BYTES: i64 = 3;

/// Values of [`Counter::Refused`].
const REFUSED_MEMORY: i32 = 1;
const REFUSED_TABLE: i32 = 2;

/// A memory or a table that can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grows {
    Memory(u32),
    Table(u32),
}

/// Functions that are put behind the unit's own.
pub(crate) struct Added {
    /// The index of the first one.
    first: u32,
    functions: Vec<(Vec<ValType>, Vec<ValType>, Function)>,
    grow: BTreeMap<Grows, u32>,
    shared: Option<[u32; 2]>,
    places: Places,
}

impl Added {
    pub(crate) fn new(first: u32, places: Places) -> Self {
        Added { first, functions: Vec::new(), grow: BTreeMap::new(), shared: None, places }
    }

    /// Adds a function without its last `end`; gives its index.
    pub(crate) fn add(
        &mut self,
        params: &[ValType],
        results: &[ValType],
        locals: &[(u32, ValType)],
        body: &[I<'_>],
    ) -> u32 {
        let mut function = Function::new(locals.iter().copied());
        for instruction in body {
            function.instruction(instruction);
        }
        function.instruction(&I::End);
        let index = self.first.saturating_add(u32::try_from(self.functions.len()).unwrap_or(u32::MAX));
        self.functions.push((params.to_vec(), results.to_vec(), function));
        index
    }

    pub(crate) fn places(&self) -> Places {
        self.places
    }

    /// What was added: types and bodies.
    pub(crate) fn functions(&self) -> &[(Vec<ValType>, Vec<ValType>, Function)] {
        &self.functions
    }

    /// The function that grows one memory; `maximum` is its own, in pages.
    pub(crate) fn grow_memory(&mut self, memory: u32, maximum: Option<u64>) -> u32 {
        if let Some(found) = self.grow.get(&Grows::Memory(memory)) {
            return *found;
        }
        let [may_grow, grown] = self.shared();
        let bytes = || vec![I::LocalGet(0), I::I64ExtendI32U, I::I64Const(16), I::I64Shl];
        let maximum = maximum.unwrap_or(MOST_PAGES).saturating_mul(PAGE);
        let body = [
            bytes(),
            vec![
                I::I64Const(0),
                I::MemorySize(memory),
                I::I64ExtendI32U,
                I::LocalGet(0),
                I::I64ExtendI32U,
                I::I64Add,
                I::I64Const(16),
                I::I64Shl,
                I::I64Const(maximum.cast_signed()),
                I::GlobalGet(self.places.of(Counter::MemoryLimit)),
                I::Call(may_grow),
                I::If(BlockType::Empty),
                I::LocalGet(0),
                I::MemoryGrow(memory),
                I::LocalSet(1),
            ],
            bytes(),
            vec![
                I::I64Const(0),
                I::LocalGet(1),
                I::I32Const(-1),
                I::I32Eq,
                I::Call(grown),
                I::LocalGet(1),
                I::Return,
                I::End,
                I::I32Const(-1),
            ],
        ];
        let function = self.add(&[ValType::I32], &[ValType::I32], &[(1, ValType::I32)], &body.concat());
        self.grow.insert(Grows::Memory(memory), function);
        function
    }

    /// The function that grows one table of `element`s; `maximum` is its own.
    pub(crate) fn grow_table(&mut self, table: u32, element: ValType, maximum: Option<u64>) -> u32 {
        if let Some(found) = self.grow.get(&Grows::Table(table)) {
            return *found;
        }
        let [may_grow, grown] = self.shared();
        let elements = || vec![I::I64Const(0), I::LocalGet(1), I::I64ExtendI32U];
        let body = [
            elements(),
            vec![
                I::TableSize(table),
                I::I64ExtendI32U,
                I::LocalGet(1),
                I::I64ExtendI32U,
                I::I64Add,
                I::I64Const(maximum.unwrap_or(u64::MAX).cast_signed()),
                I::GlobalGet(self.places.of(Counter::TableLimit)),
                I::Call(may_grow),
                I::If(BlockType::Empty),
                I::LocalGet(0),
                I::LocalGet(1),
                I::TableGrow(table),
                I::LocalSet(2),
            ],
            elements(),
            vec![
                I::LocalGet(2),
                I::I32Const(-1),
                I::I32Eq,
                I::Call(grown),
                I::LocalGet(2),
                I::Return,
                I::End,
                I::I32Const(-1),
            ],
        ];
        let function = self.add(&[element, ValType::I32], &[ValType::I32], &[(1, ValType::I32)], &body.concat());
        self.grow.insert(Grows::Table(table), function);
        function
    }

    /// What every growth asks first and says afterwards.
    fn shared(&mut self) -> [u32; 2] {
        if let Some(found) = self.shared {
            return found;
        }
        let refuse = self.refuse();
        let found = [self.may_grow(refuse), self.grown(refuse)];
        self.shared = Some(found);
        found
    }

    /// Bytes that there are with `bytes` and `elements` more (locals).
    fn total(&self, bytes: u32, elements: u32) -> Vec<I<'static>> {
        vec![
            I::GlobalGet(self.places.of(Counter::Memory)),
            I::LocalGet(bytes),
            I::I64Add,
            I::GlobalGet(self.places.of(Counter::Elements)),
            I::LocalGet(elements),
            I::I64Add,
            I::I64Const(ELEMENT_BYTES),
            I::I64Shl,
            I::I64Add,
        ]
    }

    /// `(of: i32, wanted: i64)`: remembers the largest growth that was refused.
    fn refuse(&mut self) -> u32 {
        let (refused, wanted) = (self.places.of(Counter::Refused), self.places.of(Counter::Wanted));
        let body = [
            I::GlobalGet(refused),
            I::I32Eqz,
            I::GlobalGet(wanted),
            I::LocalGet(1),
            I::I64LtU,
            I::I32Or,
            I::If(BlockType::Empty),
            I::LocalGet(0),
            I::GlobalSet(refused),
            I::LocalGet(1),
            I::GlobalSet(wanted),
            I::End,
        ];
        self.add(&[ValType::I32, ValType::I64], &[], &[], &body)
    }

    /// `(bytes: i64, elements: i64, desired: i64, maximum: i64, limit: i64) -> i32`: whether memories and tables may grow by so much, one of
    /// them to `desired`. `maximum` is its own; past that, where it is below our `limit` on its kind, a growth is no refusal of ours.
    fn may_grow(&mut self, refuse: u32) -> u32 {
        let body = [
            vec![
                I::LocalGet(2),
                I::LocalGet(3),
                I::I64GtU,
                I::LocalGet(3),
                I::LocalGet(4),
                I::I64LeU,
                I::I32And,
                I::If(BlockType::Empty),
                I::I32Const(0),
                I::Return,
                I::End,
                I::GlobalGet(self.places.of(Counter::Elements)),
                I::LocalGet(1),
                I::I64Add,
                I::LocalTee(5),
                I::GlobalGet(self.places.of(Counter::TableLimit)),
                I::I64GtU,
                I::If(BlockType::Empty),
                I::I32Const(REFUSED_TABLE),
                I::LocalGet(5),
                I::Call(refuse),
                I::I32Const(0),
                I::Return,
                I::End,
            ],
            self.total(0, 1),
            vec![
                I::LocalTee(5),
                I::GlobalGet(self.places.of(Counter::MemoryLimit)),
                I::I64GtU,
                I::If(BlockType::Empty),
                I::I32Const(REFUSED_MEMORY),
                I::LocalGet(5),
                I::Call(refuse),
                I::I32Const(0),
                I::Return,
                I::End,
                I::I32Const(1),
            ],
        ];
        self.add(&[ValType::I64; 5], &[ValType::I32], &[(1, ValType::I64)], &body.concat())
    }

    /// `(bytes: i64, elements: i64, failed: i32)`: what grew after it was allowed to, or could not, where there was nothing left to be had.
    fn grown(&mut self, refuse: u32) -> u32 {
        let (memory, elements) = (self.places.of(Counter::Memory), self.places.of(Counter::Elements));
        let body = [
            vec![I::LocalGet(2), I::If(BlockType::Empty), I::I32Const(REFUSED_MEMORY)],
            self.total(0, 1),
            vec![
                I::Call(refuse),
                I::Return,
                I::End,
                I::GlobalGet(memory),
                I::LocalGet(0),
                I::I64Add,
                I::GlobalSet(memory),
                I::GlobalGet(elements),
                I::LocalGet(1),
                I::I64Add,
                I::GlobalSet(elements),
            ],
        ];
        self.add(&[ValType::I64, ValType::I64, ValType::I32], &[], &[], &body.concat())
    }
}

/// Appends instructions to code.
pub(crate) fn put(code: &mut Vec<u8>, instructions: &[I<'_>]) {
    for instruction in instructions {
        instruction.encode(code);
    }
}
