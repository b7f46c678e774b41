//! Text to model: the native manifest and the dialects beside it in YAML, JSON and TOML, with positions; and back, as YAML.
//!
//! The way of a file: text → [tree with spans](tree) → one mapping that collects everything that is wrong → checks of names,
//! expressions and order → [`Pipeline`]. All three formats share all of it but the first arrow, and the dialects (`dialects/`)
//! share all but the mapping: what they become is what a native manifest could say, and [`to_yaml`] says it.
//!
//! # Invariants
//!
//! - Nothing is read but the text that is given: paths of units are not opened here.
//! - Every diagnostic has a position, and all of a file's come at once, in the order of the file.
//! - No key is ignored: what is not known, or not yet supported, is an error.
#![forbid(unsafe_code)]

mod check;
mod component;
mod convert;
mod dialect;
mod dialects;
mod flow;
mod format;
mod grants;
mod graph;
mod inputs;
mod keys;
mod order;
mod pipeline;
mod policy;
mod quantity;
mod reader;
mod request;
mod request_document;
mod result_v1;
mod schema;
mod sources;
mod steps;
mod templates;
mod toml_tree;
mod tree;
mod units;
mod yaml_scalar;
mod yaml_text;
mod yaml_tree;

pub use component::{Component, parse_component};
pub use convert::{limits_to_yaml, to_yaml};
pub use dialects::pipeline_v1::GraphInfo;
pub use format::Format;
pub use grants::{is_variable_name, normal_guest_path};
pub use policy::parse_policy;
pub use quantity::{parse_count, parse_duration, parse_size};
pub use request::{
    IncludedPipeline, LARGEST_REQUEST, Request, RequestKind, included_name, parse_request, request_text,
};
pub use request_document::{Answer, Base64, GivenPipeline, GivenUnit, RequestDocument};
pub use result_v1::ResultV1;
pub use schema::schema;

use wasmill_model::{Diagnostic, Diagnostics, Dialect, Pipeline};

/// Reads a pipeline.
///
/// `file` is the name that positions get; paths in the manifest are relative to its folder.
///
/// # Errors
/// Everything that is wrong with the file, in its order.
pub fn parse(file: &str, text: &str, format: Format) -> Result<Pipeline, Diagnostics> {
    match parse_partly(file, text, format) {
        (Some(pipeline), diagnostics) if diagnostics.is_empty() => Ok(pipeline),
        (_, diagnostics) => Err(Diagnostics(diagnostics)),
    }
}

/// Reads as much of a pipeline as can be read, for checks that go on where [`parse`] stops: what is given is right where nothing
/// was reported, and must not be run where anything was.
pub fn parse_partly(file: &str, text: &str, format: Format) -> (Option<Pipeline>, Vec<Diagnostic>) {
    let reader = reader::Reader::new(file, text, format);
    let tree = match format {
        Format::Yaml | Format::Json => yaml_tree::read(text, &reader),
        Format::Toml => toml_tree::read(text, &reader),
    };
    let pipeline = tree.and_then(|tree| read_dialect(file, &tree, &reader));
    (pipeline, reader.finish())
}

/// The pipeline of a file of any dialect.
fn read_dialect(file: &str, tree: &tree::Node, reader: &reader::Reader<'_>) -> Option<Pipeline> {
    match dialect::recognise(file, tree, reader)? {
        Dialect::Native => pipeline::read(file, tree, reader),
        Dialect::DagConfig => dialects::dag_config::read(file, tree, reader),
        Dialect::TaskDefinition => dialects::task_definition::read(file, tree, reader),
        Dialect::PipelineV1 => dialects::pipeline_v1::read(file, tree, reader),
    }
}
