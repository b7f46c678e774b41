//! One bit pattern for NaN, after each operation of which WebAssembly leaves open which one it gives: those that wasmtime's compiler
//! canonicalises (`nan_canonicalization.rs` of cranelift-codegen), so that both give the same bits.

use wasm_encoder::{Instruction as I, ValType};
use wasmparser::Operator;

/// What an operation gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    F32,
    F64,
    F32x4,
    F64x2,
}

const NAN_32: u32 = 0x7fc0_0000;
const NAN_64: u64 = 0x7ff8_0000_0000_0000;

impl Float {
    /// Of an operation that may give any NaN.
    pub(crate) fn of(operator: &Operator<'_>) -> Option<Float> {
        use Operator as O;
        Some(match operator {
            O::F32Ceil
            | O::F32Floor
            | O::F32Trunc
            | O::F32Nearest
            | O::F32Sqrt
            | O::F32Add
            | O::F32Sub
            | O::F32Mul
            | O::F32Div
            | O::F32Min
            | O::F32Max
            | O::F32DemoteF64 => Float::F32,
            O::F64Ceil
            | O::F64Floor
            | O::F64Trunc
            | O::F64Nearest
            | O::F64Sqrt
            | O::F64Add
            | O::F64Sub
            | O::F64Mul
            | O::F64Div
            | O::F64Min
            | O::F64Max
            | O::F64PromoteF32 => Float::F64,
            O::F32x4Ceil
            | O::F32x4Floor
            | O::F32x4Trunc
            | O::F32x4Nearest
            | O::F32x4Sqrt
            | O::F32x4Add
            | O::F32x4Sub
            | O::F32x4Mul
            | O::F32x4Div
            | O::F32x4Min
            | O::F32x4Max
            | O::F32x4DemoteF64x2Zero => Float::F32x4,
            O::F64x2Ceil
            | O::F64x2Floor
            | O::F64x2Trunc
            | O::F64x2Nearest
            | O::F64x2Sqrt
            | O::F64x2Add
            | O::F64x2Sub
            | O::F64x2Mul
            | O::F64x2Div
            | O::F64x2Min
            | O::F64x2Max
            | O::F64x2PromoteLowF32x4 => Float::F64x2,
            _ => return None,
        })
    }

    pub(crate) fn ty(self) -> ValType {
        match self {
            Float::F32 => ValType::F32,
            Float::F64 => ValType::F64,
            Float::F32x4 | Float::F64x2 => ValType::V128,
        }
    }

    /// The NaN that it gives instead, what compares two of its values, and what chooses between two.
    pub(crate) fn canonical(self) -> [I<'static>; 3] {
        let wide = u128::from(NAN_32);
        let bits = match self {
            Float::F32 => return [I::F32Const(f32::from_bits(NAN_32).into()), I::F32Eq, I::Select],
            Float::F64 => return [I::F64Const(f64::from_bits(NAN_64).into()), I::F64Eq, I::Select],
            Float::F32x4 => wide | wide << 32 | wide << 64 | wide << 96,
            Float::F64x2 => u128::from(NAN_64) | u128::from(NAN_64) << 64,
        };
        let equal = if self == Float::F32x4 { I::F32x4Eq } else { I::F64x2Eq };
        [I::V128Const(bits.cast_signed()), equal, I::V128Bitselect]
    }
}
