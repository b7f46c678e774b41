//! What tasks are given: typed inputs with their checks, and texts with `{{ … }}` in them.

use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Code, InputSpec, InputType, Part, Template, Value};

use super::{boolean, items, member, present, required};
use crate::inputs::{Problem, problem, set_default, wrong_value};
use crate::keys::Keys;
use crate::reader::{Fields, Reader, listed};
use crate::steps::is_name;
use crate::tree::{Data, Node, Span};

/// One declared input, before it is known where its value comes from.
pub(super) struct Declared<'n> {
    pub(super) name: Arc<str>,
    pub(super) span: Span,
    pub(super) spec: InputSpec,
    /// A value in the file: `value`, or `source`.
    pub(super) given: Option<Given<'n>>,
}

#[derive(Clone, Copy)]
pub(super) enum Given<'n> {
    /// A value, perhaps with `{{ … }}` in it.
    Value(&'n Node),
    /// `source: "task.output"`.
    Source(&'n str, Span),
}

const INPUT: Keys = Keys {
    what: "an input",
    example: "{ name: number, type: integer }",
    now: &[
        "name",
        "type",
        "required",
        "default",
        "description",
        "value",
        "source",
        "validation",
        "min",
        "max",
        "minimum",
        "maximum",
        "min_length",
        "max_length",
        "minLength",
        "maxLength",
        "pattern",
        "enum",
        "allowed_values",
    ],
    later: &[],
};

/// The keys that say which values are right.
const CHECKS: &[&str] = &[
    "min",
    "max",
    "minimum",
    "maximum",
    "min_length",
    "max_length",
    "minLength",
    "maxLength",
    "pattern",
    "enum",
    "allowed_values",
    "message",
];

const OWN_VALIDATION: Keys = Keys { what: "`validation`", example: "{ min: 0, max: 20 }", now: CHECKS, later: &[] };

const VALIDATION: Keys = Keys {
    what: "a validation",
    example: "{ field: number, min: 0, max: 20 }",
    now: &[
        "field",
        "min",
        "max",
        "minimum",
        "maximum",
        "min_length",
        "max_length",
        "minLength",
        "maxLength",
        "pattern",
        "enum",
        "allowed_values",
        "message",
        "required",
        "type",
    ],
    later: &[],
};

const SCHEMA: Keys = Keys {
    what: "`input_schema`",
    example: "{ type: object, properties: { number: { type: integer } } }",
    now: &["type", "properties", "required", "description", "title", "additionalProperties", "$schema"],
    later: &[],
};

const PROPERTY: Keys = Keys {
    what: "a property",
    example: "{ type: integer, minimum: 0 }",
    now: &[
        "type",
        "description",
        "title",
        "default",
        "examples",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "enum",
    ],
    later: &[],
};

fn spec(span: Span, reader: &Reader<'_>) -> InputSpec {
    InputSpec {
        kind: InputType::Any,
        required: true,
        default: None,
        description: None,
        choices: Vec::new(),
        min: None,
        max: None,
        pattern: None,
        location: reader.location(span),
    }
}

fn name<'n>(text: &'n str, span: Span, reader: &Reader<'_>) -> &'n str {
    if !is_name(text) {
        let help = "a name is letters, digits, `_` and `-`, and begins with a letter or `_`";
        reader.error(Code::InvalidValue, span, format!("`{text}` cannot be the name of an input"), help);
    }
    text
}

/// `inputs:`, a list of inputs or of names.
pub(super) fn inputs<'n>(node: Option<&'n Node>, reader: &Reader<'_>) -> Vec<Declared<'n>> {
    let mut declared: Vec<Declared<'n>> = Vec::new();
    for item in items(node, "inputs", "inputs: [{ name: number, type: integer }]", reader) {
        let Some(one) = input(item, reader) else { continue };
        if declared.iter().any(|other| other.name == one.name) {
            let message = format!("the input `{}` is there twice", one.name);
            reader.error(Code::Duplicate, one.span, message, "leave one of them out");
            continue;
        }
        declared.push(one);
    }
    declared
}

fn input<'n>(node: &'n Node, reader: &Reader<'_>) -> Option<Declared<'n>> {
    if let Data::String(text) = &node.data {
        let name = name(text, node.span, reader).into();
        return Some(Declared { name, span: node.span, spec: spec(node.span, reader), given: None });
    }
    let fields = reader.fields(node, "an input", &INPUT)?;
    let (text, span) = required(&fields, "name", node, "an input", reader)?;
    let mut spec = spec(span, reader);
    kind(&fields, &mut spec, reader);
    let description = present(&fields, "description").and_then(|node| reader.text(node, "description"));
    spec.description = description.map(str::to_owned);
    checks(&fields, &mut spec, reader);
    if let Some(fields) =
        present(&fields, "validation").and_then(|node| reader.fields(node, "validation", &OWN_VALIDATION))
    {
        checks(&fields, &mut spec, reader);
    }
    let required = present(&fields, "required").and_then(|node| boolean(node, "required", reader));
    default(&fields, &mut spec, reader);
    spec.required = required.unwrap_or(true) && spec.default.is_none();
    let value = present(&fields, "value").map(Given::Value);
    let source =
        present(&fields, "source").and_then(|node| Some(Given::Source(reader.text(node, "source")?, node.span)));
    if let (Some(_), Some(_), Some(node)) = (value, source, fields.get("source")) {
        reader.error(
            Code::InvalidValue,
            node.span,
            "the input has both a `value` and a `source`",
            "leave one of them out",
        );
    }
    Some(Declared { name: name(text, span, reader).into(), span, spec, given: value.or(source) })
}

/// `input_schema:`, JSON Schema of an object.
pub(super) fn schema<'n>(node: &'n Node, reader: &Reader<'_>) -> Vec<Declared<'n>> {
    let Some(fields) = reader.fields(node, "input_schema", &SCHEMA) else { return Vec::new() };
    if let Some(node) = present(&fields, "type") {
        reader.choice(node, "type", &["object"]);
    }
    let needed: Vec<(&str, Span)> =
        present(&fields, "required").map(|node| reader.texts(node, "required")).unwrap_or_default();
    let properties = present(&fields, "properties");
    let members =
        properties.and_then(|node| reader.members(node, "properties", "properties: { number: { type: integer } }"));
    let members = members.unwrap_or_default();
    for (name, span) in &needed {
        if !members.iter().any(|member| member.key == *name) {
            let help = suggestion(name, members.iter().map(|member| member.key.as_str()), reader);
            reader.error(
                Code::UnknownInput,
                *span,
                format!("`required` names no property: there is no `{name}`"),
                help,
            );
        }
    }
    let property = |member: &'n crate::tree::Member| {
        let fields = reader.fields(&member.value, &member.key, &PROPERTY)?;
        let mut spec = spec(member.key_span, reader);
        kind(&fields, &mut spec, reader);
        let description = present(&fields, "description").and_then(|node| reader.text(node, "description"));
        spec.description = description.map(str::to_owned);
        checks(&fields, &mut spec, reader);
        default(&fields, &mut spec, reader);
        spec.required = spec.default.is_none() && needed.iter().any(|(name, _)| *name == member.key);
        let name = name(&member.key, member.key_span, reader).into();
        Some(Declared { name, span: member.key_span, spec, given: None })
    };
    members.iter().filter_map(property).collect()
}

