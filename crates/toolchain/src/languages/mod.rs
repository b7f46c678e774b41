//! One room a language: how its source becomes a unit.

mod assemblyscript;
mod c;
mod candidates;
mod go;
mod javascript;
mod npm;
mod rust;
mod wat;

use std::sync::Arc;

use wasmill_model::Language;

use crate::BuildError;
use crate::job::Job;

pub(crate) use javascript::with_packages;

/// What a language made of a source.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The unit, without a description of its function.
    pub(crate) binary: Vec<u8>,
    /// The function that is called, with its parameters by name: the unit takes one JSON object of them and gives JSON. None where the unit
    /// speaks for itself: its exports are what the user wrote.
    pub(crate) function: Option<Function>,
}

/// A function that glue was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// As the user calls it.
    pub(crate) name: Arc<str>,
    pub(crate) params: Vec<Parameter>,
    /// The type of the result, as it is written in the source.
    pub(crate) result: Option<String>,
}

/// A parameter of a [`Function`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: Arc<str>,
    /// As it is written in the source.
    pub(crate) kind: String,
    /// Whether it may be left out.
    pub(crate) optional: bool,
}

impl Parameter {
    /// As the unit says it.
    pub(crate) fn into_unit(self) -> wasmill_unit::Parameter {
        wasmill_unit::Parameter { name: Some(self.name), kind: self.kind, optional: self.optional }
    }
}

/// How a language is built.
pub(crate) type Compile = fn(&Job<'_>) -> Result<Compiled, BuildError>;

/// The way of a language.
pub(crate) fn of(language: Language) -> Compile {
    match language {
        Language::C | Language::Cpp => c::compile,
        Language::AssemblyScript => assemblyscript::compile,
        Language::Rust => rust::compile,
        Language::Go => go::compile,
        Language::Wat => wat::compile,
        Language::TypeScript | Language::JavaScript | Language::Python => interpreted,
    }
}

/// Scripts are put to their interpreters (`script.rs`), and come here by mistake alone.
fn interpreted(job: &Job<'_>) -> Result<Compiled, BuildError> {
    Err(BuildError::Host { message: format!("{} is interpreted, and no compiler is asked", job.language.title()) })
}
