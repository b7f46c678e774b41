//! A picture that any browser shows: SVG 1.1, without scripts, fonts or anything from elsewhere.

use std::fmt::Write as _;

use wasmill_runtime::EdgeKind;

use super::layout::{Layout, Size, lay_out};
use super::{Drawing, Node};

/// What one character takes, in the fonts that are named: a little more than most need.
const CHARACTER: f64 = 7.4;
const SMALL_CHARACTER: f64 = 6.1;
const LINE: f64 = 17.0;
const SMALL_LINE: f64 = 14.0;
const PADDING: f64 = 10.0;
const MARGIN: f64 = 16.0;
/// The legend below the picture.
const LEGEND: f64 = 30.0;
const LEGEND_WIDTH: f64 = 330.0;

const STYLE: &str = "\
text{font-family:ui-sans-serif,system-ui,Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2937;text-anchor:middle}\
.id{font-weight:600}.small{font-size:10.5px;fill:#6b7280}.legend{font-size:10.5px;text-anchor:start}\
rect{fill:#fff;stroke:#475569;stroke-width:1.2}.back{fill:#fff;stroke:none}\
path{fill:none;stroke:#475569;stroke-width:1.3}.after{stroke:#a3acba}\
.stand-in,.fallback{stroke-dasharray:5 4}marker path{fill:#475569;stroke:none}marker#after path{fill:#a3acba}";

pub(super) fn draw(drawing: &Drawing<'_>) -> String {
    let sizes: Vec<Size> = drawing.nodes.iter().map(size).collect();
    let ends: Vec<(usize, usize)> = drawing.lines.iter().map(|line| (line.from, line.to)).collect();
    let layout = lay_out(&sizes, &ends);
    let kinds = [EdgeKind::Data, EdgeKind::Order, EdgeKind::StandIn]
        .map(|kind| drawing.lines.iter().any(|line| line.kind == kind).then_some(kind));
    let kinds: Vec<EdgeKind> = kinds.into_iter().flatten().collect();
    // One kind explains itself.
    let legend = if kinds.len() > 1 { LEGEND } else { 0.0 };
    let width = layout.width.max(if legend > 0.0 { LEGEND_WIDTH } else { 0.0 }) + 2.0 * MARGIN;
    let height = layout.height + legend + 2.0 * MARGIN;
    let shift = (width - 2.0 * MARGIN - layout.width) / 2.0 + MARGIN;

    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n",
        escaped(drawing.name),
        w = number(width),
        h = number(height),
    );
    text.push_str("<defs>\n");
    for kind in &kinds {
        let _ = writeln!(
            text,
            "<marker id=\"{}\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
             <path d=\"M0 0L8 4L0 8z\"/></marker>",
            kind.as_str()
        );
    }
    let _ = writeln!(
        text,
        "</defs>\n<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n<g transform=\"translate({},{})\">",
        number(shift),
        number(MARGIN)
    );
    lines(&mut text, drawing, &layout);
    for ((node, size), middle) in drawing.nodes.iter().zip(&sizes).zip(&layout.boxes) {
        put(&mut text, node, size, *middle);
    }
    text.push_str("</g>\n");
    if legend > 0.0 {
        explain(&mut text, &kinds, height - MARGIN);
    }
    text.push_str("</svg>\n");
    text
}

fn lines(text: &mut String, drawing: &Drawing<'_>, layout: &Layout) {
    for (line, points) in drawing.lines.iter().zip(&layout.lines) {
        let mut path = String::new();
        for (at, (x, y)) in points.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| points.get(before));
            match before {
                None => _ = write!(path, "M{} {}", number(*x), number(*y)),
                // Beside boxes of a layer that it passes.
                Some(_) if at % 2 == 0 => _ = write!(path, "L{} {}", number(*x), number(*y)),
                Some((from_x, from_y)) => {
                    let middle = (from_y + y) / 2.0;
                    let [a, b, c, d, e, f] = [*from_x, middle, *x, middle, *x, *y].map(number);
                    let _ = write!(path, "C{a} {b} {c} {d} {e} {f}");
                }
            }
        }
        let kind = line.kind.as_str();
        let _ = writeln!(text, "<path class=\"{kind}\" marker-end=\"url(#{kind})\" d=\"{path}\"/>");
    }
}

/// A box with its words.
fn put(text: &mut String, node: &Node<'_>, size: &Size, (x, y): (f64, f64)) {
    let class = if node.is_stand_in { " class=\"stand-in\"" } else { "" };
    let (left, top) = (x - size.width / 2.0, y - size.height / 2.0);
    let _ = writeln!(
        text,
        "<rect{class} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/>",
        number(left),
        number(top),
        number(size.width),
        number(size.height)
    );
    let mut foot = top + PADDING - 5.0;
    let mut say = |class: &str, height: f64, words: &str| {
        foot += height;
        let (x, y) = (number(x), number(foot));
        let _ = writeln!(text, "<text{class} x=\"{x}\" y=\"{y}\">{}</text>", escaped(words));
    };
    say(" class=\"id\"", LINE, node.id);
    say("", LINE, &node.called());
    for note in node.short_notes() {
        say(" class=\"small\"", SMALL_LINE, &note);
    }
}

fn explain(text: &mut String, kinds: &[EdgeKind], y: f64) {
    let mut x = MARGIN;
    for kind in kinds {
        let words = match kind {
            EdgeKind::Data => "reads its output",
            EdgeKind::Order => "runs after it",
            EdgeKind::StandIn => "in its place",
        };
        let name = kind.as_str();
        let [from, to, at, line, foot] = [x, x + 26.0, x + 32.0, y - 4.0, y].map(number);
        let _ = writeln!(text, "<path class=\"{name}\" marker-end=\"url(#{name})\" d=\"M{from} {line}L{to} {line}\"/>");
        let _ = writeln!(text, "<text class=\"legend\" x=\"{at}\" y=\"{foot}\">{words}</text>");
        x += 32.0 + words.len() as f64 * SMALL_CHARACTER + 14.0;
    }
}

/// The room that a node takes.
fn size(node: &Node<'_>) -> Size {
    let count = |text: &str| text.chars().count() as f64;
    let wide = [count(node.id), count(&node.called())].map(|count| count * CHARACTER);
    let small = node.short_notes().map(|note| count(&note) * SMALL_CHARACTER);
    let width = wide.into_iter().chain(small).fold(60.0, f64::max) + 2.0 * PADDING;
    let notes = node.notes.len() as f64;
    Size {
        layer: (node.level as usize).saturating_sub(1),
        width,
        height: 2.0 * LINE + notes * SMALL_LINE + 2.0 * PADDING - 5.0,
    }
}

/// At most one digit behind the point.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// Text for XML: nothing in it is markup, and nothing that XML 1.0 cannot hold is left.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            one if one.is_control() || matches!(one, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            one => escaped.push(one),
        }
    }
    escaped
}
