//! What wasmtime 48 counts, and when: `fuel_before_op`, `fuel_check`, `pre_translate_bulk_op` and what they are called from in
//! `func_environ.rs` of wasmtime-internal-cranelift, at its default costs.
//!
//! In short: a function keeps the count in a local, which it loads when it begins and after each call, and stores before each call and where
//! it ends. Costs of straight-line code are added where it ends; code that cannot be reached costs nothing. The count is checked where a
//! function begins, at the head of a loop, and before bulk instructions, which cost one for each byte or element besides. So the count that
//! a trap leaves behind is that of the last call, and a guest may go a little over its limit before it is stopped.
//!
//! One thing is only nearly the same. Bulk instructions over a constant of 128 or less are not checked, and which operands are constants
//! depends on how far the compiler sees: here, literals, and locals that hold one since the last branch. Where the two differ, a guest whose
//! fuel is used up is stopped a little sooner or later; what a guest uses that is not stopped is the same.

use std::collections::HashMap;

use wasmparser::{MemArg, Operator};

/// What a function costs to enter.
pub(crate) const ENTRY: i64 = 1;
/// Bulk instructions over a constant that is no greater are not checked.
pub(crate) const SMALL: u64 = 128;

/// What is done before and after an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Added before it, in this order: this much,
    pub(crate) count: u64,
    /// and its last operand;
    pub(crate) count_operand: bool,
    /// then whether fuel is used up,
    pub(crate) check: bool,
    /// then the count is stored.
    pub(crate) store: bool,
    /// Behind it, the count is loaded,
    pub(crate) load_after: bool,
    /// or checked.
    pub(crate) check_after: bool,
}

struct Frame {
    kind: FrameKind,
    /// Whether something branches to its end.
    is_target: bool,
}

#[derive(Clone, Copy)]
enum FrameKind {
    Block,
    Loop,
    /// Whether its head can be reached, and the end of its first arm, once that is over.
    If {
        head: bool,
        then: Option<bool>,
    },
}

/// The state of counting in one function.
pub(crate) struct Schedule {
    pending: u64,
    is_reachable: bool,
    frames: Vec<Frame>,
    constants: Constants,
}

impl Schedule {
    /// Before the first operator of a function with so many parameters. Its entry is counted and checked by itself.
    pub(crate) fn new(params: u32) -> Self {
        Schedule {
            pending: 0,
            is_reachable: true,
            frames: vec![Frame { kind: FrameKind::Block, is_target: false }],
            constants: Constants::new(params),
        }
    }

    /// How many blocks are open, the function's own with them.
    pub(crate) fn depth(&self) -> usize {
        self.frames.len()
    }

