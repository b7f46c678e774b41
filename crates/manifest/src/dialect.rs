//! Files that are no native manifest: recognised, so that the error says what they are.

use wasmill_model::Code;

use crate::keys;
use crate::reader::Reader;
use crate::tree::{Data, Node, Span};

/// Goes on with a native manifest (or what looks like one), and reports anything else.
pub(crate) fn check(file: &str, tree: &Node, reader: &Reader<'_>) -> Option<()> {
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
        return Some(());
    }
    if let Some((name, key)) = recognise(file, tree) {
        let span = members.iter().find(|member| member.key == key).map_or(tree.span, |member| member.key_span);
        if key == COMPONENT_KEY {
            let message = format!("this is a {name}: it says what the unit beside it may use, and is no pipeline");
            reader.error(
                Code::UnknownFile,
                span,
                message,
                "`wasmill call UNIT` runs the unit, and reads this file too",
            );
            return None;
        }
        reader.error(
            Code::Unsupported,
            span,
            format!("this is a {name}, and this version of Wasmill runs only its own manifests (`wasmill: 1`)"),
            "a later version runs it as it is; until then write it as a native manifest (`wasmill schema` says how)",
        );
        return None;
    }
    let start = Span { start: tree.span.start, end: tree.span.start };
    let native = members.iter().filter(|member| keys::PIPELINE.now.contains(&member.key.as_str())).count();
    if native * 2 >= members.len() && members.iter().any(|member| matches!(member.key.as_str(), "steps" | "units")) {
        reader.error(Code::MissingKey, start, "`wasmill` is missing", "begin the file with `wasmill: 1`");
        return Some(());
    }
    reader.error(
        Code::UnknownFile,
        start,
        "the file is no pipeline that Wasmill knows",
        "a pipeline begins with `wasmill: 1` and has `steps`",
    );
    None
}

/// The key of the one dialect that is no pipeline.
const COMPONENT_KEY: &str = "component";

/// The dialect (section 7 of the design), and the key that tells.
fn recognise(file: &str, tree: &Node) -> Option<(&'static str, &'static str)> {
    let has = |key: &str| tree.get(key).is_some();
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    if name.eq_ignore_ascii_case("component.toml") {
        return Some(("component manifest (Component.toml)", COMPONENT_KEY));
    }
    if has("processors") && has("strategy") {
        return Some(("DAG config", "processors"));
    }
    if has("task_definition") {
        return Some(("task definition", "task_definition"));
    }
    if has("compute_logic") {
        return Some(("task definition", "compute_logic"));
    }
    let is_v1 = |tree: &Node| tree.get("version").and_then(Node::as_text) == Some("v1") && tree.get("nodes").is_some();
    if is_v1(tree) {
        return Some(("pipeline manifest v1", "version"));
    }
    if tree.get("manifest").is_some_and(is_v1) {
        return Some(("pipeline manifest v1", "manifest"));
    }
    None
}
