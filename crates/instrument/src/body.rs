//! The code of one function: copied as it stands, but for what has to be there besides.

use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{BlockType, Encode, Instruction as I, ValType};
use wasmparser::{FunctionBody, Operator};

use crate::InstrumentError;
use crate::counters::{Counter, Places};
use crate::float::Float;
use crate::fuel::{ENTRY, Schedule, Step};
use crate::growth::{Added, put};

/// The most locals and bytes of a function: <https://webassembly.github.io/spec/js-api/#limits>.
const MOST_LOCALS: u32 = 50_000;
const MOST_BYTES: usize = 7_654_321;

/// A memory or a table as far as growth goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growing {
    /// Pages or elements, at the start and at most.
    pub(crate) initial: u64,
    pub(crate) maximum: Option<u64>,
    /// Of a table's elements.
    pub(crate) element: ValType,
}

impl Growing {
    /// Bytes that a memory can ever have.
    fn most_bytes(&self) -> u64 {
        self.maximum.unwrap_or(self.initial.max(1 << 16)).saturating_mul(1 << 16)
    }
}

/// What is the same in all functions of a module.
pub(crate) struct Rewriter {
    pub(crate) fuel: bool,
    pub(crate) canonical_nans: bool,
    pub(crate) places: Places,
    /// Globals from this one on are moved by so many.
    pub(crate) moved: (u32, u32),
    pub(crate) memories: Vec<Growing>,
    pub(crate) tables: Vec<Growing>,
    pub(crate) added: Added,
    /// Globals for what does not fit into a function's locals, from `first_spare` on.
    pub(crate) first_spare: u32,
    pub(crate) spare: Vec<ValType>,
}

/// Where something is kept for a while.
#[derive(Clone, Copy)]
enum Slot {
    Local(u32),
    Global(u32),
}

impl Slot {
    fn get(self) -> I<'static> {
        match self {
            Slot::Local(index) => I::LocalGet(index),
            Slot::Global(index) => I::GlobalGet(index),
        }
    }

    fn set(self) -> I<'static> {
        match self {
            Slot::Local(index) => I::LocalSet(index),
            Slot::Global(index) => I::GlobalSet(index),
        }
    }

    fn tee(self, code: &mut Vec<u8>) {
        match self {
            Slot::Local(index) => I::LocalTee(index).encode(code),
            Slot::Global(index) => put(code, &[I::GlobalSet(index), I::GlobalGet(index)]),
        }
    }
}

/// The locals that one function has besides its own.
struct Locals {
    own: u32,
    ours: Vec<ValType>,
}

impl Locals {
    /// A slot for values of a type: always the same one.
    fn slot(&mut self, rewriter: &mut Rewriter, ty: ValType) -> Slot {
        let at = |list: &[ValType]| list.iter().zip(0..).find(|(other, _)| **other == ty).map(|(_, index)| index);
        let count = |list: &[ValType]| u32::try_from(list.len()).unwrap_or(u32::MAX);
        if let Some(index) = at(&self.ours) {
            return Slot::Local(self.own.saturating_add(index));
        }
        let next = self.own.saturating_add(count(&self.ours));
        if next < MOST_LOCALS {
            self.ours.push(ty);
            return Slot::Local(next);
        }
        // Nobody else writes there before it is read again: no slot is in use across a call.
        let index = at(&rewriter.spare).unwrap_or_else(|| {
            rewriter.spare.push(ty);
            count(&rewriter.spare) - 1
        });
        Slot::Global(rewriter.first_spare.saturating_add(index))
    }
}

/// How fuel is counted in one function.
struct Counting {
    schedule: Schedule,
    count: Slot,
    length: ValType,
}

impl Rewriter {
    /// The code of a function with these parameters; `result` is the type of a block that gives what it does.
    pub(crate) fn rewrite(
        &mut self,
        body: &FunctionBody<'_>,
        params: u32,
        result: BlockType,
    ) -> Result<Vec<u8>, InstrumentError> {
        let bytes = body.as_bytes();
        let start = body.range().start;
        let part = |from: usize, to: usize| {
            let range = from.checked_sub(start).zip(to.checked_sub(start));
            range.and_then(|(from, to)| bytes.get(from..to)).ok_or_else(|| InstrumentError::defect("code out of place"))
        };

        let mut groups = body.get_locals_reader()?;
        let (group_count, groups_start) = (groups.get_count(), groups.original_position());
        let mut own = params;
        for _ in 0..group_count {
            own = own.saturating_add(groups.read()?.0);
        }
        let mut operators = body.get_operators_reader()?;
        let groups_end = operators.original_position();

        let mut locals = Locals { own, ours: Vec::new() };
        let mut code = Vec::with_capacity(bytes.len());
        let mut counting = None;
        if self.fuel {
            let count = locals.slot(self, ValType::I64);
            counting = Some(Counting { schedule: Schedule::new(params), count, length: ValType::I32 });
            self.enter(&mut code, count, result);
        }

        // Up to here it was copied.
        let mut copied = groups_end;
        while !operators.eof() {
            let from = operators.original_position();
            let operator = operators.read()?;
            let to = operators.original_position();
            let mut after = Step::default();
            if let Some(counting) = &mut counting {
                let step = counting.schedule.step(&operator, |memory| most_bytes(&self.memories, memory))?;
                if step != Step::default() {
                    code.extend_from_slice(part(copied, from)?);
                    copied = from;
                    self.before(&mut code, &mut locals, counting, step);
                    after = step;
                }
            }
            if let Some(instead) = self.instead(&operator)? {
                code.extend_from_slice(part(copied, from)?);
                copied = to;
                instead.encode(&mut code);
            }
            let float = Float::of(&operator).filter(|_| self.canonical_nans);
            if float.is_some() || after.load_after || after.check_after {
                code.extend_from_slice(part(copied, to)?);
                copied = to;
            }
            if let Some(float) = float {
                let slot = locals.slot(self, float.ty());
                slot.tee(&mut code);
                let [nan, equal, choose] = float.canonical();
                put(&mut code, &[nan, slot.get(), slot.get(), equal, choose]);
            }
            if let Some(counting) = &counting {
                if after.load_after {
                    put(&mut code, &[I::GlobalGet(self.places.of(Counter::Fuel)), counting.count.set()]);
                }
                if after.check_after {
                    check(&mut code, counting);
                }
            }
        }
        code.extend_from_slice(part(copied, body.range().end)?);
        if let Some(counting) = counting {
            self.leave(&mut code, counting.count);
        }

        let mut function = Vec::with_capacity(code.len() + 16);
        let ours = locals.ours.len();
        group_count.saturating_add(u32::try_from(ours).unwrap_or(u32::MAX)).encode(&mut function);
        function.extend_from_slice(part(groups_start, groups_end)?);
        for ty in locals.ours {
            1_u32.encode(&mut function);
            ty.encode(&mut function);
        }
        function.append(&mut code);
        if function.len() > MOST_BYTES {
            let what = format!("a function of {} bytes", bytes.len());
            return Err(InstrumentError::TooLarge { what });
        }
        Ok(function)
    }

