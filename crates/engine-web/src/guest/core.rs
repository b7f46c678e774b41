//! Core modules: exported functions over numbers.

use js_sys::Array;
use wasm_bindgen::{JsCast as _, JsValue};
use wasmill_engine::parts::{Number, NumberType, Stop};

use super::instance::Callable;
use crate::wire::End;

/// What the function gives for these numbers.
pub(super) fn call(function: &Callable, params: &[Number], results: &[String]) -> Result<Vec<Option<Number>>, End> {
    let params: Vec<JsValue> = params.iter().map(value).collect::<Result<_, _>>()?;
    let given = function.call(&params)?;
    let given: Vec<JsValue> = match results.len() {
        0 => Vec::new(),
        1 => vec![given],
        // Several results come as an array.
        _ => given.unchecked_into::<Array>().to_vec(),
    };
    Ok(given.iter().zip(results).map(|(value, kind)| number(value, NumberType::parse(kind)?)).collect())
}

fn value(number: &Number) -> Result<JsValue, Stop> {
    Ok(match *number {
        Number::I32(number) => JsValue::from(number),
        Number::I64(number) => JsValue::from(number),
        Number::F32(bits) => JsValue::from(f32::from_bits(bits)),
        Number::F64(bits) => JsValue::from(f64::from_bits(bits)),
        // Units that take or give one are not prepared.
        Number::V128(_) => return Err(Stop::Host("a v128 cannot be handed to a unit in a browser".to_owned())),
    })
}

/// A reference is no number.
fn number(value: &JsValue, kind: NumberType) -> Option<Number> {
    Some(match kind {
        NumberType::I32 => Number::I32(value.as_f64()? as i32),
        NumberType::I64 => Number::I64(i64::try_from(value.clone()).ok()?),
        NumberType::F32 => Number::F32((value.as_f64()? as f32).to_bits()),
        NumberType::F64 => Number::F64(value.as_f64()?.to_bits()),
        NumberType::V128 => return None,
    })
}
