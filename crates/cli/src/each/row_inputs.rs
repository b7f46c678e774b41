//! A row's text becomes the inputs of its run. What is wrong with it is told with its place in the file of the rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmill_model::{Code, Diagnostic, InputType, Location, Object, Pipeline, Value};

use super::rows::{LONGEST_ROW, Row, RowText};
use crate::{blobs, inputs};

/// What references to large values stand for.
pub(crate) struct Blobs {
    /// Where they are kept.
    pub(crate) folder: Option<PathBuf>,
    /// Whether they are looked for.
    pub(crate) is_allowed: bool,
}

impl Blobs {
    fn attach(&self, given: Object) -> Result<Object, Vec<Diagnostic>> {
        // A reference is an object. Most rows have none, and there are many rows.
        if given.values().any(|value| matches!(value, Value::Object(_) | Value::List(_))) {
            return blobs::attach(given, self.is_allowed, self.folder.as_deref());
        }
        Ok(given)
    }
}

/// How rows are read: the same for all of them.
pub(crate) struct RowInputs {
    pipeline: Arc<Pipeline>,
    /// What every row is given.
    common: Object,
    blobs: Blobs,
    /// The input whose value may stand without its name.
    alone: Option<(Arc<str>, InputType)>,
    /// The name of the file.
    file: Arc<str>,
}

impl RowInputs {
    /// With these inputs for every row.
    ///
    /// # Errors
    /// What is wrong with those, whatever the rows say.
    pub(crate) fn new(
        pipeline: &Arc<Pipeline>,
        common: Object,
        blobs: Blobs,
        file: Arc<str>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let common = blobs.attach(common)?;
        if let Err(problems) = wasmill_runtime::bind_inputs(pipeline, common.clone()) {
            // What is missing is the rows' to give.
            let problems: Vec<Diagnostic> =
                problems.0.into_iter().filter(|problem| problem.code != Code::InputMissing).collect();
            if !problems.is_empty() {
                return Err(problems);
            }
        }
        let alone = inputs::alone(&pipeline.inputs, &common).map(|(name, spec)| (name.clone(), spec.kind));
        Ok(RowInputs { pipeline: pipeline.clone(), common, blobs, alone, file })
    }

    /// Where large values are kept.
    pub(crate) fn blobs_folder(&self) -> Option<&Path> {
        self.blobs.folder.as_deref()
    }

