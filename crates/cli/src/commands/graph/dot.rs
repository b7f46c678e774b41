//! The DOT language of Graphviz (<https://graphviz.org/doc/info/lang.html>).

use std::fmt::Write as _;

use wasmill_runtime::EdgeKind;

use super::{Drawing, Node};

pub(super) fn draw(drawing: &Drawing<'_>) -> String {
    let mut text = format!("digraph {} {{\n", quoted(drawing.name));
    text.push_str("  rankdir=TB;\n");
    text.push_str("  node [shape=box, style=rounded, fontname=\"Helvetica\", fontsize=11];\n");
    text.push_str("  edge [fontname=\"Helvetica\", fontsize=9];\n");
    for node in &drawing.nodes {
        let style = if node.is_stand_in { ", style=\"rounded,dashed\"" } else { "" };
        let _ = writeln!(text, "  {} [label=<{}>{style}];", quoted(node.id), label(node));
    }
    let id = |place: usize| drawing.nodes.get(place).map_or("", |node| node.id);
    for line in &drawing.lines {
        let style = match line.kind {
            EdgeKind::Data => "",
            EdgeKind::Order => " [label=\"after\", color=gray50, fontcolor=gray50, arrowhead=vee]",
            EdgeKind::StandIn => " [label=\"fallback\", style=dashed]",
        };
        let _ = writeln!(text, "  {} -> {}{style};", quoted(id(line.from)), quoted(id(line.to)));
    }
    text.push_str("}\n");
    text
}

/// An HTML-like label: the id, what is called, and the notes in small.
fn label(node: &Node<'_>) -> String {
    let mut label = format!("<b>{}</b><br/>{}", escaped(node.id), escaped(&node.called()));
    for note in node.short_notes() {
        let _ = write!(label, "<br/><font point-size=\"9\">{}</font>", escaped(&note));
    }
    label
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", printable(text).replace('\\', "\\\\").replace('"', "\\\""))
}

fn escaped(text: &str) -> String {
    super::svg::escaped(&printable(text))
}

/// Graphviz takes no control characters.
fn printable(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}
