//! From JSON to component values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use wasmill_model::{Object, Value};
use wasmtime::component::{Type, Val, types};

use crate::MismatchError;
use crate::error::excerpt;

/// The member that marks bytes in JSON; `Value` reads it by itself, but an expression may build it.
const BYTES_KEY: &str = "$base64";

/// Turns a value into one of a component's type. The table of this crate's documentation says how.
///
/// # Errors
/// What does not fit, and where.
pub fn lower(value: &Value, ty: &Type) -> Result<Val, MismatchError> {
    let mismatch = || MismatchError::kind(ty, value);
    Ok(match ty {
        Type::Bool => match value {
            Value::Bool(value) => Val::Bool(*value),
            _ => return Err(mismatch()),
        },
        Type::S8 => Val::S8(integer(value, ty, "-128 to 127")?),
        Type::U8 => Val::U8(integer(value, ty, "0 to 255")?),
        Type::S16 => Val::S16(integer(value, ty, "-32768 to 32767")?),
        Type::U16 => Val::U16(integer(value, ty, "0 to 65535")?),
        Type::S32 => Val::S32(integer(value, ty, "-2147483648 to 2147483647")?),
        Type::U32 => Val::U32(integer(value, ty, "0 to 4294967295")?),
        Type::S64 => Val::S64(long(value, ty, "-9223372036854775808 to 9223372036854775807")?),
        Type::U64 => Val::U64(long(value, ty, "0 to 18446744073709551615")?),
        Type::Float32 => Val::Float32(float32(value, ty)?),
        Type::Float64 => Val::Float64(float(value).ok_or_else(mismatch)?),
        Type::Char => Val::Char(
            character(value).ok_or_else(|| MismatchError::new("char (a string of one character)", excerpt(value)))?,
        ),
        Type::String => match value {
            Value::String(text) => Val::String(text.as_str().to_owned()),
            Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Val::String(text.to_owned()),
                Err(_) => return Err(MismatchError::new("string", "bytes that are not UTF-8")),
            },
            _ => return Err(mismatch()),
        },
        Type::List(list) => Val::List(items(value, ty, &list.ty())?),
        Type::FixedLengthList(list) => {
            let items = items(value, ty, &list.ty())?;
            if items.len() != list.len() as usize {
                return Err(mismatch());
            }
            Val::FixedLengthList(items)
        }
        Type::Map(map) => Val::Map(entries(value, ty, map)?),
        Type::Record(record) => match value {
            Value::Object(object) => Val::Record(members(object, record)?),
            _ => return Err(mismatch()),
        },
        Type::Tuple(tuple) => {
            let Value::List(list) = value else { return Err(mismatch()) };
            if list.len() != tuple.types().len() {
                return Err(mismatch());
            }
            let items = list.iter().zip(tuple.types()).enumerate();
            Val::Tuple(items.map(|(index, (item, ty))| at(index, item, &ty)).collect::<Result<_, _>>()?)
        }
        Type::Variant(variant) => {
            let (name, payload) = case(value).ok_or_else(mismatch)?;
            lower_case(name, payload, variant, value)?
        }
        Type::Enum(names) => {
            let Value::String(text) = value else { return Err(mismatch()) };
            match names.names().find(|name| same(text, name)) {
                Some(name) => Val::Enum(name.to_owned()),
                None => return Err(MismatchError::unknown("one of", text, names.names())),
            }
        }
        Type::Option(option) => Val::Option(lower_option(value, ty, &option.ty())?),
        Type::Result(result) => {
            let (name, payload) = case(value).ok_or_else(mismatch)?;
            let lower_payload = |ty: Option<Type>| match ty {
                Some(ty) => lower(payload.ok_or_else(mismatch)?, &ty)
                    .map(|val| Some(Box::new(val)))
                    .map_err(|error| error.in_member(name)),
                None if payload.is_none_or(|payload| *payload == Value::Null) => Ok(None),
                None => Err(mismatch()),
            };
            Val::Result(match name {
                "ok" => Ok(lower_payload(result.ok())?),
                "err" => Err(lower_payload(result.err())?),
                _ => return Err(mismatch()),
            })
        }
        Type::Flags(flags) => {
            let Value::List(list) = value else { return Err(mismatch()) };
            let mut set = Vec::with_capacity(list.len());
            for (index, item) in list.iter().enumerate() {
                let Value::String(text) = item else {
                    return Err(MismatchError::new("a flag's name", excerpt(item)).at_index(index));
                };
                match flags.names().find(|name| same(text, name)) {
                    Some(name) if set.iter().any(|known| known == name) => {}
                    Some(name) => set.push(name.to_owned()),
                    None => return Err(MismatchError::unknown("one of", text, flags.names()).at_index(index)),
                }
            }
            Val::Flags(set)
        }
        Type::Own(_) | Type::Borrow(_) | Type::Future(_) | Type::Stream(_) | Type::ErrorContext => {
            return Err(mismatch().help("resources, futures and streams cannot be passed to a step"));
        }
    })
}

