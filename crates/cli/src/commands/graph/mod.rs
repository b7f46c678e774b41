//! `wasmill graph FILE`: the steps of a pipeline and who waits for whom, as a picture. Units are not loaded.

mod dot;
mod layout;
mod mermaid;
mod svg;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Serialize;
use wasmill_model::{ExitCode, Pipeline, Step, UnitSource};
use wasmill_runtime::{EdgeKind, Outline};

use crate::args::{GraphArgs, GraphFormat};
use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::{flow, pipeline_file};

/// A note that is longer is cut: the manifest has all of it.
const LONGEST_NOTE: usize = 44;

/// Prints the graph.
pub(crate) fn graph(args: &GraphArgs, printer: &Printer) -> Outcome {
    let (pipeline, sources) = pipeline_file::parse(&args.file)?;
    let outline = wasmill_runtime::outline(&pipeline).map_err(|problems| Failure::from(problems).in_files(&sources))?;
    let drawing = Drawing::new(&pipeline, &outline);
    let text = drawing.draw(args.format);
    if printer.is_json() {
        printer.json(&drawing.document(&args.file, args.format, &text))?;
    } else {
        printer.bytes(text.as_bytes())?;
    }
    Ok(ExitCode::Success)
}

/// What is drawn, whatever the language.
struct Drawing<'a> {
    /// The pipeline's name.
    name: &'a str,
    nodes: Vec<Node<'a>>,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Node<'a> {
    id: &'a str,
    unit: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    /// From 1.
    level: u32,
    notes: Vec<String>,
    /// Whether it runs only in the place of another.
    #[serde(skip)]
    is_stand_in: bool,
}

/// From one node to another, by their places.
struct Line {
    from: usize,
    to: usize,
    kind: EdgeKind,
}

/// The unit's name, or the file of the pipeline that it is.
fn called<'a>(pipeline: &'a Pipeline, step: &'a Step) -> &'a str {
    match pipeline.units.get(&step.unit).map(|spec| &spec.source) {
        Some(UnitSource::Pipeline(path)) => path.to_str().unwrap_or(&step.unit),
        // A step's own source has no name but the step's.
        Some(UnitSource::Source(source)) if step.unit == step.id => source.language.title(),
        _ => &step.unit,
    }
}

impl<'a> Drawing<'a> {
    fn new(pipeline: &'a Pipeline, outline: &Outline) -> Self {
        let lines: Vec<Line> = outline
            .edges
            .iter()
            .map(|edge| Line { from: edge.first.get(), to: edge.then.get(), kind: edge.kind })
            .collect();
        let mut nodes: Vec<Node<'_>> = outline
            .graph
            .steps()
            .zip(&pipeline.steps)
            .map(|(index, step)| Node {
                id: &step.id,
                unit: called(pipeline, step),
                function: step.function.as_deref(),
                level: outline.graph.level(index) + 1,
                notes: flow::notes(step),
                is_stand_in: false,
            })
            .collect();
        for line in lines.iter().filter(|line| line.kind == EdgeKind::StandIn) {
            if let Some(node) = nodes.get_mut(line.to) {
                node.is_stand_in = true;
            }
        }
        Drawing { name: &pipeline.name, nodes, lines }
    }

    fn draw(&self, format: GraphFormat) -> String {
        match format {
            GraphFormat::Dot => dot::draw(self),
            GraphFormat::Mermaid => mermaid::draw(self),
            GraphFormat::Svg => svg::draw(self),
        }
    }

    fn document<'b>(&'b self, file: &Path, format: GraphFormat, text: &'b str) -> Document<'b> {
        let id = |place: usize| self.nodes.get(place).map_or("", |node| node.id);
        let edge = |line: &Line| Edge { from: id(line.from), to: id(line.to), kind: line.kind.as_str() };
        Document {
            wasmill: 1,
            file: file.display().to_string(),
            pipeline: self.name,
            steps: &self.nodes,
            edges: self.lines.iter().map(edge).collect(),
            format: format.as_str(),
            graph: text,
        }
    }
}

impl Node<'_> {
    /// `stats parse`
    fn called(&self) -> String {
        flow::called(self.unit, self.function)
    }

    /// The notes, as far as there is room.
    fn short_notes(&self) -> impl Iterator<Item = String> {
        self.notes.iter().map(|note| shorten(note))
    }
}

/// On one line, and not longer than [`LONGEST_NOTE`].
fn shorten(text: &str) -> String {
    let one_line: Vec<&str> = text.split_whitespace().collect();
    let text = one_line.join(" ");
    if text.chars().count() <= LONGEST_NOTE {
        return text;
    }
    let start: String = text.chars().take(LONGEST_NOTE - 1).collect();
    format!("{start}…")
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Document<'a> {
    wasmill: u32,
    file: String,
    pipeline: &'a str,
    steps: &'a [Node<'a>],
    edges: Vec<Edge<'a>>,
    format: &'static str,
    graph: &'a str,
}

#[derive(Serialize)]
struct Edge<'a> {
    from: &'a str,
    to: &'a str,
    kind: &'static str,
}
