//! From component values to JSON.

use std::sync::Arc;

use bytes::Bytes;
use wasmill_model::{Object, Value};
use wasmtime::component::{Type, Val};

use crate::lower::is_option;

/// What a function gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Lifted {
    /// Its result; where it is declared as `result<t, e>`, the value in `ok`.
    Ok(Value),
    /// The value in `err`.
    Err(Value),
}

/// Turns a component's value into JSON. The table of this crate's documentation says how.
///
/// A resource, future or stream, which no callable function gives, is `null`.
pub fn lift(val: &Val, ty: &Type) -> Value {
    match val {
        Val::Bool(value) => Value::Bool(*value),
        Val::S8(value) => Value::Int(i64::from(*value)),
        Val::U8(value) => Value::Int(i64::from(*value)),
        Val::S16(value) => Value::Int(i64::from(*value)),
        Val::U16(value) => Value::Int(i64::from(*value)),
        Val::S32(value) => Value::Int(i64::from(*value)),
        Val::U32(value) => Value::Int(i64::from(*value)),
        Val::S64(value) => Value::Int(*value),
        Val::U64(value) => Value::from(*value),
        Val::Float32(value) => Value::Float(f64::from(*value)),
        Val::Float64(value) => Value::Float(*value),
        Val::Char(value) => Value::text(*value),
        Val::String(text) => Value::text(text.as_str()),
        Val::List(items) => match ty {
            Type::List(list) => lift_items(items, &list.ty()),
            _ => Value::Null,
        },
        Val::FixedLengthList(items) => match ty {
            Type::FixedLengthList(list) => lift_items(items, &list.ty()),
            _ => Value::Null,
        },
        Val::Map(entries) => match ty {
            Type::Map(map) => lift_entries(entries, &map.key(), &map.value()),
            _ => Value::Null,
        },
        Val::Record(members) => match ty {
            Type::Record(record) => {
                let fields = record.fields().zip(members);
                Value::from(
                    fields.map(|(field, (_, val))| (Arc::from(field.name), lift(val, &field.ty))).collect::<Object>(),
                )
            }
            _ => Value::Null,
        },
        Val::Tuple(items) => match ty {
            Type::Tuple(tuple) => {
                Value::from(items.iter().zip(tuple.types()).map(|(val, ty)| lift(val, &ty)).collect::<Vec<_>>())
            }
            _ => Value::Null,
        },
        Val::Variant(name, payload) => match (ty, payload) {
            (Type::Variant(variant), Some(payload)) => {
                let ty = variant.cases().find(|case| case.name == name).and_then(|case| case.ty);
                tagged(name, ty.map_or(Value::Null, |ty| lift(payload, &ty)))
            }
            _ => Value::text(name.as_str()),
        },
        Val::Enum(name) => Value::text(name.as_str()),
        Val::Option(inner) => match (ty, inner) {
            (Type::Option(option), Some(inner)) => {
                let ty = option.ty();
                let value = lift(inner, &ty);
                if is_option(&ty) { tagged("some", value) } else { value }
            }
            _ => Value::Null,
        },
        Val::Result(result) => {
            let (name, payload) = match result {
                Ok(payload) => ("ok", payload),
                Err(payload) => ("err", payload),
            };
            tagged(name, payload_of(payload.as_deref(), ty, result.is_ok()))
        }
        Val::Flags(names) => Value::from(names.iter().map(|name| Value::text(name.as_str())).collect::<Vec<_>>()),
        Val::Resource(_) | Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => Value::Null,
    }
}

/// Turns what a function gave into JSON: nothing is `null`, a `result` is unwrapped.
pub fn lift_results(vals: &[Val], types: &[Type]) -> Lifted {
    match (vals, types) {
        ([], _) => Lifted::Ok(Value::Null),
        ([Val::Result(result)], [ty]) => match result {
            Ok(payload) => Lifted::Ok(payload_of(payload.as_deref(), ty, true)),
            Err(payload) => Lifted::Err(payload_of(payload.as_deref(), ty, false)),
        },
        ([val], [ty]) => Lifted::Ok(lift(val, ty)),
        _ => Lifted::Ok(Value::from(vals.iter().zip(types).map(|(val, ty)| lift(val, ty)).collect::<Vec<_>>())),
    }
}

fn payload_of(payload: Option<&Val>, ty: &Type, ok: bool) -> Value {
    match (payload, ty) {
        (Some(payload), Type::Result(result)) => {
            let ty = if ok { result.ok() } else { result.err() };
            ty.map_or(Value::Null, |ty| lift(payload, &ty))
        }
        _ => Value::Null,
    }
}

fn tagged(name: &str, value: Value) -> Value {
    Value::from(Object::from_iter([(Arc::from(name), value)]))
}

fn lift_items(items: &[Val], ty: &Type) -> Value {
    match ty {
        Type::U8 => {
            let bytes = items.iter().map(|item| if let Val::U8(byte) = item { *byte } else { 0 });
            Value::Bytes(Bytes::from_iter(bytes))
        }
        // Rows share their members' names.
        Type::Record(record) => {
            let fields: Vec<(Arc<str>, Type)> =
                record.fields().map(|field| (Arc::from(field.name), field.ty)).collect();
            let rows = items.iter().map(|item| match item {
                Val::Record(members) => Value::from(
                    fields
                        .iter()
                        .zip(members)
                        .map(|((name, ty), (_, val))| (name.clone(), lift(val, ty)))
                        .collect::<Object>(),
                ),
                _ => Value::Null,
            });
            Value::from(rows.collect::<Vec<_>>())
        }
        _ => Value::from(items.iter().map(|item| lift(item, ty)).collect::<Vec<_>>()),
    }
}

fn lift_entries(entries: &[(Val, Val)], key_type: &Type, value_type: &Type) -> Value {
    if *key_type == Type::String {
        let members = entries.iter().map(|(key, value)| {
            let name: Arc<str> = if let Val::String(key) = key { key.as_str().into() } else { "".into() };
            (name, lift(value, value_type))
        });
        return Value::from(members.collect::<Object>());
    }
    let pairs = entries.iter().map(|(key, value)| Value::from(vec![lift(key, key_type), lift(value, value_type)]));
    Value::from(pairs.collect::<Vec<_>>())
}