fn kind(fields: &Fields<'_>, spec: &mut InputSpec, reader: &Reader<'_>) {
    const NAMES: [&str; 8] = ["string", "integer", "number", "boolean", "array", "object", "bytes", "any"];
    let Some(node) = present(fields, "type") else { return };
    spec.kind = match node.as_text() {
        Some("string" | "text" | "str") => InputType::String,
        Some("integer" | "int" | "i32" | "i64" | "u32" | "u64" | "long") => InputType::Integer,
        Some("number" | "float" | "double" | "f32" | "f64") => InputType::Number,
        Some("boolean" | "bool") => InputType::Boolean,
        Some("array" | "list") => InputType::Array,
        Some("object" | "dict" | "map") => InputType::Object,
        Some("bytes" | "binary" | "blob") => InputType::Bytes,
        Some("any" | "json") => InputType::Any,
        Some(mesh @ ("zenoh" | "stream" | "topic" | "ros2")) => {
            let message =
                format!("an input of the type `{mesh}` comes over a mesh, and a run is given all of its inputs");
            reader.error(Code::Unsupported, node.span, message, "give the value itself: `type: string`, or another");
            return;
        }
        _ => {
            reader.choice(node, "type", &NAMES);
            return;
        }
    };
}

/// The checks that a value must pass.
fn checks(fields: &Fields<'_>, spec: &mut InputSpec, reader: &Reader<'_>) {
    let bound = |keys: [&str; 4]| {
        keys.into_iter().find_map(|key| {
            let node = present(fields, key)?;
            let number = node.as_f64().filter(|number| number.is_finite());
            if number.is_none() {
                reader.wrong_type(node, key, "a number", &format!("write `{key}: 1`"));
            }
            number.map(|number| (number, node))
        })
    };
    let min = bound(["min", "minimum", "min_length", "minLength"]);
    let max = bound(["max", "maximum", "max_length", "maxLength"]);
    spec.min = min.map(|(number, _)| number).or(spec.min);
    spec.max = max.map(|(number, _)| number).or(spec.max);
    if let (Some(low), Some(high), Some((_, node))) = (spec.min, spec.max, min.or(max))
        && low > high
    {
        let message = format!("the smallest ({low}) is larger than the largest ({high})");
        reader.error(Code::InvalidValue, node.span, message, "no value is in between: exchange them");
    }
    for key in ["enum", "allowed_values"] {
        if let Some(node) = present(fields, key) {
            match &node.data {
                Data::List(items) if !items.is_empty() => {
                    if let Some(item) = items.iter().find(|item| !spec.kind.accepts(&item.to_value())) {
                        wrong_value(item, &format!("`{key}`"), spec.kind, reader);
                    }
                    spec.choices = items.iter().map(Node::to_value).collect();
                }
                Data::List(_) => {
                    let message = format!("`{key}` allows no value at all");
                    reader.error(
                        Code::InvalidValue,
                        node.span,
                        message,
                        "list the values that are allowed, or leave it out",
                    );
                }
                _ => reader.wrong_type(node, key, "a list of values", &format!("write `{key}: [one, other]`")),
            }
        }
    }
    if let Some(node) = present(fields, "pattern")
        && let Some(pattern) = reader.text(node, "pattern")
    {
        match regex_lite::Regex::new(pattern) {
            Ok(_) if matches!(spec.kind, InputType::String | InputType::Any) => spec.pattern = Some(pattern.to_owned()),
            Ok(_) => {
                let message = "`pattern` checks text, and this input is none";
                reader.error(Code::InvalidValue, node.span, message, "leave it out, or write `type: string`");
            }
            Err(error) => {
                let message = format!("`pattern` is no regular expression: {error}");
                let help = "in YAML, put it in single quotes: no backslash is special there";
                reader.error(Code::InvalidValue, node.span, message, help);
            }
        }
    }
    if let Some(message) = present(fields, "message").and_then(|node| reader.text(node, "message")) {
        // What a wrong value is told has no place of its own; beside what the input is for, it is told all the same.
        spec.description = Some(match spec.description.take() {
            Some(description) => format!("{description} ({message})"),
            None => message.to_owned(),
        });
    }
}