/// Whether a name that was given is this WIT name: `_` stands for `-`.
pub(crate) fn same(given: &str, name: &str) -> bool {
    given.len() == name.len()
        && given.bytes().zip(name.bytes()).all(|(given, name)| given == name || (given == b'_' && name == b'-'))
}

/// The member of this WIT name, and what it is called.
pub(crate) fn find<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| if name.contains('-') { object.get(name.replace('-', "_").as_str()) } else { None })
}

pub(crate) fn is_option(ty: &Type) -> bool {
    matches!(ty, Type::Option(_))
}

fn at(index: usize, item: &Value, ty: &Type) -> Result<Val, MismatchError> {
    lower(item, ty).map_err(|error| error.at_index(index))
}

/// The integer that a value is; none where it is none, or none of 65 bits.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::UInt(value) => Some(i128::from(*value)),
        // Every whole float of this range is an `i128`.
        Value::Float(value) if value.fract() == 0.0 && value.abs() <= 18_446_744_073_709_551_616.0 => {
            Some(*value as i128)
        }
        _ => None,
    }
}

fn integer<T: TryFrom<i128>>(value: &Value, ty: &Type, range: &str) -> Result<T, MismatchError> {
    whole(value).and_then(|value| T::try_from(value).ok()).ok_or_else(|| out_of_range(value, ty, range))
}

/// 64 bits travel as text where JSON's numbers would lose digits.
fn long<T: TryFrom<i128> + std::str::FromStr>(value: &Value, ty: &Type, range: &str) -> Result<T, MismatchError> {
    match value {
        Value::String(text) => text.parse().map_err(|_| out_of_range(value, ty, range)),
        _ => integer(value, ty, range),
    }
}

#[cold]
fn out_of_range(value: &Value, ty: &Type, range: &str) -> MismatchError {
    let mut error = MismatchError::kind(ty, value);
    if matches!(value, Value::Int(_) | Value::UInt(_) | Value::Float(_)) {
        error.expected = format!("{} ({range})", error.expected);
    }
    error
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        Value::Int(value) => Some(*value as f64),
        Value::UInt(value) => Some(*value as f64),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

fn float32(value: &Value, ty: &Type) -> Result<f32, MismatchError> {
    let wide = float(value).ok_or_else(|| MismatchError::kind(ty, value))?;
    let narrow = wide as f32;
    if narrow.is_infinite() && wide.is_finite() {
        return Err(MismatchError::new("f32 (at most 3.4e38)", excerpt(value)));
    }
    Ok(narrow)
}

fn character(value: &Value) -> Option<char> {
    let Value::String(text) = value else { return None };
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

fn items(value: &Value, ty: &Type, item: &Type) -> Result<Vec<Val>, MismatchError> {
    let bytes = |bytes: &[u8]| bytes.iter().map(|byte| Val::U8(*byte)).collect();
    match value {
        Value::List(list) => list.iter().enumerate().map(|(index, value)| at(index, value, item)).collect(),
        Value::Bytes(data) if *item == Type::U8 => Ok(bytes(data)),
        Value::String(text) if *item == Type::U8 => Ok(bytes(text.as_bytes())),
        Value::Object(object) if *item == Type::U8 && object.len() == 1 => match object.get(BYTES_KEY) {
            Some(Value::String(text)) => BASE64
                .decode(text.as_bytes())
                .map(|data| bytes(&data))
                .map_err(|error| MismatchError::new("base64", error.to_string()).in_member(BYTES_KEY)),
            _ => Err(MismatchError::kind(ty, value)),
        },
        _ => Err(MismatchError::kind(ty, value)),
    }
}

fn entries(value: &Value, ty: &Type, map: &types::Map) -> Result<Vec<(Val, Val)>, MismatchError> {
    let (key_type, value_type) = (map.key(), map.value());
    match value {
        Value::Object(object) if key_type == Type::String => object
            .iter()
            .map(|(key, value)| {
                let lowered = lower(value, &value_type).map_err(|error| error.in_member(key))?;
                Ok((Val::String(key.to_string()), lowered))
            })
            .collect(),
        Value::List(list) => list
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                let pair = match entry {
                    Value::List(pair) => pair.as_slice(),
                    _ => &[],
                };
                let [key, value] = pair else {
                    return Err(MismatchError::new("[key, value]", excerpt(entry)).at_index(index));
                };
                let in_entry = |error: MismatchError| error.at_index(index);
                let key = at(0, key, &key_type).map_err(in_entry)?;
                Ok((key, at(1, value, &value_type).map_err(in_entry)?))
            })
            .collect(),
        _ => Err(MismatchError::kind(ty, value)),
    }
}

