//! From JSON to component values.

use std::cell::Cell;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use wasmill_model::{Object, Value};
use wasmtime::component::{Type, Val, types};

use crate::MismatchError;
use crate::error::excerpt;
use crate::plan::{Cases, Parts, Plan};

/// The member that marks bytes in JSON; `Value` reads it by itself, but an expression may build it.
const BYTES_KEY: &str = "$base64";

/// Turns a value into one of a component's type, which takes at most `most` bytes of the host's memory. The table of this crate's
/// documentation says how.
///
/// # Errors
/// What does not fit, and where.
pub fn lower(value: &Value, ty: &Type, most: usize) -> Result<Val, MismatchError> {
    lower_into(value, ty, &Room::new(most))
}

/// As [`lower`], into what is left of this room.
pub(crate) fn lower_into(value: &Value, ty: &Type, room: &Room) -> Result<Val, MismatchError> {
    room.take(1, size_of::<Val>())?;
    planned(value, &Plan::new(ty.clone()), room)
}

/// What component values may take in the host's memory. They take more than the value that they are made of: every number as much as
/// any other value, every record the names of all its members, whether they were given or not.
pub(crate) struct Room {
    most: usize,
    left: Cell<usize>,
}

impl Room {
    pub(crate) fn new(most: usize) -> Self {
        Room { most, left: Cell::new(most) }
    }

    /// Takes room for so many of this size, before they are made.
    fn take(&self, count: usize, size: usize) -> Result<(), MismatchError> {
        match count.checked_mul(size).and_then(|bytes| self.left.get().checked_sub(bytes)) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.is_full()),
        }
    }

    #[cold]
    fn is_full(&self) -> MismatchError {
        let most = format!("component values of at most {} MiB in the host's memory", self.most >> 20);
        MismatchError::new(most, "more").help("bytes or text as the only parameter take no more than they are")
    }

    fn boxed(&self, val: Val) -> Result<Option<Box<Val>>, MismatchError> {
        self.take(1, size_of::<Val>())?;
        Ok(Some(Box::new(val)))
    }

    fn text(&self, text: &str) -> Result<String, MismatchError> {
        // The least that an allocator gives.
        self.take(text.len().max(32), 1)?;
        Ok(text.to_owned())
    }
}

fn planned(value: &Value, plan: &Plan, room: &Room) -> Result<Val, MismatchError> {
    let ty = &plan.ty;
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
            Value::String(text) => Val::String(room.text(text)?),
            Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Val::String(room.text(text)?),
                Err(_) => return Err(MismatchError::new("string", "bytes that are not UTF-8")),
            },
            _ => return Err(mismatch()),
        },
        Type::Flags(flags) => lower_flags(value, ty, flags, room)?,
        Type::Own(_) | Type::Borrow(_) | Type::Future(_) | Type::Stream(_) | Type::ErrorContext => {
            return Err(mismatch().help("resources, futures and streams cannot be passed to a step"));
        }
        compound => lower_compound(value, compound, plan, room)?,
    })
}

fn lower_compound(value: &Value, ty: &Type, plan: &Plan, room: &Room) -> Result<Val, MismatchError> {
    let mismatch = || MismatchError::kind(ty, value);
    Ok(match (ty, plan.parts()) {
        (Type::List(_), Parts::One(item)) => Val::List(items(value, ty, item, room)?),
        (Type::FixedLengthList(list), Parts::One(item)) => {
            let items = items(value, ty, item, room)?;
            if items.len() != list.len() as usize {
                return Err(mismatch());
            }
            Val::FixedLengthList(items)
        }
        (Type::Map(_), Parts::Entry(entry)) => Val::Map(entries(value, ty, &entry.0, &entry.1, room)?),
        (Type::Record(_), Parts::Members(fields)) => match value {
            Value::Object(object) => Val::Record(members(object, fields, room)?),
            _ => return Err(mismatch()),
        },
        (Type::Tuple(_), Parts::Members(types)) => {
            let Value::List(list) = value else { return Err(mismatch()) };
            if list.len() != types.len() {
                return Err(mismatch());
            }
            room.take(list.len(), size_of::<Val>())?;
            let items = list.iter().zip(types).enumerate();
            Val::Tuple(items.map(|(index, (item, (_, plan)))| at(index, item, plan, room)).collect::<Result<_, _>>()?)
        }
        (Type::Variant(_), Parts::Cases(cases)) => {
            let (name, payload) = case(value).ok_or_else(mismatch)?;
            lower_case(name, payload, cases, value, room)?
        }
        (Type::Enum(_), Parts::Cases(names)) => {
            let Value::String(text) = value else { return Err(mismatch()) };
            match names.find(text) {
                Some((name, _)) => Val::Enum(room.text(name)?),
                None => return Err(MismatchError::unknown("one of", text, names.names())),
            }
        }
        (Type::Option(_), Parts::One(inner)) => Val::Option(lower_option(value, ty, inner, room)?),
        (Type::Result(_), Parts::Outcome(outcome)) => {
            let (name, payload) = case(value).ok_or_else(mismatch)?;
            let lower_payload = |plan: &Option<Plan>| match plan {
                Some(plan) => planned(payload.ok_or_else(mismatch)?, plan, room)
                    .and_then(|val| room.boxed(val))
                    .map_err(|error| error.in_member(name)),
                None if payload.is_none_or(|payload| *payload == Value::Null) => Ok(None),
                None => Err(mismatch()),
            };
            Val::Result(match name {
                "ok" => Ok(lower_payload(&outcome.0)?),
                "err" => Err(lower_payload(&outcome.1)?),
                _ => return Err(mismatch()),
            })
        }
        _ => return Err(mismatch()),
    })
}