fn default(fields: &Fields<'_>, spec: &mut InputSpec, reader: &Reader<'_>) {
    if let Some(node) = present(fields, "default") {
        set_default(node, spec, reader);
    }
}

/// `validation:` of a definition, laid on its inputs.
pub(super) fn validation(node: &Node, inputs: &mut IndexMap<Arc<str>, InputSpec>, reader: &Reader<'_>) {
    for item in items(Some(node), "validation", "validation: [{ field: number, min: 0 }]", reader) {
        let Some(fields) = reader.fields(item, "a validation", &VALIDATION) else { continue };
        let Some((field, span)) = required(&fields, "field", item, "a validation", reader) else { continue };
        let Some(spec) = inputs.get_mut(field) else {
            let help = suggestion(field, inputs.keys().map(AsRef::as_ref), reader);
            reader.error(Code::UnknownInput, span, format!("there is no input `{field}`"), help);
            continue;
        };
        if spec.kind == InputType::Any {
            kind(&fields, spec, reader);
        }
        checks(&fields, spec, reader);
        if let Some(needed) = present(&fields, "required").and_then(|node| boolean(node, "required", reader)) {
            spec.required = needed && spec.default.is_none();
        }
        if let Some(Problem::Check(problem)) = spec.default.as_ref().and_then(|value| problem(spec, value)) {
            reader.error(
                Code::InvalidValue,
                span,
                format!("the default {problem}"),
                "change the default, or the check",
            );
        }
    }
}