    /// The inputs of a row, with the defaults of those that it does not name.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn read(&self, row: &Row) -> Result<Object, Vec<Diagnostic>> {
        let RowText::Line(text) = &row.text else {
            let problem = format!("the row is longer than {} MiB, and was not read", LONGEST_ROW >> 20);
            let help = "a row is one line; give what is larger to every row (`--input name=@file`), or run it alone";
            return Err(vec![self.problem(row, 1, Code::InputUnreadable, problem).help(help)]);
        };
        let value = Value::from_json(text).map_err(|error| vec![self.no_json(row, text, &error)])?;
        let in_row =
            |problems: Vec<Diagnostic>| problems.into_iter().map(|problem| self.in_row(row, text, problem)).collect();
        let named = self.blobs.attach(self.members(row, text, value)?).map_err(in_row)?;
        let given = if self.common.is_empty() {
            named
        } else {
            let mut given = self.common.clone();
            given.extend(named);
            given
        };
        wasmill_runtime::bind_inputs(&self.pipeline, given).map_err(|problems| in_row(problems.0))
    }

    /// What this row names: an object of inputs, or else the value of the one input.
    fn members(&self, row: &Row, text: &[u8], value: Value) -> Result<Object, Vec<Diagnostic>> {
        let specs = &self.pipeline.inputs;
        let one = |name: &Arc<str>, value: Value| Ok(Object::from([(name.clone(), value)]));
        let is_inputs = |object: &Object| object.keys().all(|name| specs.contains_key(name));
        match (value, &self.alone) {
            (Value::Object(object), alone) if is_inputs(&object) && (!object.is_empty() || alone.is_none()) => {
                Ok(Arc::unwrap_or_clone(object))
            }
            (value @ Value::Object(_), Some((name, InputType::Any | InputType::Object))) => one(name, value),
            (Value::Object(object), _) => {
                let unknown = object.keys().filter(|name| !specs.contains_key(*name));
                let place = |name: &str| self.place(row, member(text, name));
                let problems: Vec<Diagnostic> =
                    unknown.map(|name| inputs::unknown(name, specs).at(&place(name))).collect();
                // An empty object names nothing: what is missing is said when it is bound.
                if problems.is_empty() { Ok(Object::new()) } else { Err(problems) }
            }
            (value, Some((name, _))) => one(name, value),
            (value, None) => {
                let problem = format!("the row is no JSON object of inputs: its type is `{}`", value.kind());
                let help = format!("the pipeline has {}", inputs::declared(specs));
                Err(vec![self.problem(row, start(text), Code::InputUnreadable, problem).help(help)])
            }
        }
    }

    fn place(&self, row: &Row, column: u32) -> Location {
        // Files of four billion lines have places as well, if less exact ones.
        let line = u32::try_from(row.line).unwrap_or(u32::MAX);
        Location { file: self.file.clone(), line, column, offset: 0, length: 0 }
    }

    fn problem(&self, row: &Row, column: u32, code: Code, message: String) -> Diagnostic {
        Diagnostic::new(code, message).at(&self.place(row, column))
    }

    fn no_json(&self, row: &Row, text: &[u8], error: &serde_json::Error) -> Diagnostic {
        let said = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let said = said.strip_suffix(&place).unwrap_or(&said);
        // The column counts bytes, from 1; at the end of the row it is the last one.
        let column = column(text, error.column().saturating_sub(1));
        self.problem(row, column, Code::InputUnreadable, format!("the row is not JSON: {said}"))
            .help("each line is one JSON value; `jq -c .` writes such lines")
    }

    /// A problem of a bound input, at its place in the row, with words for rows.
    fn in_row(&self, row: &Row, text: &[u8], mut problem: Diagnostic) -> Diagnostic {
        let named = problem.message.split('`').nth(1).unwrap_or_default();
        let column = member(text, named);
        let help = match problem.code {
            Code::InputMissing => Some(format!("give it in the row, or to every row: `--input {named}=…`")),
            Code::InputType => None,
            _ => problem.help.take(),
        };
        Diagnostic { location: Some(self.place(row, column)), help, ..problem }
    }
}

/// The column (in characters, from 1) of this byte.
fn column(text: &[u8], byte: usize) -> u32 {
    let before = text.get(..byte).unwrap_or(text);
    u32::try_from(String::from_utf8_lossy(before).chars().count()).map_or(u32::MAX, |before| before.saturating_add(1))
}

/// The column of the first character that is not blank.
fn start(text: &[u8]) -> u32 {
    column(text, text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0))
}

/// The column of the name of a member of the object that `text` is; of its start where it has no such member, or is none.
fn member(text: &[u8], name: &str) -> u32 {
    let (mut depth, mut at) = (0_u32, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let end = end_of_text(text, at);
                let behind = text.get(end..).unwrap_or_default().trim_ascii_start();
                let spelled = text.get(at..end).unwrap_or_default();
                if depth == 1
                    && behind.first() == Some(&b':')
                    && serde_json::from_slice::<String>(spelled).is_ok_and(|spelled| spelled == name)
                {
                    return column(text, at);
                }
                at = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    start(text)
}

/// The byte behind the JSON text that starts here.
fn end_of_text(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = text.get(at) {
        at += match byte {
            b'"' => return at + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_names() {
        let text = r#" {"ä": {"b": 1, "a": "b\":"}, "b" : 2, "\u0063": 3}"#;
        assert_eq!(member(text.as_bytes(), "ä"), 3);
        assert_eq!(member(text.as_bytes(), "b"), 31);
        assert_eq!(member(text.as_bytes(), "c"), 40);
        assert_eq!(member(text.as_bytes(), "a"), 2);
        assert_eq!(member(b"  7", "a"), 3);
        assert_eq!(member(b"", "a"), 1);
        assert_eq!(member(br#"{"a"#, "a"), 1);
    }
}
