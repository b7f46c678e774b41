//! Core modules: exported functions over numbers.

use wasmill_engine::{Call, PrepareError};
use wasmill_model::{Input, Value};
use wasmill_unit::{FunctionInfo, Parameter};
use wasmtime::{InstancePre, ModuleExport, Store, V128, Val, ValType};

use super::{Answer, internal};
use crate::state::{State, Stop};

pub(super) struct Entry {
    pre: InstancePre<State>,
    function: ModuleExport,
    initialize: Option<ModuleExport>,
    params: Vec<(Parameter, ValType)>,
    results: usize,
}

impl Entry {
    pub(super) fn new(pre: InstancePre<State>, function: &FunctionInfo) -> Result<Self, PrepareError> {
        let module = pre.module();
        let export = module.get_export_index(&function.name).ok_or_else(|| internal("the function is gone"))?;
        let kind = module.get_export(&function.name).and_then(|kind| kind.func().cloned());
        let kind = kind.ok_or_else(|| internal("the export is no function"))?;
        let params = function.params.iter().cloned().zip(kind.params()).collect();
        let results = kind.results().len();
        let initialize = initializer(&pre);
        Ok(Entry { pre, function: export, initialize, params, results })
    }

    pub(super) async fn call(&self, store: &mut Store<State>, call: Call<'_>) -> wasmtime::Result<Answer> {
        let params = self.lower(call.input).map_err(Stop::Input)?;
        let instance = self.pre.instantiate_async(&mut *store).await?;
        initialize(store, &instance, self.initialize.as_ref()).await?;
        let function = instance
            .get_module_export(&mut *store, &self.function)
            .and_then(wasmtime::Extern::into_func)
            .ok_or_else(|| Stop::Abi("the function is gone".to_owned()))?;
        let mut results = vec![Val::I32(0); self.results];
        function.call_async(&mut *store, &params, &mut results).await?;
        let value = match results.as_slice() {
            [] => Value::Null,
            [one] => lift(one),
            several => Value::from(several.iter().map(lift).collect::<Vec<_>>()),
        };
        Ok(Answer { value, bytes: 8 * self.results as u64 })
    }

    fn lower(&self, input: &Input) -> Result<Vec<Val>, String> {
        let count = self.params.len();
        let values: Vec<&Value> = match input {
            Input::Positional(list) => list.iter().collect(),
            Input::Named(object) => {
                if let Some(name) =
                    object.keys().find(|name| !self.params.iter().any(|(param, _)| param.name.as_ref() == Some(name)))
                {
                    return Err(format!("the function has no parameter `{name}`; it takes {}", self.describe()));
                }
                self.params
                    .iter()
                    .map(|(param, _)| {
                        let name = param.name.as_deref().unwrap_or_default();
                        object.get(name).ok_or_else(|| format!("the parameter `{name}` is missing"))
                    })
                    .collect::<Result<_, _>>()?
            }
            Input::Single(Value::Null) if count == 0 => Vec::new(),
            Input::Single(Value::List(list)) if count != 1 => list.iter().collect(),
            Input::Single(value) => vec![value],
        };
        if values.len() != count {
            return Err(format!(
                "the function takes {count} arguments ({}), and was given {}",
                self.describe(),
                values.len()
            ));
        }
        values
            .into_iter()
            .zip(&self.params)
            .enumerate()
            .map(|(index, (value, (param, kind)))| {
                lower(value, kind).map_err(|message| match &param.name {
                    Some(name) => format!("`{name}`: {message}"),
                    None => format!("argument {}: {message}", index + 1),
                })
            })
            .collect()
    }

    fn describe(&self) -> String {
        let params: Vec<String> = self
            .params
            .iter()
            .map(|(param, _)| match &param.name {
                Some(name) => format!("{name}: {}", param.kind),
                None => param.kind.clone(),
            })
            .collect();
        params.join(", ")
    }
}

/// The function that sets up a reactor; called once, before anything else.
pub(super) fn initializer(pre: &InstancePre<State>) -> Option<ModuleExport> {
    pre.module().get_export_index("_initialize")
}