/// `inputs:` beside a definition: values, which become defaults.
pub(super) fn values(node: &Node, inputs: &mut IndexMap<Arc<str>, InputSpec>, reader: &Reader<'_>) {
    for member in reader.members(node, "inputs", "inputs: { number: 5 }").unwrap_or_default() {
        match inputs.get_mut(member.key.as_str()) {
            Some(spec) => {
                set_default(&member.value, spec, reader);
                spec.required = false;
            }
            None => {
                let help = suggestion(&member.key, inputs.keys().map(AsRef::as_ref), reader);
                let message = format!("there is no input `{}`", member.key);
                reader.error(Code::UnknownInput, member.key_span, message, help);
            }
        }
    }
}

pub(super) fn suggestion<'a>(name: &str, among: impl Iterator<Item = &'a str> + Clone, reader: &Reader<'_>) -> String {
    match reader.nearest(name, among.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", listed(among)),
    }
}

/// What `{{ … }}` may name.
pub(super) trait Names {
    /// The CEL expression of a path, of at least one part.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    fn resolve(&self, path: &[&str], reader: &Reader<'_>) -> Result<String, (Code, String, String)>;
}

/// A value with `{{ … }}` in its texts.
pub(super) fn value(node: &Node, names: &impl Names, reader: &Reader<'_>) -> Template {
    match &node.data {
        Data::String(text) if text.contains("{{") => interpolated(text, node.span, names, reader),
        Data::List(list) => {
            let list: Vec<Template> = list.iter().map(|item| value(item, names, reader)).collect();
            match literals(list.iter()) {
                Some(values) => Template::Literal(Value::from(values)),
                None => Template::List(list),
            }
        }
        Data::Object(members) if node.as_bytes().is_none() => {
            let object: IndexMap<Arc<str>, Template> = members
                .iter()
                .map(|member| (member.key.as_str().into(), value(&member.value, names, reader)))
                .collect();
            match literals(object.values()) {
                Some(values) => {
                    Template::Literal(Value::from(object.into_keys().zip(values).collect::<wasmill_model::Object>()))
                }
                None => Template::Object(object),
            }
        }
        _ => Template::Literal(node.to_value()),
    }
}

fn literals<'t>(templates: impl Iterator<Item = &'t Template>) -> Option<Vec<Value>> {
    let literal = |template: &Template| match template {
        Template::Literal(value) => Some(value.clone()),
        _ => None,
    };
    templates.map(literal).collect()
}

/// A text with `{{ path }}` in it, `${{ path }}` being the same.
fn interpolated(text: &str, span: Span, names: &impl Names, reader: &Reader<'_>) -> Template {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        let before = before.strip_suffix('$').unwrap_or(before);
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let Some((path, behind)) = behind.split_once("}}") else {
            reader.error(Code::Expression, span, "`{{` is not closed", "close it with `}}`");
            return Template::Literal(Value::Null);
        };
        match path_of(path.trim(), span, names, reader) {
            Template::Expression(expression) => parts.push(Part::Expression(expression)),
            other => return other,
        }
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    match parts.pop() {
        Some(Part::Expression(expression)) if parts.is_empty() => Template::Expression(expression),
        Some(last) => {
            parts.push(last);
            Template::Text(parts)
        }
        None => Template::Literal(Value::Null),
    }
}

/// `inputs.number`, `result.rows`, `first.output`: names with dots between them.
pub(super) fn path_of(path: &str, span: Span, names: &impl Names, reader: &Reader<'_>) -> Template {
    let parts: Vec<&str> = path.split('.').map(str::trim).collect();
    let is_path = parts.iter().all(|part| {
        !part.is_empty() && !part.contains(|one: char| one.is_whitespace() || "()[]{}|+*/'\"".contains(one))
    });
    if !is_path {
        let message = format!("`{path}` is no name of a value");
        reader.error(Code::Expression, span, message, "write a name with its members: `inputs.number`, `result.rows`");
        return Template::Literal(Value::Null);
    }
    match names.resolve(&parts, reader) {
        Ok(source) => super::expression(&source, &reader.location(span), reader),
        Err((code, message, help)) => {
            reader.error(code, span, message, help);
            Template::Literal(Value::Null)
        }
    }
}

/// `a.b["c-d"]` of parts; a part of digits is a position.
pub(super) fn members(parts: &[&str]) -> String {
    parts
        .iter()
        .map(|part| if part.bytes().all(|byte| byte.is_ascii_digit()) { format!("[{part}]") } else { member(part) })
        .collect()
}
