//! What the three formats have in common: values that know where they stand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use wasmill_model::{Object, Value};

/// The bytes of the file that something takes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// One value of the file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) data: Data,
}

/// What it is.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    String(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// One member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// The most nodes of a file, aliases counted as often as they are used.
pub(crate) const MAX_NODES: usize = 4_000_000;

/// How deep lists and objects may hold each other.
pub(crate) const MAX_DEPTH: usize = 64;

/// The one member of an object that stands for bytes, as in values everywhere.
const BYTES_KEY: &str = "$base64";

impl Node {
    /// What a user calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.data {
            Data::Null => "empty",
            Data::Bool(_) => "a boolean",
            Data::Int(_) | Data::UInt(_) => "an integer",
            Data::Float(_) => "a number",
            Data::String(_) => "a text",
            Data::List(_) => "a list",
            Data::Object(_) => "an object",
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar, as somebody would type it.
    pub(crate) fn scalar_text(&self) -> Option<String> {
        Some(match &self.data {
            Data::String(text) => text.clone(),
            Data::Int(value) => value.to_string(),
            Data::UInt(value) => value.to_string(),
            Data::Float(value) => value.to_string(),
            Data::Bool(value) => value.to_string(),
            Data::Null | Data::List(_) | Data::Object(_) => return None,
        })
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self.data {
            Data::Int(value) => Some(value as f64),
            Data::UInt(value) => Some(value as f64),
            Data::Float(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.data {
            Data::Object(members) => members.iter().find(|member| member.key == key).map(|member| &member.value),
            _ => None,
        }
    }

    /// The bytes, where this is `{"$base64": "…"}`: decoded, or why not.
    pub(crate) fn as_bytes(&self) -> Option<Result<Vec<u8>, base64::DecodeError>> {
        match &self.data {
            Data::Object(members) => match members.as_slice() {
                [Member { key, value: Node { data: Data::String(text), .. }, .. }] if key == BYTES_KEY => {
                    Some(BASE64.decode(text))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// As a value. Bytes that are no base64 stay an object; whoever cares asks [`Node::as_bytes`] first.
    pub(crate) fn to_value(&self) -> Value {
        if let Some(Ok(bytes)) = self.as_bytes() {
            return Value::Bytes(bytes.into());
        }
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Int(value) => Value::Int(*value),
            Data::UInt(value) => Value::from(*value),
            Data::Float(value) => Value::Float(*value),
            Data::String(text) => Value::from(text.as_str()),
            Data::List(items) => Value::from(items.iter().map(Node::to_value).collect::<Vec<_>>()),
            Data::Object(members) => Value::from(
                members.iter().map(|member| (member.key.as_str().into(), member.value.to_value())).collect::<Object>(),
            ),
        }
    }

    /// How many nodes it has.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.data {
            Data::List(items) => items.iter().map(Node::size).sum(),
            Data::Object(members) => members.iter().map(|member| 1 + member.value.size()).sum(),
            _ => 0,
        }
    }
}
