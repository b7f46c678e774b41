//! Mermaid flowcharts (<https://mermaid.js.org/syntax/flowchart.html>).

use std::fmt::Write as _;

use wasmill_runtime::EdgeKind;

use super::Drawing;

pub(super) fn draw(drawing: &Drawing<'_>) -> String {
    let mut text = "flowchart TD\n".to_owned();
    // Ids of steps may be words of Mermaid's own (`end`): numbers are none.
    for (place, node) in drawing.nodes.iter().enumerate() {
        let mut label = format!("<b>{}</b><br/>{}", escaped(node.id), escaped(&node.called()));
        for note in node.short_notes() {
            let _ = write!(label, "<br/><small>{}</small>", escaped(&note));
        }
        let class = if node.is_stand_in { ":::standIn" } else { "" };
        let _ = writeln!(text, "  s{place}[\"{label}\"]{class}");
    }
    for line in &drawing.lines {
        let arrow = match line.kind {
            EdgeKind::Data => "-->",
            EdgeKind::Order => "-->|after|",
            EdgeKind::StandIn => "-.->|fallback|",
        };
        let _ = writeln!(text, "  s{} {arrow} s{}", line.from, line.to);
    }
    let after: Vec<String> = drawing
        .lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.kind == EdgeKind::Order)
        .map(|(place, _)| place.to_string())
        .collect();
    if !after.is_empty() {
        let _ = writeln!(text, "  linkStyle {} stroke:#999,color:#777", after.join(","));
    }
    if drawing.nodes.iter().any(|node| node.is_stand_in) {
        text.push_str("  classDef standIn stroke-dasharray: 5 4\n");
    }
    text
}

/// Anything that could be Mermaid's, HTML's or Markdown's own is written as an entity of its number.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '"' | '<' | '>' | '&' | '#' | ';' | '`' | '\\' | '*' | '_' | '[' | ']' | '{' | '}' | '|' => {
                let _ = write!(escaped, "#{};", u32::from(one));
            }
            one if one.is_control() => escaped.push(' '),
            one => escaped.push(one),
        }
    }
    escaped
}
