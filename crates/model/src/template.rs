//! Values of a manifest that may hold `${{ … }}` expressions.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;

use crate::{Location, Value};

/// A value that is worked out when its step starts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// A value without expressions.
    Literal(Value),
    /// `"${{ expression }}"` and nothing else: the expression's own value, of any type.
    Expression(Expression),
    /// Text with expressions in it: the parts as text, joined.
    Text(Vec<Part>),
    /// A list with expressions somewhere in it.
    List(Vec<Template>),
    /// An object with expressions somewhere in it.
    Object(IndexMap<Arc<str>, Template>),
}

/// One part of a text with expressions in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// An expression's value: text as it is, `null` as nothing, anything else as JSON.
    Expression(Expression),
}

/// A CEL expression, checked for syntax and names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expression {
    /// The CEL text, without `${{` and `}}`.
    pub source: Arc<str>,
    /// What it reads, so that dependencies are known before anything runs.
    #[serde(skip)]
    pub references: Vec<Reference>,
    /// Where it stands.
    #[serde(skip)]
    pub location: Location,
}

/// Something that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reference {
    /// `inputs.<name>`
    Input(Arc<str>),
    /// `steps.<id>` (its output, verdict, receipt or metadata)
    Step(Arc<str>),
    /// The whole of `inputs` or `steps`, or another root (`item`, `index`, `run`, `secrets`), or a name nobody knows.
    Root(Arc<str>),
}

impl Template {
    /// Every expression in it, in the order of the text.
    pub fn expressions(&self) -> Vec<&Expression> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a Expression>) {
        match self {
            Template::Literal(_) => {}
            Template::Expression(expression) => found.push(expression),
            Template::Text(parts) => found.extend(parts.iter().filter_map(|part| match part {
                Part::Expression(expression) => Some(expression),
                Part::Text(_) => None,
            })),
            Template::List(items) => items.iter().for_each(|item| item.collect(found)),
            Template::Object(members) => members.values().for_each(|item| item.collect(found)),
        }
    }
}
