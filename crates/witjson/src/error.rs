//! What does not fit, and where.

use std::fmt;

use wasmill_model::Value;
use wasmtime::component::Type;

use crate::wit::type_text;

/// Characters of a value that are shown.
const EXCERPT: usize = 40;
/// Names that are listed.
const LISTED: usize = 12;

/// A value that does not fit a component's type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MismatchError {
    /// Where in the value: `rows[3].price`, from the parameter's name on; empty for the value itself.
    pub path: String,
    /// What should be there, as WIT writes it.
    pub expected: String,
    /// What is there: its kind, and how it begins.
    pub found: String,
    /// What to do, where there is more to say.
    pub help: Option<String>,
}

impl fmt::Display for MismatchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "`{}`: ", self.path)?;
        }
        write!(formatter, "expected {}, found {}", self.expected, self.found)?;
        match &self.help {
            Some(help) => write!(formatter, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for MismatchError {}

impl MismatchError {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        MismatchError { path: String::new(), expected: expected.into(), found: found.into(), help: None }
    }

    /// A value of the wrong kind.
    #[cold]
    pub(crate) fn kind(ty: &Type, found: &Value) -> Self {
        MismatchError::new(type_text(ty), excerpt(found))
    }

    /// A name that there is not.
    #[cold]
    pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let similar = similar(name, &known);
        let mut listed: Vec<String> = known.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
        if known.len() > LISTED {
            listed.push("…".to_owned());
        }
        let expected =
            if listed.is_empty() { "no parameters".to_owned() } else { format!("{what} {}", listed.join(", ")) };
        MismatchError {
            help: similar.map(|name| format!("did you mean `{name}`?")),
            ..MismatchError::new(expected, format!("`{}`", cut(name)))
        }
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// … in the member of this name.
    #[cold]
    pub(crate) fn in_member(self, name: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        MismatchError { path: format!("{name}{separator}{}", self.path), ..self }
    }

    /// … in the item at this index.
    #[cold]
    pub(crate) fn at_index(self, index: usize) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        MismatchError { path: format!("[{index}]{separator}{}", self.path), ..self }
    }
}

/// A value in a few words: `string "abc"`, `300`, `array of 3 items`.
pub(crate) fn excerpt(value: &Value) -> String {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => value.to_json(),
        Value::String(text) => format!("string {:?}", cut(text)),
        Value::Bytes(bytes) => format!("{} byte{}", bytes.len(), plural(bytes.len())),
        Value::List(list) => format!("array of {} item{}", list.len(), plural(list.len())),
        Value::Object(object) if object.is_empty() => "object without members".to_owned(),
        Value::Object(object) => {
            let mut names: Vec<String> = object.keys().take(4).map(|name| format!("`{}`", cut(name))).collect();
            if object.len() > names.len() {
                names.push("…".to_owned());
            }
            format!("object with {}", names.join(", "))
        }
    }
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(EXCERPT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn similar<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if name.len() > 256 {
        return None;
    }
    known
        .iter()
        .filter(|candidate| candidate.len() <= 256)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .filter(|(distance, candidate)| {
            (*distance <= 3 && *distance * 2 <= candidate.chars().count().max(name.chars().count()))
                || strsim::jaro(name, candidate) > 0.8
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