fn lower_flags(value: &Value, ty: &Type, flags: &types::Flags, room: &Room) -> Result<Val, MismatchError> {
    let Value::List(list) = value else { return Err(MismatchError::kind(ty, value)) };
    let mut set: Vec<String> = Vec::new();
    for (index, item) in list.iter().enumerate() {
        let Value::String(text) = item else {
            return Err(MismatchError::new("a flag's name", excerpt(item)).at_index(index));
        };
        match flags.names().find(|name| same(text, name)) {
            Some(name) if set.iter().any(|known| known == name) => {}
            Some(name) => {
                room.take(1, size_of::<String>())?;
                set.push(room.text(name)?);
            }
            None => return Err(MismatchError::unknown("one of", text, flags.names()).at_index(index)),
        }
    }
    Ok(Val::Flags(set))
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

fn at(index: usize, item: &Value, plan: &Plan, room: &Room) -> Result<Val, MismatchError> {
    planned(item, plan, room).map_err(|error| error.at_index(index))
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

fn items(value: &Value, ty: &Type, item: &Plan, room: &Room) -> Result<Vec<Val>, MismatchError> {
    let bytes = |bytes: &[u8]| {
        room.take(bytes.len(), size_of::<Val>())?;
        Ok(bytes.iter().map(|byte| Val::U8(*byte)).collect())
    };
    match value {
        Value::List(list) => {
            room.take(list.len(), size_of::<Val>())?;
            list.iter().enumerate().map(|(index, value)| at(index, value, item, room)).collect()
        }
        Value::Bytes(data) if item.ty == Type::U8 => bytes(data),
        Value::String(text) if item.ty == Type::U8 => bytes(text.as_bytes()),
        Value::Object(object) if item.ty == Type::U8 && object.len() == 1 => match object.get(BYTES_KEY) {
            Some(Value::String(text)) => BASE64
                .decode(text.as_bytes())
                .map_err(|error| MismatchError::new("base64", error.to_string()).in_member(BYTES_KEY))
                .and_then(|data| bytes(&data)),
            _ => Err(MismatchError::kind(ty, value)),
        },
        _ => Err(MismatchError::kind(ty, value)),
    }
}

fn entries(
    value: &Value,
    ty: &Type,
    key_plan: &Plan,
    value_plan: &Plan,
    room: &Room,
) -> Result<Vec<(Val, Val)>, MismatchError> {
    match value {
        Value::Object(object) if key_plan.ty == Type::String => object
            .iter()
            .map(|(key, value)| {
                room.take(1, size_of::<(Val, Val)>())?;
                let lowered = planned(value, value_plan, room).map_err(|error| error.in_member(key))?;
                Ok((Val::String(room.text(key)?), lowered))
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
                room.take(1, size_of::<(Val, Val)>())?;
                let key = at(0, key, key_plan, room).map_err(in_entry)?;
                Ok((key, at(1, value, value_plan, room).map_err(in_entry)?))
            })
            .collect(),
        _ => Err(MismatchError::kind(ty, value)),
    }
}

fn members(object: &Object, fields: &[(Arc<str>, Plan)], room: &Room) -> Result<Vec<(String, Val)>, MismatchError> {
    let names = || fields.iter().map(|(name, _)| &**name);
    room.take(fields.len(), size_of::<(String, Val)>())?;
    let mut members = Vec::with_capacity(fields.len());
    let mut used = 0;
    for (name, plan) in fields {
        let val = match find(object, name) {
            Some(value) => {
                used += 1;
                planned(value, plan, room).map_err(|error| error.in_member(name))?
            }
            None if plan.is_option() => Val::Option(None),
            None => return Err(missing(object, name, &plan.ty, names)),
        };
        members.push((room.text(name)?, val));
    }
    if used != object.len() {
        return Err(unknown_member("a member", object, names));
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
    cases: &Cases,
    value: &Value,
    room: &Room,
) -> Result<Val, MismatchError> {
    let Some((name, plan)) = cases.find(name) else {
        return Err(MismatchError::unknown("one of", name, cases.names()));
    };
    let payload = match (plan, payload) {
        (None, None | Some(Value::Null)) => None,
        (None, Some(payload)) => {
            return Err(MismatchError::new(format!("{name:?} without a payload"), excerpt(payload)).in_member(name));
        }
        (Some(plan), None) => {
            let payload = crate::type_text(&plan.ty);
            return Err(MismatchError::new(format!("{{{name:?}: {payload}}}"), excerpt(value)));
        }
        (Some(plan), Some(payload)) => {
            room.boxed(planned(payload, plan, room).map_err(|error| error.in_member(name))?)?
        }
    };
    Ok(Val::Variant(room.text(name)?, payload))
}

fn lower_option(value: &Value, ty: &Type, inner: &Plan, room: &Room) -> Result<Option<Box<Val>>, MismatchError> {
    if *value == Value::Null {
        return Ok(None);
    }
    if !inner.is_option() {
        return planned(value, inner, room).and_then(|val| room.boxed(val));
    }
    // `null` could be the outer or the inner `none`; so the inner one is wrapped.
    match case(value) {
        Some(("some", Some(some))) => {
            planned(some, inner, room).and_then(|val| room.boxed(val)).map_err(|error| error.in_member("some"))
        }
        _ => Err(MismatchError::kind(ty, value).help("an option of an option is null or {\"some\": value}")),
    }
}
