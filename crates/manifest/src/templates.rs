//! Values that may hold expressions, with the place of every expression in the file.

use indexmap::IndexMap;
use wasmill_expression::{ExpressionError, has_expression, parse_template_with};
use wasmill_model::{Code, Location, Template, Value};

use crate::reader::Reader;
use crate::tree::{Data, Node, Span};

/// A value of the manifest as a template. What is wrong is reported, and stands for `null`.
pub(crate) fn template(node: &Node, reader: &Reader<'_>) -> Template {
    if let Some(bytes) = node.as_bytes() {
        if let Err(problem) = bytes {
            reader.error(
                Code::Base64,
                node.span,
                format!("this is no valid base64: {problem}"),
                "`base64 FILE` makes some",
            );
        }
        return Template::Literal(node.to_value());
    }
    match &node.data {
        Data::String(text) if has_expression(text) => {
            let locate = |offset| place(node.span, text, offset, reader);
            match parse_template_with(text, &locate) {
                Ok(template) => template,
                Err(error) => {
                    report(&error, reader);
                    Template::Literal(Value::Null)
                }
            }
        }
        Data::List(items) => {
            let items: Vec<Template> = items.iter().map(|item| template(item, reader)).collect();
            if items.iter().all(|item| matches!(item, Template::Literal(_))) {
                return Template::Literal(Value::from(items.into_iter().filter_map(literal).collect::<Vec<_>>()));
            }
            Template::List(items)
        }
        Data::Object(members) => {
            let members: IndexMap<_, _> =
                members.iter().map(|member| (member.key.as_str().into(), template(&member.value, reader))).collect();
            if members.values().all(|member| matches!(member, Template::Literal(_))) {
                let literals: wasmill_model::Object =
                    members.into_iter().filter_map(|(name, member)| Some((name, literal(member)?))).collect();
                return Template::Literal(Value::from(literals));
            }
            Template::Object(members)
        }
        _ => Template::Literal(node.to_value()),
    }
}

fn literal(template: Template) -> Option<Value> {
    match template {
        Template::Literal(value) => Some(value),
        _ => None,
    }
}

fn report(error: &ExpressionError, reader: &Reader<'_>) {
    let mut diagnostic = wasmill_model::Diagnostic::new(Code::Expression, error.message.clone()).at(&error.location);
    diagnostic.help =
        Some(error.help.clone().unwrap_or_else(|| "expressions are CEL: docs/manifest.md shows them".to_owned()));
    reader.push(diagnostic);
}

/// Where the byte `offset` of a scalar's text stands in the file.
///
/// The text may be folded, indented or escaped, so the `${{` before it is counted in both, and from there the two are compared:
/// as far as they agree the place is exact, and otherwise it is the expression's first byte.
fn place(span: Span, text: &str, offset: usize, reader: &Reader<'_>) -> Location {
    let point = |start| reader.location(Span { start, end: start });
    let raw = reader.slice(span);
    let upto = text.get(..(offset + 3).min(text.len())).or_else(|| text.get(..offset)).unwrap_or(text);
    let Some((count, anchor)) = upto.match_indices("${{").enumerate().map(|(count, (at, _))| (count, at)).last() else {
        return point(span.start);
    };
    let Some((raw_anchor, _)) = raw.match_indices("${{").nth(count) else { return point(span.start) };
    let wanted = text.get(anchor..offset).unwrap_or_default();
    let behind = raw.get(raw_anchor..).unwrap_or_default();
    match follow(wanted, behind) {
        Some(length) => point(span.start + raw_anchor + length),
        None => point(span.start + raw_anchor),
    }
}

/// How many bytes of `raw` the text `wanted` takes up; none where they differ in more than escapes and line breaks.
fn follow(wanted: &str, raw: &str) -> Option<usize> {
    let mut position = 0;
    let mut characters = wanted.chars().peekable();
    while let Some(one) = characters.next() {
        let rest = raw.get(position..)?;
        if one.is_whitespace() {
            while characters.next_if(|next| next.is_whitespace()).is_some() {}
            let length = rest.len() - rest.trim_start().len();
            if length == 0 {
                return None;
            }
            // Up to the last byte of the space, where the text ends in it.
            position += length;
            continue;
        }
        let mut behind = rest.chars();
        match behind.next()? {
            next if next == one => {
                position += one.len_utf8();
                // A single quote in single quotes is doubled.
                if one == '\'' && rest.starts_with("''") && !wanted.contains("''") {
                    position += 1;
                }
            }
            '\\' if behind.next() == Some(one) => position += 1 + one.len_utf8(),
            _ => return None,
        }
    }
    Some(position)
}