    /// What to do about the next operator. `most` is how many bytes a memory can ever have, by its index.
    pub(crate) fn step(&mut self, operator: &Operator<'_>, most: impl Fn(u32) -> u64) -> wasmparser::Result<Step> {
        let operand = self.constants.next(operator);
        if !self.is_reachable {
            self.skip(operator);
            return Ok(Step::default());
        }
        self.pending = self.pending.saturating_add(cost(operator));
        let mut step = Step::default();
        match operator {
            Operator::Unreachable
            | Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => {
                step = Step { count: self.take(), store: true, ..step };
                self.is_reachable = false;
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } => {
                step = Step { count: self.take(), store: true, load_after: true, ..step };
            }
            Operator::Block { .. } => self.open(FrameKind::Block),
            Operator::Loop { .. } => {
                step = Step { count: self.take(), check_after: true, ..step };
                self.open(FrameKind::Loop);
            }
            Operator::If { .. } => {
                step.count = self.take();
                self.open(FrameKind::If { head: true, then: None });
            }
            Operator::Else => {
                step.count = self.take();
                self.otherwise();
            }
            Operator::End => {
                step.count = self.take();
                self.frames.pop();
            }
            Operator::Br { relative_depth } => {
                step.count = self.take();
                self.target(*relative_depth);
                self.is_reachable = false;
            }
            Operator::BrIf { relative_depth } => {
                step.count = self.take();
                self.target(*relative_depth);
            }
            Operator::BrTable { targets } => {
                step.count = self.take();
                self.target(targets.default());
                for depth in targets.targets() {
                    self.target(depth?);
                }
                self.is_reachable = false;
            }
            Operator::MemoryCopy { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryInit { .. }
            | Operator::TableCopy { .. }
            | Operator::TableFill { .. }
            | Operator::TableInit { .. }
            | Operator::TableGrow { .. } => match operand {
                None => step = Step { count: self.take(), count_operand: true, check: true, ..step },
                Some(units) => {
                    self.pending = self.pending.saturating_add(u64::from(units));
                    if u64::from(units) > SMALL {
                        step = Step { count: self.take(), check: true, ..step };
                    }
                }
            },
            Operator::MemoryGrow { .. } if operand.is_none() => {
                step = Step { count: self.take(), check: true, ..step };
            }
            operator => {
                let misses = memory_access(operator)
                    .is_some_and(|access| access.offset.saturating_add(1 << access.max_align) > most(access.memory));
                // It traps whatever its operand is, and the compiler knows.
                if misses {
                    step = Step { count: self.take(), store: true, ..step };
                    self.is_reachable = false;
                }
            }
        }
        Ok(step)
    }

    fn take(&mut self) -> u64 {
        std::mem::take(&mut self.pending)
    }

    fn open(&mut self, kind: FrameKind) {
        self.frames.push(Frame { kind, is_target: false });
    }

    fn target(&mut self, depth: u32) {
        let frame = usize::try_from(depth).ok().and_then(|depth| self.frames.iter_mut().rev().nth(depth));
        if let Some(frame) = frame {
            frame.is_target = true;
        }
    }

    /// `else`, wherever it is.
    fn otherwise(&mut self) {
        if let Some(Frame { kind: FrameKind::If { head, then }, .. }) = self.frames.last_mut() {
            *then = Some(self.is_reachable);
            self.is_reachable = *head;
        }
    }

    /// An operator that cannot be reached.
    fn skip(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } => self.open(FrameKind::Block),
            Operator::If { .. } => self.open(FrameKind::If { head: false, then: None }),
            Operator::Else => self.otherwise(),
            Operator::End => {
                let Some(frame) = self.frames.pop() else { return };
                self.is_reachable = match frame.kind {
                    FrameKind::Loop => false,
                    FrameKind::Block => frame.is_target,
                    FrameKind::If { head, then } => frame.is_target || (head && then.unwrap_or(true)),
                };
            }
            _ => {}
        }
    }
}

fn cost(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::Nop
        | Operator::Drop
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::Unreachable
        | Operator::Return
        | Operator::Else
        | Operator::End => 0,
        _ => 1,
    }
}

macro_rules! access {
    ([memarg $($name:ident)*] $access:ident $($rest:ident)*) => {{
        $(let _ = $rest;)*
        Some(*$access)
    }};
    ([$($name:ident)*] $($rest:ident)*) => {{
        $(let _ = $rest;)*
        None
    }};
}

macro_rules! memory_access {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $type:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// What an operator reads or writes of memory, where it has a place of its own there: `max_align` is how much, as a power of two.
        fn memory_access(operator: &Operator<'_>) -> Option<MemArg> {
            match operator {
                $(Operator::$op $({ $($arg),* })? => access!([$($($arg)*)?] $($($arg)*)?),)*
                _ => None,
            }
        }
    };
}

wasmparser::for_each_operator!(memory_access);

/// Which operands are constants, as far as it is followed.
struct Constants {
    params: u32,
    /// The operand on top, where the last operator put a constant there.
    top: Option<u32>,
    /// What locals hold; none: no constant.
    locals: HashMap<u32, Option<u32>>,
    /// Whether locals that are not in the list still are zeros.
    zeros: bool,
}

impl Constants {
    fn new(params: u32) -> Self {
        Constants { params, top: None, locals: HashMap::new(), zeros: true }
    }

    /// The constant on top before this operator.
    fn next(&mut self, operator: &Operator<'_>) -> Option<u32> {
        let top = self.top.take();
        match operator {
            Operator::I32Const { value } => self.top = Some(value.cast_unsigned()),
            Operator::LocalGet { local_index } => {
                self.top = match self.locals.get(local_index) {
                    Some(known) => *known,
                    None => (self.zeros && *local_index >= self.params).then_some(0),
                };
            }
            Operator::LocalSet { local_index } => {
                self.locals.insert(*local_index, top);
            }
            Operator::LocalTee { local_index } => {
                self.locals.insert(*local_index, top);
                self.top = top;
            }
            // What is here may come from elsewhere as well.
            Operator::Loop { .. } | Operator::Else | Operator::End => {
                self.locals = HashMap::new();
                self.zeros = false;
            }
            _ => {}
        }
        top
    }
}
