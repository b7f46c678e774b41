//! YAML and JSON, by events of the YAML parser, as a tree with spans.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span as EventSpan, StrInput, Tag};
use wasmill_model::Code;

use crate::reader::Reader;
use crate::tree::{Data, MAX_DEPTH, MAX_NODES, Member, Node, Span};
use crate::yaml_scalar;

/// Reads the one document of a file.
pub(crate) fn read(text: &str, reader: &Reader<'_>) -> Option<Node> {
    let mut builder =
        Builder { parser: Parser::new_from_str(text), reader, anchors: HashMap::new(), nodes: 0, end: text.len() };
    match builder.document() {
        Ok(node) => Some(node),
        Err(stop) => {
            if let Stop::Syntax(error) = stop {
                let start = error.marker().byte_offset().unwrap_or(0).min(text.len());
                let message = error.info();
                reader.error(Code::Syntax, Span { start, end: start }, sentence(&message), help(text, start));
            }
            None
        }
    }
}

/// Why reading ended early.
enum Stop {
    Syntax(Box<ScanError>),
    /// It has been reported.
    Reported,
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    reader: &'a Reader<'a>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    end: usize,
}

type Next<'a> = (Event<'a>, Span);

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<Option<Next<'a>>, Stop> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Err(error)) => return Err(Stop::Syntax(Box::new(error))),
                Some(Ok((event, span))) => {
                    if is_data(&event) {
                        return Ok(Some((event, bytes(&span, self.end))));
                    }
                }
            }
        }
    }

    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    self.reader.error(
                        Code::Syntax,
                        span,
                        "a second document begins here",
                        "a file holds one pipeline: put the other into a file of its own",
                    );
                    return Err(Stop::Reported);
                }
                Event::DocumentStart(..) => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        Ok(root.unwrap_or(Node { span: Span::default(), data: Data::Null }))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        self.spend(1, span)?;
        if depth > MAX_DEPTH {
            self.reader.error(
                Code::Syntax,
                span,
                format!("lists and objects hold each other more than {MAX_DEPTH} deep"),
                "give such data as an input",
            );
            return Err(Stop::Reported);
        }
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, Node { span, data: self.scalar(text, style, tag.as_deref(), span) })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), span, &["seq"]);
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        None => break span.end,
                        Some((Event::SequenceEnd, end)) => break end.end,
                        Some((event, span)) => items.push(self.node(event, span, depth + 1)?),
                    }
                };
                (anchor, Node { span: Span { start: span.start, end }, data: Data::List(items) })
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), span, &["map"]);
                (anchor, self.mapping(span, depth)?)
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    self.reader.error(
                        Code::Syntax,
                        span,
                        "this alias stands within what it names",
                        "an alias repeats a value that is complete",
                    );
                    return Err(Stop::Reported);
                };
                self.spend(node.size(), span)?;
                return Ok(node);
            }
            _ => (0, Node { span, data: Data::Null }),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn mapping(&mut self, span: Span, depth: usize) -> Result<Node, Stop> {
        let mut members: Vec<Member> = Vec::new();
        let mut seen = HashSet::new();
        let mut merged = Vec::new();
        let end = loop {
            let (event, key_span) = match self.next()? {
                None => break span.end,
                Some((Event::MappingEnd, end)) => break end.end,
                Some(next) => next,
            };
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let raw = match &event {
                Event::Scalar(text, ..) => Some(text.to_string()),
                _ => None,
            };
            let key = self.node(event, key_span, depth + 1)?;
            let Some((value_event, value_span)) = self.next()? else { break span.end };
            let value = self.node(value_event, value_span, depth + 1)?;
            if is_merge {
                merged.push(value);
                continue;
            }
            let Some(key_text) = raw.or_else(|| key.scalar_text()) else {
                self.reader.error(
                    Code::WrongType,
                    key_span,
                    format!("a key is a text, and this is {}", key.kind()),
                    "was a value meant, and its quotes forgotten?",
                );
                continue;
            };
            if !seen.insert(key_text.clone()) {
                let first = members.iter().find(|member| member.key == key_text).map(|member| member.key_span);
                duplicate(self.reader, &key_text, key_span, first);
                continue;
            }
            members.push(Member { key: key_text, key_span, value });
        };
        for value in merged {
            self.merge(&mut members, &mut seen, value)?;
        }
        Ok(Node { span: Span { start: span.start, end }, data: Data::Object(members) })
    }

    /// `<<: *base`: the members that are not there yet.
    fn merge(&mut self, members: &mut Vec<Member>, seen: &mut HashSet<String>, from: Node) -> Result<(), Stop> {
        match from.data {
            Data::Object(others) => {
                for member in others {
                    if seen.insert(member.key.clone()) {
                        members.push(member);
                    }
                }
                Ok(())
            }
            Data::List(items) => items.into_iter().try_for_each(|item| self.merge(members, seen, item)),
            _ => {
                self.reader.wrong_type(&from, "<<", "an object", "for example `<<: *base`");
                Ok(())
            }
        }
    }

    fn scalar(&self, text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Data {
        self.check_tag(tag, span, &["str", "int", "float", "bool", "null"]);
        let is_text = tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
        if style == ScalarStyle::Plain && !is_text {
            yaml_scalar::resolve(&text)
        } else {
            Data::String(text.into_owned())
        }
    }

    fn check_tag(&self, tag: Option<&Tag>, span: Span, known: &[&str]) {
        if let Some(tag) = tag
            && !tag.core_suffix().is_some_and(|suffix| known.contains(&suffix))
        {
            self.reader.error(
                Code::InvalidValue,
                span,
                format!("the tag `{}` means nothing here", tag.original()),
                "leave it out; bytes are written `{ $base64: … }`",
            );
        }
    }

    fn spend(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        self.reader.error(
            Code::Syntax,
            span,
            format!("the file has more than {MAX_NODES} values, aliases counted as often as they are used"),
            "give large data as an input",
        );
        Err(Stop::Reported)
    }
}

pub(crate) fn duplicate(reader: &Reader<'_>, key: &str, span: Span, first: Option<Span>) {
    let line = first.map_or(0, |first| reader.location(first).line);
    reader.error(
        Code::Duplicate,
        span,
        format!("`{key}` stands here twice"),
        format!("the first is on line {line}: leave one of them out"),
    );
}

/// Comments and metadata are none. (Comments only exist where another crate switches the parser's feature on.)
fn is_data(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd
    )
}

fn bytes(span: &EventSpan, end: usize) -> Span {
    let start = span.start.byte_offset().unwrap_or(0).min(end);
    Span { start, end: span.end.byte_offset().unwrap_or(start).clamp(start, end) }
}

/// The first line of the parser's message.
fn sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    if line.is_empty() { "this is no valid YAML".to_owned() } else { line.to_owned() }
}

fn help(text: &str, at: usize) -> &'static str {
    let line_start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    if line.starts_with('\t') || line.trim_start_matches(' ').starts_with('\t') {
        "indent with spaces: YAML takes no tabs there"
    } else if line.contains("${{") && !line.contains(['"', '\'']) {
        "put expressions in quotes: `\"${{ … }}\"`"
    } else if line.matches(": ").count() > 1 && !line.contains('{') {
        "a text with `: ` in it stands in quotes"
    } else {
        "look at the indentation, the quotes and the brackets of this line and the one before"
    }
}
