//! The unit's own functions, whose calls take from the stack, whose memories grow within the limits, and whose bulk instructions cost what
//! they do.

use wasm_encoder::reencode::{Error, Reencode as _};
use wasm_encoder::{BlockType, Function, Instruction as I, ValType};
use wasmparser::{FuncValidatorAllocations, FunctionBody, Operator, Parser, ValidPayload, Validator};

use super::merge::{Indices, at};

/// Bytes of a frame besides what is on it, of a local, and of an operand: few of those are there at once while others are called. (WasmEdge
/// has 16 for each of both; its stack has five times what is given away here, the interpreter's much more.)
const FRAME: u32 = 32;
const LOCAL: u32 = 8;
const OPERAND: u32 = 2;

/// Bytes of a table's element, as a power of two.
pub(super) const ELEMENT: i64 = 4;

/// Where everything is, and the functions that a unit's instructions are replaced with.
pub(super) struct Links {
    pub(super) too_deep: u32,
    pub(super) stack: u32,
    /// By the unit's memories and tables.
    pub(super) grow_memory: Vec<u32>,
    pub(super) grow_table: Vec<u32>,
    /// What uses gas, where it is counted.
    pub(super) burn: Option<u32>,
}

/// The most operands that each function of a module has at once. WasmEdge's interpreter keeps all of them while others are called, and
/// so may compiled code.
pub(super) fn operands(binary: &[u8]) -> wasmparser::Result<Vec<u32>> {
    let mut validator = Validator::new_with_features(wasmill_unit::features());
    let mut allocations = FuncValidatorAllocations::default();
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(binary) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            let mut function = function.into_validator(allocations);
            function.read_locals(&mut body.get_binary_reader())?;
            let mut operators = body.get_operators_reader()?;
            let mut most = 0;
            while !operators.eof() {
                let (operator, offset) = operators.read_with_offset()?;
                function.op(offset, &operator)?;
                most = most.max(function.operand_stack_height());
            }
            found.push(most);
            allocations = function.into_allocations();
        }
    }
    Ok(found)
}

/// How many bytes or elements it goes over, as a power of two in bytes; the number of them is its last operand.
fn bulk(operator: &Operator<'_>) -> Option<i64> {
    match operator {
        Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } | Operator::MemoryInit { .. } => Some(0),
        Operator::TableFill { .. } | Operator::TableCopy { .. } | Operator::TableInit { .. } => Some(ELEMENT),
        _ => None,
    }
}

/// One function of the unit.
pub(super) fn rewrite(
    indices: &mut Indices,
    body: &FunctionBody<'_>,
    params: u32,
    operands: u32,
    links: &Links,
) -> Result<Function, Error<String>> {
    let mut groups = Vec::new();
    let mut locals = params;
    for group in body.get_locals_reader()? {
        let (count, kind) = group?;
        locals = locals.saturating_add(count);
        groups.push((count, indices.val_type(kind)?));
    }
    let operators = || body.get_operators_reader();
    let mut burn = None;
    if let Some(function) = links.burn {
        for operator in operators()? {
            if bulk(&operator?).is_some() {
                burn = Some(function);
            }
        }
    }
    // Remembers what a bulk instruction went over.
    let length = locals;
    if burn.is_some() {
        groups.push((1, ValType::I32));
    }
    let mut function = Function::new(groups);
    let kept = locals.saturating_mul(LOCAL).saturating_add(operands.saturating_mul(OPERAND));
    let frame = i32::try_from(FRAME.saturating_add(kept)).unwrap_or(i32::MAX);
    let take = [
        I::GlobalGet(links.stack),
        I::I32Const(frame),
        I::I32LtS,
        I::If(BlockType::Empty),
        I::Call(links.too_deep),
        I::End,
        I::GlobalGet(links.stack),
        I::I32Const(frame),
        I::I32Sub,
        I::GlobalSet(links.stack),
    ];
    let give = [I::GlobalGet(links.stack), I::I32Const(frame), I::I32Add, I::GlobalSet(links.stack)];
    for operator in operators()? {
        match operator? {
            Operator::MemoryGrow { mem } => {
                function.instruction(&I::Call(at(&links.grow_memory, mem)?));
            }
            Operator::TableGrow { table } => {
                function.instruction(&I::Call(at(&links.grow_table, table)?));
            }
            operator @ (Operator::Call { .. } | Operator::CallIndirect { .. }) => {
                for instruction in &take {
                    function.instruction(instruction);
                }
                function.instruction(&indices.instruction(operator)?);
                for instruction in &give {
                    function.instruction(instruction);
                }
            }
            operator => {
                let bulk = burn.zip(bulk(&operator));
                if bulk.is_some() {
                    function.instruction(&I::LocalTee(length));
                }
                function.instruction(&indices.instruction(operator)?);
                // Afterwards: where it traps, it has gone over nothing.
                if let Some((burn, size)) = bulk {
                    for instruction in
                        [I::LocalGet(length), I::I64ExtendI32U, I::I64Const(size), I::I64Shl, I::Call(burn)]
                    {
                        function.instruction(&instruction);
                    }
                }
            }
        }
    }
    Ok(function)
}
