//! `inputs:`

use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Code, InputSpec, InputType, Value};

use crate::keys;
use crate::reader::Reader;
use crate::tree::{Data, Member, Node};

const TYPES: [InputType; 8] = [
    InputType::Any,
    InputType::String,
    InputType::Integer,
    InputType::Number,
    InputType::Boolean,
    InputType::Array,
    InputType::Object,
    InputType::Bytes,
];

pub(crate) fn read(node: &Node, reader: &Reader<'_>) -> IndexMap<Arc<str>, InputSpec> {
    let mut inputs = IndexMap::new();
    for member in reader.members(node, "inputs", "inputs: { text: string }").unwrap_or_default() {
        if !crate::steps::is_name(&member.key) {
            reader.error(
                Code::InvalidValue,
                member.key_span,
                format!("`{}` cannot be the name of an input", member.key),
                "a name is letters, digits, `_` and `-`, and begins with a letter or `_`",
            );
        }
        inputs.insert(member.key.as_str().into(), input(member, reader));
    }
    inputs
}

fn input(member: &Member, reader: &Reader<'_>) -> InputSpec {
    let node = &member.value;
    let mut spec = InputSpec {
        kind: InputType::Any,
        required: true,
        default: None,
        description: None,
        choices: Vec::new(),
        min: None,
        max: None,
        pattern: None,
        location: reader.location(member.key_span),
    };
    if let Data::String(_) = &node.data {
        spec.kind = kind(node, &member.key, reader);
        return spec;
    }
    let Some(fields) = reader.fields(node, &member.key, &keys::INPUT) else { return spec };
    if let Some(node) = fields.get("type") {
        spec.kind = kind(node, "type", reader);
    }
    spec.description = fields.get("description").and_then(|node| reader.text(node, "description")).map(str::to_owned);
    if let Some(node) = fields.get("enum") {
        match &node.data {
            Data::List(items) if !items.is_empty() => {
                for item in items {
                    let value = item.to_value();
                    if !spec.kind.accepts(&value) {
                        wrong_value(item, &format!("`enum` of {}", a(spec.kind)), spec.kind, reader);
                    }
                    spec.choices.push(value);
                }
            }
            Data::List(_) => reader.error(
                Code::InvalidValue,
                node.span,
                "`enum` allows no value at all",
                "list the values that are allowed, or leave it out",
            ),
            _ => reader.wrong_type(node, "enum", "a list", "write `enum: [one, other]`"),
        }
    }
    spec.min = fields.get("min").and_then(|node| bound(node, "min", spec.kind, reader));
    spec.max = fields.get("max").and_then(|node| bound(node, "max", spec.kind, reader));
    if let (Some(min), Some(max), Some(node)) = (spec.min, spec.max, fields.get("min"))
        && min > max
    {
        reader.error(
            Code::InvalidValue,
            node.span,
            format!("`min` ({min}) is larger than `max` ({max})"),
            "no value is in between: exchange them",
        );
    }
    if let Some(node) = fields.get("pattern")
        && let Some(pattern) = reader.text(node, "pattern")
    {
        if !matches!(spec.kind, InputType::String | InputType::Any) {
            reader.error(
                Code::InvalidValue,
                node.span,
                format!("`pattern` checks text, and this input is {}", a(spec.kind)),
                "leave it out, or write `type: string`",
            );
        } else if let Err(error) = regex_lite::Regex::new(pattern) {
            reader.error(
                Code::InvalidValue,
                node.span,
                format!("`pattern` is no regular expression: {error}"),
                "in YAML, put it in single quotes: no backslash is special there",
            );
        } else {
            spec.pattern = Some(pattern.to_owned());
        }
    }
    if let Some(node) = fields.get("default") {
        set_default(node, &mut spec, reader);
    }
    spec.required = spec.default.is_none();
    if let Some(node) = fields.get("required") {
        match node.data {
            Data::Bool(required) => spec.required = required,
            _ => reader.wrong_type(node, "required", "`true` or `false`", "write `required: true`"),
        }
    }
    spec
}

