//! Pure paths: `steps.a.output.rows[0]`. Read without a CEL parser, and walked over the values themselves.

use std::fmt::Write as _;
use std::sync::Arc;

use wasmill_model::{Reference, Value};

use crate::ROOTS;
use crate::error::{ExpressionError, Failure};
use crate::program::{Scope, StepField};

/// A root and what is selected from it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    pub(crate) base: Base,
    pub(crate) rest: Vec<Segment>,
}

/// Where a path begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Base {
    /// `inputs.<name>`
    Input(Arc<str>),
    /// `inputs`
    Inputs,
    /// `steps.<id>.<field>`
    Step(Arc<str>, StepField),
    /// Any other name.
    Root(Arc<str>),
}

/// One selection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    /// `.name` or `["name"]`
    Member(Arc<str>),
    /// `[0]`
    Index(i64),
}

impl Path {
    /// A path from its root name and its segments.
    ///
    /// # Errors
    /// What `inputs` and `steps` do not have.
    pub(crate) fn new(root: &str, segments: Vec<Segment>) -> Result<Path, ExpressionError> {
        let mut rest = segments.into_iter();
        let base = match root {
            "inputs" => match rest.next() {
                None => Base::Inputs,
                Some(Segment::Member(name)) => Base::Input(name),
                Some(Segment::Index(index)) => {
                    return Err(ExpressionError::new(format!("`inputs[{index}]`: inputs have names, not positions"))
                        .help("write `inputs.<name>`"));
                }
            },
            "steps" => match (rest.next(), rest.next()) {
                (None, _) => return Err(whole_steps()),
                (Some(Segment::Index(index)), _) => {
                    return Err(ExpressionError::new(format!("`steps[{index}]`: steps have ids, not positions"))
                        .help("write `steps.<id>.output`"));
                }
                (Some(Segment::Member(id)), None) => {
                    let shown = show_step(&id);
                    return Err(ExpressionError::new(format!("`{shown}` does not say what of the step is meant"))
                        .help(format!(
                            "write `{shown}.output`, `{shown}.verdict`, `{shown}.receipt` or `{shown}.metadata`"
                        )));
                }
                (Some(Segment::Member(id)), Some(field)) => Base::Step(id.clone(), step_field(&id, &field)?),
            },
            other => Base::Root(Arc::from(other)),
        };
        Ok(Path { base, rest: rest.collect() })
    }

    /// What a pipeline must have for this path to mean something.
    pub(crate) fn reference(&self) -> Reference {
        match &self.base {
            Base::Input(name) => Reference::Input(name.clone()),
            Base::Inputs => Reference::Root(Arc::from("inputs")),
            Base::Step(id, _) => Reference::Step(id.clone()),
            Base::Root(name) => Reference::Root(name.clone()),
        }
    }

    /// Follows the path.
    ///
    /// # Errors
    /// The first part of it that does not exist, with what there is instead.
    pub(crate) fn walk(&self, scope: &dyn Scope) -> Result<Value, Failure> {
        let base = self.base_value(scope)?;
        let mut value = &base;
        for (position, segment) in self.rest.iter().enumerate() {
            value = select(value, segment).ok_or_else(|| self.missing(position, segment, value))?;
        }
        Ok(value.clone())
    }

    /// Whether the path leads somewhere: `has(…)`. False only where the last selection finds nothing.
    ///
    /// # Errors
    /// As [`Path::walk`], for everything before the last selection.
    pub(crate) fn exists(&self, scope: &dyn Scope) -> Result<bool, Failure> {
        let Some((last, before)) = self.rest.split_last() else {
            return Ok(match &self.base {
                Base::Input(name) => scope.input(name).is_some(),
                _ => self.base_value(scope).is_ok(),
            });
        };
        let value = Path { base: self.base.clone(), rest: before.to_vec() }.walk(scope)?;
        Ok(select(&value, last).is_some())
    }

