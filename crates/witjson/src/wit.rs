//! Component types as WIT text, for messages.

use std::fmt::Write as _;

use wasmtime::component::Type;

/// Levels that are written out; deeper ones are an ellipsis.
const DEPTH: usize = 4;
/// Where a text is cut.
const LENGTH: usize = 160;

/// A type as WIT writes it: `list<tuple<string, u32>>`. Components carry no names for most types, so that a record is
/// `record { word: string, count: u32 }`; deep and long ones are cut with an ellipsis.
pub fn type_text(ty: &Type) -> String {
    let mut text = String::new();
    write(&mut text, ty, DEPTH);
    text
}

fn write(text: &mut String, ty: &Type, depth: usize) {
    let name = match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Own(_) => "resource",
        Type::Borrow(_) => "borrow<resource>",
        Type::Future(_) => "future",
        Type::Stream(_) => "stream",
        _ if depth == 0 || text.len() > LENGTH => "…",
        compound => return write_compound(text, compound, depth - 1),
    };
    text.push_str(name);
}

fn write_compound(text: &mut String, ty: &Type, depth: usize) {
    match ty {
        Type::List(list) => wrap(text, "list", [list.ty()], depth),
        Type::FixedLengthList(list) => {
            text.push_str("list<");
            write(text, &list.ty(), depth);
            // Writing to a string cannot fail.
            _ = write!(text, ", {}>", list.len());
        }
        Type::Map(map) => wrap(text, "map", [map.key(), map.value()], depth),
        Type::Tuple(tuple) => wrap(text, "tuple", tuple.types(), depth),
        Type::Option(option) => wrap(text, "option", [option.ty()], depth),
        Type::Result(result) => match (result.ok(), result.err()) {
            (None, None) => text.push_str("result"),
            (Some(ok), None) => wrap(text, "result", [ok], depth),
            (Some(ok), Some(err)) => wrap(text, "result", [ok, err], depth),
            (None, Some(err)) => {
                text.push_str("result<_, ");
                write(text, &err, depth);
                text.push('>');
            }
        },
        Type::Record(record) => {
            members(text, "record", record.fields().map(|field| (field.name, Some(field.ty))), ": ", "", depth);
        }
        Type::Variant(variant) => {
            members(text, "variant", variant.cases().map(|case| (case.name, case.ty)), "(", ")", depth);
        }
        Type::Enum(names) => members(text, "enum", names.names().map(|name| (name, None)), "", "", depth),
        Type::Flags(names) => members(text, "flags", names.names().map(|name| (name, None)), "", "", depth),
        _ => text.push('…'),
    }
}

fn wrap(text: &mut String, name: &str, types: impl IntoIterator<Item = Type>, depth: usize) {
    text.push_str(name);
    text.push('<');
    for (index, ty) in types.into_iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        if text.len() > LENGTH {
            text.push('…');
            break;
        }
        write(text, &ty, depth);
    }
    text.push('>');
}

fn members<'a>(
    text: &mut String,
    keyword: &str,
    members: impl Iterator<Item = (&'a str, Option<Type>)>,
    before: &str,
    after: &str,
    depth: usize,
) {
    text.push_str(keyword);
    text.push_str(" { ");
    for (index, (name, ty)) in members.enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        if text.len() > LENGTH {
            text.push('…');
            break;
        }
        text.push_str(name);
        if let Some(ty) = ty {
            text.push_str(before);
            write(text, &ty, depth);
            text.push_str(after);
        }
    }
    text.push_str(" }");
}