pub(super) async fn initialize(
    store: &mut Store<State>,
    instance: &wasmtime::Instance,
    export: Option<&ModuleExport>,
) -> wasmtime::Result<()> {
    let Some(export) = export else { return Ok(()) };
    let Some(function) = instance.get_module_export(&mut *store, export).and_then(wasmtime::Extern::into_func) else {
        return Ok(());
    };
    function.typed::<(), ()>(&*store)?.call_async(&mut *store, ()).await
}

fn lower(value: &Value, kind: &ValType) -> Result<Val, String> {
    let mismatch = || format!("{} expected, {} given", describe(kind), excerpt(value));
    Ok(match kind {
        ValType::I32 => Val::I32(i32::try_from(integer(value).ok_or_else(mismatch)?).or_else(|_| {
            // Unsigned 32-bit numbers have the same bits.
            u32::try_from(integer(value).unwrap_or(-1)).map(|number| number as i32).map_err(|_| mismatch())
        })?),
        ValType::I64 => {
            let number = integer(value).ok_or_else(mismatch)?;
            Val::I64(
                i64::try_from(number)
                    .or_else(|_| u64::try_from(number).map(|number| number as i64).map_err(|_| mismatch()))?,
            )
        }
        ValType::F32 => {
            let wide = float(value).ok_or_else(mismatch)?;
            let narrow = wide as f32;
            if narrow.is_infinite() && wide.is_finite() {
                return Err(mismatch());
            }
            Val::F32(narrow.to_bits())
        }
        ValType::F64 => Val::F64(float(value).ok_or_else(mismatch)?.to_bits()),
        ValType::V128 => {
            let digits = value.as_str().map(|text| text.trim_start_matches("0x")).filter(|digits| digits.len() == 32);
            let number = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok()).ok_or_else(mismatch)?;
            Val::V128(V128::from(number))
        }
        ValType::Ref(_) => return Err("references cannot be passed from outside".to_owned()),
    })
}

fn describe(kind: &ValType) -> &'static str {
    match kind {
        ValType::I32 => "a 32-bit integer",
        ValType::I64 => "a 64-bit integer",
        ValType::F32 | ValType::F64 => "a number",
        ValType::V128 => "a v128 as a string of 32 hexadecimal digits",
        ValType::Ref(_) => "a reference",
    }
}

fn excerpt(value: &Value) -> String {
    let text: String = value.to_json().chars().take(40).collect();
    format!("{} {text}", value.kind())
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::UInt(number) => Some(i128::from(*number)),
        Value::Bool(flag) => Some(i128::from(*flag)),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e18 => Some(*number as i128),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::UInt(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::String(text) => match text.trim() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            number => number.parse().ok(),
        },
        _ => None,
    }
}

fn lift(value: &Val) -> Value {
    match value {
        Val::I32(number) => Value::Int(i64::from(*number)),
        Val::I64(number) => Value::Int(*number),
        Val::F32(bits) => Value::Float(f64::from(f32::from_bits(*bits))),
        Val::F64(bits) => Value::Float(f64::from_bits(*bits)),
        Val::V128(bits) => Value::text(format!("{:032x}", bits.as_u128())),
        // No function with references is callable.
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_every_digit() {
        let lower64 = |value: Value| match lower(&value, &ValType::I64) {
            Ok(Val::I64(number)) => number,
            other => panic!("{other:?}"),
        };
        assert_eq!(lower64(Value::Int(i64::MIN)), i64::MIN);
        assert_eq!(lower64(Value::from("9007199254740993")), 9_007_199_254_740_993);
        assert_eq!(lower64(Value::UInt(u64::MAX)), -1);
        assert!(lower(&Value::Float(1.5), &ValType::I32).is_err());
        assert!(lower(&Value::Int(1 << 32), &ValType::I32).is_err());
        assert!(matches!(lower(&Value::Int(u32::MAX.into()), &ValType::I32), Ok(Val::I32(-1))));
    }

    #[test]
    fn vectors_travel_as_hex() {
        let text = "000102030405060708090a0b0c0d0e0f";
        let vector = lower(&Value::from(text), &ValType::V128).unwrap();
        assert_eq!(lift(&vector), Value::from(text));
    }
}