fn kind(node: &Node, key: &str, reader: &Reader<'_>) -> InputType {
    let names = TYPES.map(InputType::as_str);
    let synonym = match node.as_text() {
        Some("text" | "str") => Some("string"),
        Some("int" | "i64" | "i32" | "u64" | "u32" | "long") => Some("integer"),
        Some("float" | "double" | "f64" | "f32") => Some("number"),
        Some("bool") => Some("boolean"),
        Some("list") => Some("array"),
        Some("map" | "dict" | "record" | "json") => Some("object"),
        Some("binary" | "blob" | "file") => Some("bytes"),
        _ => None,
    };
    if let (Some(meant), Some(text)) = (synonym, node.as_text()) {
        reader.error(Code::InvalidValue, node.span, format!("`{key}` takes no `{text}`"), format!("write `{meant}`"));
        return InputType::Any;
    }
    let name = reader.choice(node, key, &names);
    TYPES.into_iter().find(|kind| Some(kind.as_str()) == name).unwrap_or_default()
}

fn bound(node: &Node, key: &str, kind: InputType, reader: &Reader<'_>) -> Option<f64> {
    if kind == InputType::Boolean {
        reader.error(Code::InvalidValue, node.span, format!("`{key}` means nothing for a boolean"), "leave it out");
        return None;
    }
    match node.as_f64() {
        Some(number) if number.is_finite() => Some(number),
        _ => {
            let takes = "a number: the value's, or how many characters, bytes, items or members it has";
            reader.wrong_type(node, key, takes, &format!("write `{key}: 1`"));
            None
        }
    }
}

pub(crate) fn wrong_value(node: &Node, what: &str, kind: InputType, reader: &Reader<'_>) {
    let value = node.to_value();
    let article = if value.kind().starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    reader.error(
        Code::WrongType,
        node.span,
        format!("{what} must be {}, and this is {article} {}", a(kind), value.kind()),
        match (&value, kind) {
            (Value::String(_), _) => "leave its quotes out, or change `type`".to_owned(),
            (_, InputType::String) => "write it in quotes, or change `type`".to_owned(),
            _ => format!("write a value that is {}, or change `type`", a(kind)),
        },
    );
}

/// `an integer`, `a string`.
fn a(kind: InputType) -> String {
    match kind {
        InputType::Any => "any value".to_owned(),
        InputType::Bytes => "bytes".to_owned(),
        InputType::Integer | InputType::Array | InputType::Object => format!("an {}", kind.as_str()),
        other => format!("a {}", other.as_str()),
    }
}

pub(crate) enum Problem {
    Type,
    Check(String),
}

/// The value of a run that names none, held against the type and the checks that stand beside it.
pub(crate) fn set_default(node: &Node, spec: &mut InputSpec, reader: &Reader<'_>) {
    let value = node.to_value();
    match problem(spec, &value) {
        Some(Problem::Type) => wrong_value(node, "the default", spec.kind, reader),
        Some(Problem::Check(problem)) => reader.error(
            Code::InvalidValue,
            node.span,
            format!("the default {problem}"),
            "change the default, or the check",
        ),
        None => {}
    }
    spec.default = Some(value);
}

/// Why a value is not one that the input takes.
pub(crate) fn problem(spec: &InputSpec, value: &Value) -> Option<Problem> {
    if !spec.kind.accepts(value) {
        return Some(Problem::Type);
    }
    let check = |problem: String| Some(Problem::Check(problem));
    if !spec.choices.is_empty() && !spec.choices.contains(value) {
        let choices: Vec<String> = spec.choices.iter().map(Value::to_json).collect();
        return check(format!("{} is not one of {}", value.to_json(), choices.join(", ")));
    }
    let (size, what) = match value {
        Value::Int(number) => (*number as f64, ""),
        Value::UInt(number) => (*number as f64, ""),
        Value::Float(number) => (*number, ""),
        Value::String(text) => (text.chars().count() as f64, " characters"),
        Value::Bytes(bytes) => (bytes.len() as f64, " bytes"),
        Value::List(list) => (list.len() as f64, " items"),
        Value::Object(object) => (object.len() as f64, " members"),
        Value::Null | Value::Bool(_) => return None,
    };
    let (has, what) = match what {
        "" => ("is", ""),
        plural if size == 1.0 => ("has", plural.trim_end_matches('s')),
        plural => ("has", plural),
    };
    if let Some(min) = spec.min.filter(|min| size < *min) {
        return check(format!("{has} {size}{what}, and `min` is {min}"));
    }
    if let Some(max) = spec.max.filter(|max| size > *max) {
        return check(format!("{has} {size}{what}, and `max` is {max}"));
    }
    if let (Some(pattern), Value::String(text)) = (&spec.pattern, value)
        && regex_lite::Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text))
    {
        return check(format!("does not match `{pattern}`"));
    }
    None
}
