//! Arguments and results of core functions: JSON to numbers and back, without losing a digit.

use serde::{Deserialize, Serialize};
use wasmill_model::{Input, Value};
use wasmill_unit::{FunctionInfo, Parameter};

/// A number as WebAssembly has it; floats by their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Number {
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `f32`
    F32(u32),
    /// `f64`
    F64(u64),
    /// `v128`
    V128(u128),
}

/// The type of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberType {
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `v128`
    V128,
}

impl NumberType {
    /// By its name in WebAssembly text; none where it is a reference.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "i32" => NumberType::I32,
            "i64" => NumberType::I64,
            "f32" => NumberType::F32,
            "f64" => NumberType::F64,
            "v128" => NumberType::V128,
            _ => return None,
        })
    }

    fn describe(self) -> &'static str {
        match self {
            NumberType::I32 => "a 32-bit integer",
            NumberType::I64 => "a 64-bit integer",
            NumberType::F32 | NumberType::F64 => "a number",
            NumberType::V128 => "a v128 as a string of 32 hexadecimal digits",
        }
    }
}

/// What a core function takes.
#[derive(Clone, Debug)]
pub struct Signature {
    params: Vec<(Parameter, Option<NumberType>)>,
}

impl Signature {
    /// That of this function.
    pub fn of(function: &FunctionInfo) -> Self {
        let params = function.params.iter().map(|param| (param.clone(), NumberType::parse(&param.kind))).collect();
        Signature { params }
    }

    /// The arguments of a call, each as `number` has it.
    ///
    /// # Errors
    /// Which argument is missing, too many, or no such number.
    pub fn lower<T>(&self, input: &Input, number: impl Fn(Number) -> T) -> Result<Vec<T>, String> {
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
                lower(value, *kind).map(&number).map_err(|message| match &param.name {
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

/// What a function gave: null, a number, or a list of them. A reference, which no number is, is null.
pub fn lift_numbers(results: impl ExactSizeIterator<Item = Option<Number>>) -> Value {
    let one = results.len() == 1;
    let mut values = results.map(|number| number.map_or(Value::Null, lift));
    match one {
        true => values.next().unwrap_or(Value::Null),
        false => {
            let values: Vec<Value> = values.collect();
            if values.is_empty() { Value::Null } else { Value::from(values) }
        }
    }
}

fn lift(number: Number) -> Value {
    match number {
        Number::I32(number) => Value::Int(i64::from(number)),
        Number::I64(number) => Value::Int(number),
        Number::F32(bits) => Value::Float(f64::from(f32::from_bits(bits))),
        Number::F64(bits) => Value::Float(f64::from_bits(bits)),
        Number::V128(bits) => Value::text(format!("{bits:032x}")),
    }
}

fn lower(value: &Value, kind: Option<NumberType>) -> Result<Number, String> {
    let kind = kind.ok_or("references cannot be passed from outside")?;
    let mismatch = || format!("{} expected, {} given", kind.describe(), excerpt(value));
    Ok(match kind {
        NumberType::I32 => Number::I32(i32::try_from(integer(value).ok_or_else(mismatch)?).or_else(|_| {
            // Unsigned 32-bit numbers have the same bits.
            u32::try_from(integer(value).unwrap_or(-1)).map(|number| number as i32).map_err(|_| mismatch())
        })?),
        NumberType::I64 => {
            let number = integer(value).ok_or_else(mismatch)?;
            Number::I64(
                i64::try_from(number)
                    .or_else(|_| u64::try_from(number).map(|number| number as i64).map_err(|_| mismatch()))?,
            )
        }
        NumberType::F32 => {
            let wide = float(value).ok_or_else(mismatch)?;
            let narrow = wide as f32;
            if narrow.is_infinite() && wide.is_finite() {
                return Err(mismatch());
            }
            Number::F32(narrow.to_bits())
        }
        NumberType::F64 => Number::F64(float(value).ok_or_else(mismatch)?.to_bits()),
        NumberType::V128 => {
            let digits = value.as_str().map(|text| text.trim_start_matches("0x")).filter(|digits| digits.len() == 32);
            Number::V128(digits.and_then(|digits| u128::from_str_radix(digits, 16).ok()).ok_or_else(mismatch)?)
        }
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_every_digit() {
        let lower64 = |value: Value| match lower(&value, Some(NumberType::I64)) {
            Ok(Number::I64(number)) => number,
            other => panic!("{other:?}"),
        };
        let lower32 = |value: Value| lower(&value, Some(NumberType::I32));
        assert_eq!(lower64(Value::Int(i64::MIN)), i64::MIN);
        assert_eq!(lower64(Value::from("9007199254740993")), 9_007_199_254_740_993);
        assert_eq!(lower64(Value::UInt(u64::MAX)), -1);
        assert!(lower32(Value::Float(1.5)).is_err());
        assert!(lower32(Value::Int(1 << 32)).is_err());
        assert!(matches!(lower32(Value::Int(u32::MAX.into())), Ok(Number::I32(-1))));
    }

    #[test]
    fn vectors_travel_as_hex() {
        let text = "000102030405060708090a0b0c0d0e0f";
        let vector = lower(&Value::from(text), Some(NumberType::V128)).unwrap();
        assert_eq!(lift(vector), Value::from(text));
    }

    #[test]
    fn results_are_null_one_or_a_list() {
        let (one, two) = (Some(Number::I32(1)), Some(Number::I64(2)));
        assert_eq!(lift_numbers([].into_iter()), Value::Null);
        assert_eq!(lift_numbers([one].into_iter()), Value::Int(1));
        assert_eq!(lift_numbers([one, two].into_iter()), Value::from(vec![Value::Int(1), Value::Int(2)]));
    }
}