fn members(object: &Object, record: &types::Record) -> Result<Vec<(String, Val)>, MismatchError> {
    let mut members = Vec::with_capacity(record.fields().len());
    let mut used = 0;
    for field in record.fields() {
        let val = match find(object, field.name) {
            Some(value) => {
                used += 1;
                lower(value, &field.ty).map_err(|error| error.in_member(field.name))?
            }
            None if is_option(&field.ty) => Val::Option(None),
            None => return Err(missing(object, field.name, &field.ty, || record.fields().map(|field| field.name))),
        };
        members.push((field.name.to_owned(), val));
    }
    if used != object.len() {
        return Err(unknown_member("a member", object, || record.fields().map(|field| field.name)));
    }
    Ok(members)
}

/// A member that must be there is not: perhaps its name is misspelt.
#[cold]
pub(crate) fn missing<'a, I: Iterator<Item = &'a str>>(
    object: &Object,
    name: &str,
    ty: &Type,
    names: impl Fn() -> I,
) -> MismatchError {
    let error = MismatchError::kind(ty, &Value::Null);
    let error = MismatchError { found: "nothing".to_owned(), ..error }.in_member(name);
    match object.keys().find(|key| !names().any(|name| same(key, name))) {
        Some(key) => error.help(format!("`{key}` is given, which is not known")),
        None => error,
    }
}

/// A member that there is not, or that is there under both spellings.
#[cold]
pub(crate) fn unknown_member<'a, I: Iterator<Item = &'a str>>(
    what: &str,
    object: &Object,
    names: impl Fn() -> I,
) -> MismatchError {
    match object.keys().find(|key| !names().any(|name| same(key, name))) {
        Some(key) => MismatchError::unknown(what, key, names()),
        None => {
            let twice = object.keys().find(|key| !names().any(|name| ***key == *name));
            let name = twice.map_or("", |key| &**key);
            MismatchError::new("every member once", format!("`{}` and `{name}`", name.replace('_', "-")))
        }
    }
}

/// `"case"` or `{"case": payload}`.
fn case(value: &Value) -> Option<(&str, Option<&Value>)> {
    match value {
        Value::String(text) => Some((text, None)),
        Value::Object(object) if object.len() == 1 => object.first().map(|(name, payload)| (&**name, Some(payload))),
        _ => None,
    }
}

fn lower_case(
    name: &str,
    payload: Option<&Value>,
    variant: &types::Variant,
    value: &Value,
) -> Result<Val, MismatchError> {
    let Some(case) = variant.cases().find(|case| same(name, case.name)) else {
        return Err(MismatchError::unknown("one of", name, variant.cases().map(|case| case.name)));
    };
    let payload = match (&case.ty, payload) {
        (None, None | Some(Value::Null)) => None,
        (None, Some(payload)) => {
            return Err(
                MismatchError::new(format!("{:?} without a payload", case.name), excerpt(payload)).in_member(case.name)
            );
        }
        (Some(ty), None) => {
            let payload = crate::type_text(ty);
            return Err(MismatchError::new(format!("{{{:?}: {payload}}}", case.name), excerpt(value)));
        }
        (Some(ty), Some(payload)) => Some(Box::new(lower(payload, ty).map_err(|error| error.in_member(case.name))?)),
    };
    Ok(Val::Variant(case.name.to_owned(), payload))
}

fn lower_option(value: &Value, ty: &Type, inner: &Type) -> Result<Option<Box<Val>>, MismatchError> {
    if *value == Value::Null {
        return Ok(None);
    }
    if !is_option(inner) {
        return lower(value, inner).map(|val| Some(Box::new(val)));
    }
    // `null` could be the outer or the inner `none`; so the inner one is wrapped.
    match case(value) {
        Some(("some", Some(some))) => {
            lower(some, inner).map(|val| Some(Box::new(val))).map_err(|error| error.in_member("some"))
        }
        _ => Err(MismatchError::kind(ty, value).help("an option of an option is null or {\"some\": value}")),
    }
}
