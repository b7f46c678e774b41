//! `--input`: text on the command line, in files and on stdin becomes the pipeline's inputs.
//!
//! Nothing is checked here but that a text can be read as its input's type; types, choices and bounds are held by
//! `wasmill_runtime::bind_inputs`, whoever gave the value.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Code, Diagnostic, InputSpec, InputType, Object, Value};

use crate::standard_input::StandardInput;

type Specs = IndexMap<Arc<str>, InputSpec>;

/// The inputs that these `--input`s (and stdin) give.
///
/// # Errors
/// Everything that cannot be read.
pub(crate) fn collect(items: &[String], specs: &Specs, stdin: &StandardInput) -> Result<Object, Vec<Diagnostic>> {
    let mut reader = Reader { specs, stdin, given: Object::new() };
    reader.items(items)?;
    if reader.wants_stdin(items.is_empty()) {
        reader.offered()?;
    }
    Ok(reader.given)
}

/// What these `--input`s give, and stdin only where one of them names it: the others come from elsewhere.
///
/// # Errors
/// Everything that cannot be read.
pub(crate) fn collect_some(items: &[String], specs: &Specs, stdin: &StandardInput) -> Result<Object, Vec<Diagnostic>> {
    let mut reader = Reader { specs, stdin, given: Object::new() };
    reader.items(items)?;
    Ok(reader.given)
}

/// The files that these `--input`s name.
pub(crate) fn files(items: &[String]) -> impl Iterator<Item = PathBuf> {
    let value =
        |item: &str| split_assignment(item).map_or(item, |(_, value)| value).strip_prefix('@').map(PathBuf::from);
    items.iter().filter_map(move |item| value(item)).filter(|path| path != Path::new("-"))
}

struct Reader<'a> {
    specs: &'a Specs,
    stdin: &'a StandardInput,
    given: Object,
}

impl Reader<'_> {
    /// Every `--input`.
    fn items(&mut self, items: &[String]) -> Result<(), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        for item in items {
            if let Err(mut found) = self.item(item) {
                problems.append(&mut found);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// One `--input`.
    fn item(&mut self, item: &str) -> Result<(), Vec<Diagnostic>> {
        if item == "-" {
            let bytes = self.stdin.asked_for().map_err(one)?;
            return self.whole(&bytes, "stdin");
        }
        if let Some(path) = item.strip_prefix('@') {
            let bytes = self.file(path).map_err(one)?;
            return self.whole(&bytes, path);
        }
        if let Some((name, value)) = split_assignment(item) {
            return self.assignment(name, value).map_err(one);
        }
        self.whole(item.as_bytes(), "--input")
    }

    /// `name=value`, `name=@file`.
    fn assignment(&mut self, name: &str, value: &str) -> Result<(), Diagnostic> {
        let Some((name, spec)) = self.specs.get_key_value(name) else {
            return Err(self.unknown(name, &format!("{name}={value}")));
        };
        let (bytes, origin) = match value.strip_prefix('@') {
            Some(path) => (self.file(path)?, path.to_owned()),
            None => (value.as_bytes().to_vec(), "--input".to_owned()),
        };
        let value = read_as(spec.kind, bytes).map_err(|problem| unreadable(name, spec.kind, &origin, &problem))?;
        self.given.insert(name.clone(), value);
        Ok(())
    }

    /// A document that stands alone: a JSON object of inputs, or else the value of the one input.
    fn whole(&mut self, bytes: &[u8], origin: &str) -> Result<(), Vec<Diagnostic>> {
        let document = Value::from_json(bytes);
        let alone = self.alone();
        if let Ok(Value::Object(object)) = &document
            && (!object.is_empty() || alone.is_none())
        {
            let unknown: Vec<&Arc<str>> = object.keys().filter(|name| !self.specs.contains_key(*name)).collect();
            if unknown.is_empty() {
                self.given.extend(object.iter().map(|(name, value)| (name.clone(), value.clone())));
                return Ok(());
            }
            if alone.is_none() {
                return Err(unknown.into_iter().map(|name| self.unknown(name, "")).collect());
            }
        }
        let Some((name, spec)) = alone else {
            return Err(one(self.no_object(origin, document.err())));
        };
        let value =
            read_as(spec.kind, bytes.to_vec()).map_err(|problem| one(unreadable(name, spec.kind, origin, &problem)))?;
        self.given.insert(name.clone(), value);
        Ok(())
    }

    fn alone(&self) -> Option<(&Arc<str>, &InputSpec)> {
        alone(self.specs, &self.given)
    }

    /// Stdin is read unasked where nothing else was given, or where something that is required is still missing.
    fn wants_stdin(&self, nothing_given: bool) -> bool {
        !self.specs.is_empty()
            && (nothing_given || self.specs.iter().any(|(name, spec)| is_missing(name, spec, &self.given)))
    }

    fn offered(&mut self) -> Result<(), Vec<Diagnostic>> {
        match self.stdin.offered().map_err(one)? {
            Some(bytes) => self.whole(&bytes, "stdin"),
            None => Ok(()),
        }
    }

    fn file(&self, path: &str) -> Result<Vec<u8>, Diagnostic> {
        if path == "-" { self.stdin.asked_for() } else { read_file(Path::new(path)) }
    }

    fn unknown(&self, name: &str, item: &str) -> Diagnostic {
        match self.alone() {
            Some((alone, spec))
                if !item.is_empty() && similar(name, self.specs).is_none() && spec.kind.accepts(&Value::from(item)) =>
            {
                let help =
                    format!("the pipeline has {}; to give it this text, write `{alone}={item}`", declared(self.specs));
                unknown(name, self.specs).help(help)
            }
            _ => unknown(name, self.specs),
        }
    }

    fn no_object(&self, origin: &str, error: Option<serde_json::Error>) -> Diagnostic {
        let problem = match error {
            Some(error) => format!("{origin} is no JSON object of inputs: {error}"),
            None => format!("{origin} is JSON, but no object of inputs"),
        };
        let mut help = format!("the pipeline has {}", declared(self.specs));
        if !self.specs.is_empty() {
            help.push_str("; name one with `--input name=value` or `--input name=@file`");
        }
        Diagnostic::new(Code::InputUnreadable, problem).help(help)
    }
}

/// The one input whose value may stand without its name: the only one that there is, or the only one that is required
/// and has no value yet.
pub(crate) fn alone<'a>(specs: &'a Specs, given: &Object) -> Option<(&'a Arc<str>, &'a InputSpec)> {
    let mut open = specs.iter().filter(|(name, spec)| is_missing(name, spec, given));
    match (specs.len(), open.next(), open.next()) {
        (1, ..) => specs.first(),
        (_, Some(only), None) => Some(only),
        _ => None,
    }
}