    fn base_value(&self, scope: &dyn Scope) -> Result<Value, Failure> {
        match &self.base {
            Base::Inputs => Ok(scope.inputs()),
            // One that need not be given, and was not.
            Base::Input(name) => Ok(scope.input(name).unwrap_or_default()),
            Base::Step(id, field) => scope.step(id, *field).ok_or_else(|| {
                Failure::new(format!("the step `{id}` has no {}: it did not succeed, or did not run", field.as_str()))
            }),
            Base::Root(name) => {
                scope.root(name).ok_or_else(|| Failure::new(format!("there is no `{name}` in this place")))
            }
        }
    }

    fn missing(&self, position: usize, segment: &Segment, value: &Value) -> Failure {
        let place = self.show(position);
        match (segment, value) {
            (Segment::Member(name), Value::Object(object)) => {
                let names: Vec<&str> = object.keys().map(AsRef::as_ref).collect();
                let failure = Failure::new(format!("`{place}` has no member `{name}` ({})", has(&names)));
                match nearest(name, &names) {
                    Some(near) => failure.help(format!("did you mean `{near}`?")),
                    None => failure,
                }
            }
            (Segment::Member(name), Value::List(_)) => {
                Failure::new(format!("`{place}` is an array, and has no member `{name}`"))
                    .help(format!("take an item, `{place}[0]`, or all: `{place}.map(x, x.{name})`"))
            }
            (Segment::Member(name), Value::String(text)) => {
                let failure = Failure::new(format!("`{place}` is a string, and has no member `{name}`"));
                if text.trim_start().starts_with(['{', '[']) {
                    failure.help("the text looks like JSON: `as: json` on its step makes it a value")
                } else {
                    failure
                }
            }
            (Segment::Member(name), other) => {
                Failure::new(format!("`{place}` is {}, and has no member `{name}`", with_article(other.kind())))
            }
            (Segment::Index(index), Value::List(list)) => {
                let items = if list.len() == 1 { "1 item".to_owned() } else { format!("{} items", list.len()) };
                Failure::new(format!("`{place}` has {items}, and no [{index}]"))
            }
            (Segment::Index(index), other) => {
                Failure::new(format!("`{place}` is {}, and has no [{index}]", with_article(other.kind())))
            }
        }
    }

    /// The path as text, with the first `segments` selections.
    pub(crate) fn show(&self, segments: usize) -> String {
        let mut text = match &self.base {
            Base::Inputs => "inputs".to_owned(),
            Base::Input(name) => format!("inputs{}", show_member(name)),
            Base::Step(id, field) => format!("{}.{}", show_step(id), field.as_str()),
            Base::Root(name) => name.to_string(),
        };
        for segment in self.rest.iter().take(segments) {
            match segment {
                Segment::Member(name) => text.push_str(&show_member(name)),
                Segment::Index(index) => {
                    let _ = write!(text, "[{index}]");
                }
            }
        }
        text
    }
}

fn select<'a>(value: &'a Value, segment: &Segment) -> Option<&'a Value> {
    match (segment, value) {
        (Segment::Member(name), Value::Object(object)) => object.get(name.as_ref()),
        (Segment::Index(index), Value::List(list)) => usize::try_from(*index).ok().and_then(|index| list.get(index)),
        _ => None,
    }
}

pub(crate) fn whole_steps() -> ExpressionError {
    ExpressionError::new("`steps` needs the id of one step, as it stands")
        .help("write `steps.<id>.output`; an id cannot be computed, because it says what runs first")
}

