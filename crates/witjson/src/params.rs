//! From what `with` gives to a function's parameters.

use wasmill_model::{Input, Object, Value};
use wasmtime::component::{Type, Val};

use crate::error::excerpt;
use crate::lower::{Room, find, is_option, lower_into, missing, same, unknown_member};
use crate::{MismatchError, type_text};

/// Turns a step's input into the arguments of a function.
///
/// - By name: every name is a parameter's (`_` may stand for `-`), and parameters of type `option` may be left out. A function whose
///   only parameter is a record also takes the record's members.
/// - By position: one value a parameter; options at the end may be left out.
/// - A single value is the only parameter. Where there are several, it is an object that names them; where there are none, it is
///   `null` or an object without members.
///
/// The arguments take no more of the host's memory than `most` bytes.
///
/// # Errors
/// What does not fit, and where; the path begins with the parameter's name.
pub fn lower_params(input: &Input, params: &[(String, Type)], most: usize) -> Result<Vec<Val>, MismatchError> {
    let room = &Room::new(most);
    match (input, params) {
        (Input::Named(object), _) => named(object, params, room),
        (Input::Positional(list), _) => positional(list, params, room),
        (Input::Single(value), [(name, ty)]) => {
            Ok(vec![lower_into(value, ty, room).map_err(|error| error.in_member(name))?])
        }
        (Input::Single(Value::Null), []) => Ok(Vec::new()),
        (Input::Single(Value::Object(object)), _) => named(object, params, room),
        (Input::Single(value), _) => {
            Err(MismatchError::new(takes(params), excerpt(value)).help(if params.is_empty() {
                "leave `with` out, or give `with: {}`"
            } else {
                "give them by name, as an object"
            }))
        }
    }
}

/// `2 parameters (text: string, times: u32)`
fn takes(params: &[(String, Type)]) -> String {
    if params.is_empty() {
        return "no parameters".to_owned();
    }
    let list: Vec<String> = params.iter().map(|(name, ty)| format!("{name}: {}", type_text(ty))).collect();
    format!("{} parameter{} ({})", params.len(), if params.len() == 1 { "" } else { "s" }, list.join(", "))
}

fn named(object: &Object, params: &[(String, Type)], room: &Room) -> Result<Vec<Val>, MismatchError> {
    let names = || params.iter().map(|(name, _)| name.as_str());
    if let [(name, ty @ Type::Record(record))] = params
        && find(object, name).is_none()
        && (object.is_empty() || object.keys().any(|key| record.fields().any(|field| same(key, field.name))))
    {
        return Ok(vec![lower_into(&Value::from(object.clone()), ty, room)?]);
    }
    let mut vals = Vec::with_capacity(params.len());
    let mut used = 0;
    for (name, ty) in params {
        vals.push(match find(object, name) {
            Some(value) => {
                used += 1;
                lower_into(value, ty, room).map_err(|error| error.in_member(name))?
            }
            None if is_option(ty) => Val::Option(None),
            None => return Err(missing(object, name, ty, names)),
        });
    }
    if used != object.len() {
        return Err(unknown_member("a parameter", object, names));
    }
    Ok(vals)
}

fn positional(list: &[Value], params: &[(String, Type)], room: &Room) -> Result<Vec<Val>, MismatchError> {
    let left_out = params.get(list.len()..).unwrap_or_default();
    if list.len() > params.len() || !left_out.iter().all(|(_, ty)| is_option(ty)) {
        let error = MismatchError::new(takes(params), format!("{} by position", list.len()));
        return Err(match params {
            [(name, Type::List(_) | Type::Tuple(_) | Type::FixedLengthList(_))] => {
                error.help(format!("to give one array, name it: `with: {{ {name}: […] }}`"))
            }
            _ => error,
        });
    }
    let given = list
        .iter()
        .zip(params)
        .map(|(value, (name, ty))| lower_into(value, ty, room).map_err(|error| error.in_member(name)));
    given.chain(left_out.iter().map(|_| Ok(Val::Option(None)))).collect()
}
