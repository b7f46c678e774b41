//! From component values to JSON.

use std::sync::Arc;

use bytes::Bytes;
use wasmill_model::{Object, Value};
use wasmtime::component::{Type, Val};

use crate::plan::{Parts, Plan};

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
    planned(val, &Plan::new(ty.clone()))
}

fn planned(val: &Val, plan: &Plan) -> Value {
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
        Val::Enum(name) => Value::text(name.as_str()),
        Val::Flags(names) => Value::from(names.iter().map(|name| Value::text(name.as_str())).collect::<Vec<_>>()),
        Val::Resource(_) | Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => Value::Null,
        compound => lift_compound(compound, plan),
    }
}

fn lift_compound(val: &Val, plan: &Plan) -> Value {
    match (val, plan.parts()) {
        (Val::List(items) | Val::FixedLengthList(items), Parts::One(item)) => lift_items(items, item),
        (Val::Map(entries), Parts::Entry(entry)) => lift_entries(entries, &entry.0, &entry.1),
        (Val::Record(members), Parts::Members(fields)) => {
            let fields = fields.iter().zip(members);
            // Rows share their members' names.
            Value::from(fields.map(|((name, plan), (_, val))| (name.clone(), planned(val, plan))).collect::<Object>())
        }
        (Val::Tuple(items), Parts::Members(types)) => {
            Value::from(items.iter().zip(types).map(|(val, (_, plan))| planned(val, plan)).collect::<Vec<_>>())
        }
        (Val::Variant(name, Some(payload)), Parts::Cases(cases)) => {
            let payload = match cases.find(name) {
                Some((_, Some(plan))) => planned(payload, plan),
                _ => Value::Null,
            };
            tagged(name, payload)
        }
        (Val::Variant(name, None), _) => Value::text(name.as_str()),
        (Val::Option(Some(inner)), Parts::One(some)) => {
            let value = planned(inner, some);
            if some.is_option() { tagged("some", value) } else { value }
        }
        (Val::Result(result), _) => {
            let name = if result.is_ok() { "ok" } else { "err" };
            tagged(name, payload_of(result, plan))
        }
        _ => Value::Null,
    }
}

/// Turns what a function gave into JSON: nothing is `null`, a `result` is unwrapped.
pub fn lift_results(vals: &[Val], types: &[Type]) -> Lifted {
    match (vals, types) {
        ([], _) => Lifted::Ok(Value::Null),
        ([Val::Result(result)], [ty]) => {
            let payload = payload_of(result, &Plan::new(ty.clone()));
            if result.is_ok() { Lifted::Ok(payload) } else { Lifted::Err(payload) }
        }
        ([val], [ty]) => Lifted::Ok(lift(val, ty)),
        _ => Lifted::Ok(Value::from(vals.iter().zip(types).map(|(val, ty)| lift(val, ty)).collect::<Vec<_>>())),
    }
}

fn payload_of(result: &Result<Option<Box<Val>>, Option<Box<Val>>>, plan: &Plan) -> Value {
    let Parts::Outcome(outcome) = plan.parts() else { return Value::Null };
    let (payload, plan) = match result {
        Ok(payload) => (payload, &outcome.0),
        Err(payload) => (payload, &outcome.1),
    };
    match (payload, plan) {
        (Some(payload), Some(plan)) => planned(payload, plan),
        _ => Value::Null,
    }
}

fn tagged(name: &str, value: Value) -> Value {
    Value::from(Object::from_iter([(Arc::from(name), value)]))
}

fn lift_items(items: &[Val], item: &Plan) -> Value {
    if item.ty == Type::U8 {
        let bytes = items.iter().map(|item| if let Val::U8(byte) = item { *byte } else { 0 });
        return Value::Bytes(Bytes::from_iter(bytes));
    }
    Value::from(items.iter().map(|val| planned(val, item)).collect::<Vec<_>>())
}

fn lift_entries(entries: &[(Val, Val)], key: &Plan, value: &Plan) -> Value {
    if key.ty == Type::String {
        let members = entries.iter().map(|(name, val)| {
            let name: Arc<str> = if let Val::String(name) = name { name.as_str().into() } else { "".into() };
            (name, planned(val, value))
        });
        return Value::from(members.collect::<Object>());
    }
    let pairs = entries.iter().map(|(one, other)| Value::from(vec![planned(one, key), planned(other, value)]));
    Value::from(pairs.collect::<Vec<_>>())
}
