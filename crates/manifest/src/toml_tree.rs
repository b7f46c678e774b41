//! TOML as a tree with spans.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use wasmill_model::Code;

use crate::reader::Reader;
use crate::tree::{Data, MAX_DEPTH, Member, Node, Span};
use crate::yaml_scalar;

/// Reads a file; its tables in the order in which they begin.
pub(crate) fn read(text: &str, reader: &Reader<'_>) -> Option<Node> {
    match DeTable::parse(text) {
        Ok(table) => {
            let span = Span { start: 0, end: text.len() };
            let node = Node { span, data: object(table.get_ref(), text, reader, 0) };
            Some(node)
        }
        Err(error) => {
            let range = error.span().unwrap_or(0..0);
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            let is_duplicate = message.contains("duplicate key");
            let code = if is_duplicate { Code::Duplicate } else { Code::Syntax };
            let message = if message.is_empty() { "this is no valid TOML".to_owned() } else { message };
            let help = if is_duplicate {
                "leave one of them out"
            } else {
                "look at the quotes and the brackets of this line and the one before"
            };
            reader.error(code, Span { start: range.start, end: range.end }, message, help);
            None
        }
    }
}

fn object(table: &DeTable<'_>, text: &str, reader: &Reader<'_>, depth: usize) -> Data {
    let mut members: Vec<Member> = table
        .iter()
        .map(|(key, value)| Member {
            key: key.get_ref().to_string(),
            key_span: span(key),
            value: node(value, text, reader, depth + 1),
        })
        .collect();
    members.sort_by_key(|member| member.key_span.start);
    Data::Object(members)
}

fn node(value: &Spanned<DeValue<'_>>, text: &str, reader: &Reader<'_>, depth: usize) -> Node {
    let span = span(value);
    if depth > MAX_DEPTH {
        reader.error(
            Code::Syntax,
            span,
            format!("arrays and tables hold each other more than {MAX_DEPTH} deep"),
            "give such data as an input",
        );
        return Node { span, data: Data::Null };
    }
    let data = match value.get_ref() {
        DeValue::String(text) => Data::String(text.to_string()),
        DeValue::Integer(integer) => match integer.radix() {
            10 => yaml_scalar::integer(integer.as_str()),
            radix => u64::from_str_radix(integer.as_str(), radix).map_or_else(
                |_| Data::String(integer.to_string()),
                |value| i64::try_from(value).map_or(Data::UInt(value), Data::Int),
            ),
        },
        DeValue::Float(float) => match float.as_str().parse() {
            Ok(value) => Data::Float(value),
            Err(_) => Data::String(float.to_string()),
        },
        DeValue::Boolean(value) => Data::Bool(*value),
        DeValue::Datetime(value) => Data::String(value.to_string()),
        DeValue::Array(items) => Data::List(items.iter().map(|item| node(item, text, reader, depth + 1)).collect()),
        DeValue::Table(table) => object(table, text, reader, depth),
    };
    Node { span, data }
}

fn span<T>(value: &Spanned<T>) -> Span {
    let range = value.span();
    Span { start: range.start, end: range.end }
}