fn is_missing(name: &str, spec: &InputSpec, given: &Object) -> bool {
    spec.required && spec.default.is_none() && !given.contains_key(name)
}

fn similar<'a>(name: &str, specs: &'a Specs) -> Option<&'a Arc<str>> {
    specs.keys().find(|known| strsim::jaro_winkler(name, known) > 0.8)
}

/// An input that the pipeline does not have.
pub(crate) fn unknown(name: &str, specs: &Specs) -> Diagnostic {
    let help = match similar(name, specs) {
        Some(similar) => format!("did you mean `{similar}`? The pipeline has {}", declared(specs)),
        None => format!("the pipeline has {}", declared(specs)),
    };
    Diagnostic::new(Code::InputUnknown, format!("the pipeline has no input `{name}`")).help(help)
}

/// The inputs that the pipeline has, with their types.
pub(crate) fn declared(specs: &Specs) -> String {
    if specs.is_empty() {
        return "no inputs".to_owned();
    }
    let names: Vec<String> = specs.iter().map(|(name, spec)| format!("`{name}` ({})", spec.kind.as_str())).collect();
    names.join(", ")
}

/// `name=…`, where the name could be one of an input.
pub(crate) fn split_assignment(item: &str) -> Option<(&str, &str)> {
    let (name, value) = item.split_once('=')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|one| one.is_alphanumeric() || matches!(one, '_' | '-' | '.'));
    is_name.then_some((name, value))
}

/// A file that the user named as an input.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    std::fs::read(path).map_err(|error| {
        let message = cannot_read(path, &error);
        Diagnostic::new(Code::InputUnreadable, message).help(
            "paths of inputs are relative to the current folder, those of `$file` in a manifest to the manifest; a value that begins with `@` goes into a file or JSON",
        )
    })
}

/// Why a file cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &std::io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no file `{shown}`"),
        _ if path.is_dir() => format!("`{shown}` is a folder"),
        _ => format!("`{shown}` cannot be read: {error}"),
    }
}

/// Text, as a value of this type: strings and bytes as they are, anything else as JSON; where any type will do, JSON where
/// it is some, or else text, or else bytes.
fn read_as(kind: InputType, bytes: Vec<u8>) -> Result<Value, String> {
    match kind {
        InputType::Bytes => Ok(Value::Bytes(bytes.into())),
        InputType::String => text(bytes).map_err(|_| "it is not UTF-8 text".to_owned()),
        InputType::Any => {
            Ok(Value::from_json(&bytes).or_else(|_| text(bytes)).unwrap_or_else(|bytes| Value::Bytes(bytes.into())))
        }
        InputType::Integer | InputType::Number | InputType::Boolean | InputType::Array | InputType::Object => {
            Value::from_json(&bytes).map_err(|error| {
                let text = String::from_utf8_lossy(&bytes);
                let start: String = text.trim().chars().take(40).collect();
                let shown = if start.len() == text.trim().len() { start } else { format!("{start}…") };
                match kind {
                    InputType::Array | InputType::Object => format!("`{shown}` is not JSON: {error}"),
                    _ => format!("`{shown}` is none"),
                }
            })
        }
    }
}

