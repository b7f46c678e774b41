//! Our values as CEL's, and back.

use std::collections::HashMap;
use std::sync::Arc;

use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelOptional, CelString, CelType, CelUInt,
};
use cel::common::value::Val;
use wasmill_model::{Object, Value};

use crate::bounds::MAX_RESULT;
use crate::error::Failure;

/// A value as CEL sees it. Text and bytes are lent, not copied.
pub(crate) fn to_cel(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Int(value) => Box::new(CelInt::from(*value)),
        Value::UInt(value) => Box::new(CelUInt::from(*value)),
        Value::Float(value) => Box::new(CelDouble::from(*value)),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Bytes(bytes) => Box::new(CelBytes::from(bytes.as_ref())),
        Value::List(list) => Box::new(CelList::from(list.iter().map(to_cel).collect::<Vec<_>>())),
        Value::Object(object) => {
            let members: HashMap<CelMapKey<'_>, Box<dyn Val + '_>> =
                object.iter().map(|(name, value)| (CelMapKey::from(name.as_ref()), to_cel(value))).collect();
            Box::new(CelMap::from(members))
        }
    }
}

/// What CEL made, as a value: with sorted keys, because CEL's maps have no order.
///
/// # Errors
/// A result that is no value, or one that is larger than any value should be.
pub(crate) fn from_cel(value: &dyn Val) -> Result<Value, Failure> {
    let mut room = MAX_RESULT;
    convert(value, &mut room)
}

fn convert(value: &dyn Val, room: &mut usize) -> Result<Value, Failure> {
    take(room, size_of::<Value>())?;
    if let Some(value) = value.downcast_ref::<CelString>() {
        take(room, value.inner().len())?;
        return Ok(Value::from(value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelInt>() {
        return Ok(Value::Int(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelBool>() {
        return Ok(Value::Bool(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelDouble>() {
        return Ok(Value::Float(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelUInt>() {
        return Ok(Value::from(*value.inner()));
    }
    if value.downcast_ref::<CelNull>().is_some() {
        return Ok(Value::Null);
    }
    if let Some(value) = value.downcast_ref::<CelBytes>() {
        take(room, value.inner().len())?;
        return Ok(Value::Bytes(value.inner().to_vec().into()));
    }
    if let Some(list) = value.downcast_ref::<CelList>() {
        return Ok(Value::from(
            list.inner().iter().map(|item| convert(item.as_ref(), room)).collect::<Result<Vec<_>, _>>()?,
        ));
    }
    if let Some(map) = value.downcast_ref::<CelMap>() {
        let mut object = Object::with_capacity(map.inner().len());
        for (key, value) in map.inner() {
            let name: Arc<str> = match key {
                CelMapKey::String(name) => name.inner().into(),
                CelMapKey::Bool(key) => key.inner().to_string().into(),
                CelMapKey::Int(key) => key.inner().to_string().into(),
                CelMapKey::UInt(key) => key.inner().to_string().into(),
            };
            take(room, name.len())?;
            if object.insert(name.clone(), convert(value.as_ref(), room)?).is_some() {
                return Err(Failure::new(format!(
                    "the result has the member `{name}` twice, as a text and as a number"
                )));
            }
        }
        object.sort_unstable_keys();
        return Ok(Value::from(object));
    }
    if let Some(optional) = value.downcast_ref::<CelOptional>() {
        return optional.option().map_or(Ok(Value::Null), |value| convert(value, room));
    }
    if let Some(kind) = value.downcast_ref::<CelType>() {
        return Ok(Value::from(kind.name()));
    }
    Err(Failure::new(format!("the result is a `{}`, which is no value that a step can take", value.get_type().name())))
}

fn take(room: &mut usize, bytes: usize) -> Result<(), Failure> {
    *room = room.checked_sub(bytes).ok_or_else(|| {
        Failure::new(format!("the result has more than {} MiB", MAX_RESULT >> 20)).help("compute it in a unit")
    })?;
    Ok(())
}