    /// What stands in an operator's place.
    fn instead(&mut self, operator: &Operator<'_>) -> Result<Option<I<'static>>, InstrumentError> {
        let missing = || InstrumentError::defect("what grows has no type");
        let find = |list: &[Growing], index: u32| {
            usize::try_from(index).ok().and_then(|index| list.get(index).copied()).ok_or_else(missing)
        };
        let moved = |global: u32| {
            let (from, by) = self.moved;
            (global >= from && by > 0).then(|| global.saturating_add(by))
        };
        Ok(match operator {
            Operator::MemoryGrow { mem } => {
                let memory = find(&self.memories, *mem)?;
                Some(I::Call(self.added.grow_memory(*mem, memory.maximum)))
            }
            Operator::TableGrow { table } => {
                let found = find(&self.tables, *table)?;
                Some(I::Call(self.added.grow_table(*table, found.element, found.maximum)))
            }
            Operator::GlobalGet { global_index } => moved(*global_index).map(I::GlobalGet),
            Operator::GlobalSet { global_index } => moved(*global_index).map(I::GlobalSet),
            _ => None,
        })
    }

    /// The beginning of a function that counts: two blocks, of which the inner one has the function's own code and takes the place of its
    /// label, and the outer one is where it goes when fuel is used up.
    fn enter(&self, code: &mut Vec<u8>, count: Slot, result: BlockType) {
        put(
            code,
            &[I::Block(BlockType::Empty), I::GlobalGet(self.places.of(Counter::Fuel)), I::I64Const(ENTRY), I::I64Add],
        );
        count.tee(code);
        put(code, &[I::I64Const(0), I::I64GeS, I::BrIf(0), I::Block(result)]);
    }

    /// Its end: how it returns, and how it is stopped.
    fn leave(&self, code: &mut Vec<u8>, count: Slot) {
        let fuel = self.places.of(Counter::Fuel);
        put(
            code,
            &[
                count.get(),
                I::GlobalSet(fuel),
                I::Return,
                I::End,
                count.get(),
                I::GlobalSet(fuel),
                I::I32Const(1),
                I::GlobalSet(self.places.of(Counter::Exhausted)),
                I::Unreachable,
                I::End,
            ],
        );
    }

    fn before(&mut self, code: &mut Vec<u8>, locals: &mut Locals, counting: &Counting, step: Step) {
        let amount = I::I64Const(i64::try_from(step.count).unwrap_or(i64::MAX));
        let fuel = self.places.of(Counter::Fuel);
        let count = counting.count;
        if step.count_operand {
            let length = locals.slot(self, counting.length);
            length.tee(code);
            put(code, &[count.get(), amount, I::I64Add, length.get(), I::I64ExtendI32U, I::I64Add, count.set()]);
        } else if step.store {
            // Nobody reads it here afterwards.
            code_of_sum(code, count, step.count, amount);
            I::GlobalSet(fuel).encode(code);
        } else if step.count > 0 {
            put(code, &[count.get(), amount, I::I64Add, count.set()]);
        }
        if step.check {
            check(code, counting);
        }
    }
}

fn code_of_sum(code: &mut Vec<u8>, count: Slot, more: u64, amount: I<'static>) {
    count.get().encode(code);
    if more > 0 {
        put(code, &[amount, I::I64Add]);
    }
}

/// Leaves where fuel is used up.
fn check(code: &mut Vec<u8>, counting: &Counting) {
    let depth = u32::try_from(counting.schedule.depth()).unwrap_or(u32::MAX);
    put(code, &[counting.count.get(), I::I64Const(0), I::I64GeS, I::BrIf(depth)]);
}

fn most_bytes(memories: &[Growing], memory: u32) -> u64 {
    let found = usize::try_from(memory).ok().and_then(|memory| memories.get(memory));
    found.map_or(u64::MAX, Growing::most_bytes)
}

/// A table's elements, as they are written.
pub(crate) fn element(ty: wasmparser::RefType) -> Result<ValType, InstrumentError> {
    Ok(ValType::Ref(RoundtripReencoder.ref_type(ty)?))
}