/// Text where it is UTF-8; the bytes back where it is not.
pub(crate) fn text(bytes: Vec<u8>) -> Result<Value, Vec<u8>> {
    String::from_utf8(bytes).map(Value::from).map_err(std::string::FromUtf8Error::into_bytes)
}

fn unreadable(name: &str, kind: InputType, origin: &str, problem: &str) -> Diagnostic {
    let article = match kind {
        InputType::Integer | InputType::Array | InputType::Object | InputType::Any => "an",
        _ => "a",
    };
    Diagnostic::new(
        Code::InputType,
        format!("the input `{name}` takes {article} {}, and {problem} ({origin})", kind.as_str()),
    )
}

fn one(diagnostic: Diagnostic) -> Vec<Diagnostic> {
    vec![diagnostic]
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmill_model::Location;

    fn specs(all: &[(&str, InputType, bool)]) -> Specs {
        all.iter()
            .map(|(name, kind, required)| {
                let spec = InputSpec {
                    kind: *kind,
                    required: *required,
                    default: None,
                    description: None,
                    choices: Vec::new(),
                    min: None,
                    max: None,
                    pattern: None,
                    location: Location::default(),
                };
                (Arc::from(*name), spec)
            })
            .collect()
    }

    fn read(items: &[&str], specs: &Specs, stdin: &str) -> Result<String, Vec<Code>> {
        let items: Vec<String> = items.iter().map(|&item| item.to_owned()).collect();
        collect(&items, specs, &StandardInput::of(stdin))
            .map(|object| Value::from(object).to_json())
            .map_err(|problems| problems.iter().map(|problem| problem.code).collect())
    }

    #[test]
    fn the_files_of_inputs() {
        let items = ["a=@x.json", "@y.txt", "b=1", "-", "c=@-", "plain", "{}"].map(str::to_owned);
        assert_eq!(files(&items).collect::<Vec<_>>(), [PathBuf::from("x.json"), PathBuf::from("y.txt")]);
    }

    #[test]
    fn a_value_is_read_by_its_type() {
        let specs = specs(&[
            ("text", InputType::String, false),
            ("count", InputType::Integer, false),
            ("any", InputType::Any, false),
        ]);
        assert_eq!(read(&["text=12", "count=12"], &specs, ""), Ok(r#"{"text":"12","count":12}"#.into()));
        assert_eq!(read(&["any=12", "text=a=b"], &specs, ""), Ok(r#"{"any":12,"text":"a=b"}"#.into()));
        assert_eq!(read(&["any=twelve"], &specs, ""), Ok(r#"{"any":"twelve"}"#.into()));
        assert_eq!(read(&["count=twelve", "cuont=1"], &specs, ""), Err(vec![Code::InputType, Code::InputUnknown]));
        assert_eq!(read(&[r#"{"count": 3}"#, "count=4"], &specs, ""), Ok(r#"{"count":4}"#.into()));
        assert_eq!(read(&["just text"], &specs, ""), Err(vec![Code::InputUnreadable]));
    }

    #[test]
    fn the_one_input_stands_alone() {
        let one = specs(&[("text", InputType::String, true)]);
        assert_eq!(read(&["just text"], &one, ""), Ok(r#"{"text":"just text"}"#.into()));
        assert_eq!(read(&[], &one, "piped\n"), Ok(r#"{"text":"piped\n"}"#.into()));
        assert_eq!(read(&[], &one, r#"{"text": "x"}"#), Ok(r#"{"text":"x"}"#.into()));
        assert_eq!(read(&[], &one, r#"{"other": "x"}"#), Ok(r#"{"text":"{\"other\": \"x\"}"}"#.into()));
        assert_eq!(read(&["-"], &one, ""), Ok(r#"{"text":""}"#.into()));
        assert_eq!(read(&[], &one, ""), Ok("{}".into()));
        let two = specs(&[("text", InputType::String, true), ("top", InputType::Integer, false)]);
        assert_eq!(read(&["top=3"], &two, "piped"), Ok(r#"{"top":3,"text":"piped"}"#.into()));
        assert_eq!(read(&["text=here"], &two, "not read"), Ok(r#"{"text":"here"}"#.into()));
    }

    #[test]
    fn stdin_is_read_once() {
        let two = specs(&[("a", InputType::String, true), ("b", InputType::String, true)]);
        assert_eq!(read(&["a=@-", "b=@-"], &two, "x"), Err(vec![Code::InputUnreadable]));
    }
}