fn step_field(id: &str, field: &Segment) -> Result<StepField, ExpressionError> {
    let shown = show_step(id);
    let name = match field {
        Segment::Member(name) => name,
        Segment::Index(index) => {
            return Err(ExpressionError::new(format!("`{shown}` has no [{index}]"))
                .help(format!("write `{shown}.output[{index}]`")));
        }
    };
    StepField::ALL.into_iter().find(|field| field.as_str() == name.as_ref()).ok_or_else(|| {
        let error = ExpressionError::new(format!(
            "`{shown}` has `output`, `verdict`, `receipt` and `metadata`, and no `{name}`"
        ));
        match nearest(name, &StepField::ALL.map(StepField::as_str)) {
            Some(near) => error.help(format!("did you mean `{shown}.{near}`?")),
            None => error.help(format!("write `{shown}.output{}`", show_member(name))),
        }
    })
}

fn show_step(id: &str) -> String {
    format!("steps{}", show_member(id))
}

fn show_member(name: &str) -> String {
    if is_name(name) { format!(".{name}") } else { format!("[{name:?}]") }
}

fn has(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    match names {
        [] => "it is empty".to_owned(),
        all if all.len() <= SHOWN => format!("it has: {}", all.join(", ")),
        all => {
            let shown: Vec<&str> = all.iter().take(SHOWN).copied().collect();
            format!("it has: {}, and {} more", shown.join(", "), all.len() - SHOWN)
        }
    }
}

/// `an array`, `a string`.
pub(crate) fn with_article(kind: &str) -> String {
    match kind {
        "null" | "bytes" => kind.to_owned(),
        kind if kind.starts_with(['a', 'e', 'i', 'o', 'u']) && kind != "uint" => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}

/// The name that was probably meant.
pub(crate) fn nearest<'a>(name: &str, among: &[&'a str]) -> Option<&'a str> {
    among
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| {
            let length = candidate.len().max(name.len());
            *distance < length && *distance <= 1.max(length / 3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|one| one.is_ascii_alphanumeric() || one == '_')
        && !is_reserved(text)
}

/// Words that CEL does not take as a name.
fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "true"
            | "false"
            | "null"
            | "in"
            | "as"
            | "break"
            | "const"
            | "continue"
            | "else"
            | "for"
            | "function"
            | "if"
            | "import"
            | "let"
            | "loop"
            | "package"
            | "namespace"
            | "return"
            | "var"
            | "void"
            | "while"
    )
}

/// Reads the longest pure path at the beginning of a text, and says how many bytes it has.
///
/// Only what surely means the same in CEL is read; none where the text begins with anything else.
pub(crate) fn scan(text: &str) -> Option<(&str, Vec<Segment>, usize)> {
    let root = name_at(text, 0)?;
    if !ROOTS.contains(&root) {
        return None;
    }
    let mut segments = Vec::new();
    let mut end = root.len();
    loop {
        match text.as_bytes().get(end) {
            Some(b'.') => {
                let Some(name) = name_at(text, end + 1) else { break };
                segments.push(Segment::Member(Arc::from(name)));
                end += 1 + name.len();
            }
            Some(b'[') => {
                let Some((segment, next)) = bracket_at(text, end + 1) else { break };
                segments.push(segment);
                end = next;
            }
            _ => break,
        }
    }
    Some((root, segments, end))
}

fn name_at(text: &str, start: usize) -> Option<&str> {
    let rest = text.get(start..)?;
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    rest.get(..length).filter(|name| is_name(name))
}

fn bracket_at(text: &str, start: usize) -> Option<(Segment, usize)> {
    let rest = text.get(start..)?;
    let length = rest.find(']')?;
    let inner = rest.get(..length)?;
    let segment = match inner.as_bytes() {
        [quote @ (b'"' | b'\''), middle @ .., last] if quote == last => {
            if middle.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'\\') || byte.is_ascii_control()) {
                return None;
            }
            Segment::Member(Arc::from(inner.get(1..inner.len() - 1)?))
        }
        [b'0'] => Segment::Index(0),
        [b'1'..=b'9', others @ ..] if others.iter().all(u8::is_ascii_digit) => Segment::Index(inner.parse().ok()?),
        _ => return None,
    };
    Some((segment, start + length + 1))
}
