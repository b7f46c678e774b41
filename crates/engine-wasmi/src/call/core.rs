//! Core modules: exported functions over numbers.

use std::sync::Arc;

use wasmi::{F32, F64, Instance, V128, Val};
use wasmill_engine::parts::{Number, Signature, Stop, lift_numbers};
use wasmill_model::Input;
use wasmill_unit::FunctionInfo;

use super::{Answer, function};
use crate::outcome::End;
use crate::slices::Guest;

pub(super) struct Entry {
    function: Arc<str>,
    signature: Signature,
    results: usize,
}

impl Entry {
    pub(super) fn new(function: &FunctionInfo) -> Self {
        Entry { function: function.name.clone(), signature: Signature::of(function), results: function.results.len() }
    }

    pub(super) fn lower(&self, input: &Input) -> Result<Vec<Val>, End> {
        Ok(self.signature.lower(input, value).map_err(Stop::Input)?)
    }

    pub(super) async fn call(&self, guest: &mut Guest<'_>, instance: Instance, params: &[Val]) -> Result<Answer, End> {
        let function = function(guest, instance, &self.function)?;
        let mut results = vec![Val::I32(0); self.results];
        guest.call(&function, params, &mut results).await?;
        let value = lift_numbers(results.iter().map(number));
        Ok(Answer { value, bytes: 8 * self.results as u64 })
    }
}

fn value(number: Number) -> Val {
    match number {
        Number::I32(number) => Val::I32(number),
        Number::I64(number) => Val::I64(number),
        Number::F32(bits) => Val::F32(F32::from_bits(bits)),
        Number::F64(bits) => Val::F64(F64::from_bits(bits)),
        Number::V128(bits) => Val::V128(V128::from(bits)),
    }
}

fn number(value: &Val) -> Option<Number> {
    Some(match value {
        Val::I32(number) => Number::I32(*number),
        Val::I64(number) => Number::I64(*number),
        Val::F32(float) => Number::F32(float.to_bits()),
        Val::F64(float) => Number::F64(float.to_bits()),
        Val::V128(vector) => Number::V128(vector.as_u128()),
        Val::FuncRef(_) | Val::ExternRef(_) => return None,
    })
}
