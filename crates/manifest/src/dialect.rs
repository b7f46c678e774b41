//! What kind of file this is, by what it has.

use wasmill_model::{Code, Dialect};

use crate::keys;
use crate::reader::Reader;
use crate::tree::{Data, Node, Span};

/// The dialect of a file; none for a file that is no pipeline, which is reported.
pub(crate) fn recognise(file: &str, tree: &Node, reader: &Reader<'_>) -> Option<Dialect> {
    let Data::Object(members) = &tree.data else {
        let (message, help) = match &tree.data {
            Data::Null => ("the file is empty".to_owned(), "a pipeline begins with `wasmill: 1` and has `steps`"),
            _ => (
                format!("the file is no pipeline: it is {}, not an object", tree.kind()),
                "a pipeline begins with `wasmill: 1` and has `steps`",
            ),
        };
        reader.error(Code::UnknownFile, tree.span, message, help);
        return None;
    };
    if tree.get("wasmill").is_some() {
        return Some(Dialect::Native);
    }
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    if name.eq_ignore_ascii_case("component.toml") {
        let span = members.iter().find(|member| member.key == "component").map_or(tree.span, |member| member.key_span);
        reader.error(
            Code::UnknownFile,
            span,
            "this is a component manifest (Component.toml): it says what the unit beside it may use, and is no pipeline",
            "`wasmill call UNIT` runs the unit, and reads this file too",
        );
        return None;
    }
    if let Some(dialect) = dialect_of(tree) {
        return Some(dialect);
    }
    let start = Span { start: tree.span.start, end: tree.span.start };
    let native = members.iter().filter(|member| keys::PIPELINE.now.contains(&member.key.as_str())).count();
    if native * 2 >= members.len() && members.iter().any(|member| matches!(member.key.as_str(), "steps" | "units")) {
        reader.error(Code::MissingKey, start, "`wasmill` is missing", "begin the file with `wasmill: 1`");
        return Some(Dialect::Native);
    }
    reader.error(
        Code::UnknownFile,
        start,
        "the file is no pipeline that Wasmill knows",
        "a pipeline begins with `wasmill: 1` and has `steps`",
    );
    None
}

/// By the keys that section 7 of the design names.
pub(crate) fn dialect_of(tree: &Node) -> Option<Dialect> {
    let has = |key: &str| tree.get(key).is_some();
    let is_v1 = |tree: &Node| tree.get("version").and_then(Node::as_text) == Some("v1") && tree.get("nodes").is_some();
    if has("processors") && has("strategy") {
        Some(Dialect::DagConfig)
    } else if has("task_definition") || has("compute_logic") {
        Some(Dialect::TaskDefinition)
    } else if is_v1(tree) || tree.get("manifest").is_some_and(is_v1) {
        Some(Dialect::PipelineV1)
    } else {
        None
    }
}
