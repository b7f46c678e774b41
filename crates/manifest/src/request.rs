//! One document that says all of a run: for programs that are given nothing but a stream.
//!
//! A run request is `{"pipeline": …, "inputs": …, "units": …}` with what flags say elsewhere beside them. A manifest that stands alone,
//! of any dialect, is a request too.

use std::path::{Path, PathBuf};

use wasmill_model::{
    Code, Diagnostic, Dialect, LimitOverrides, Object, Pipeline, Policy, Profile, Secrets, UnitSource,
};

use crate::keys::Keys;
use crate::reader::{Fields, Reader, listed};
use crate::tree::{Data, Node, Span};
use crate::{Format, dialect, dialects, grants, policy, read_dialect, steps, toml_tree, units, yaml_tree};

/// A pipeline and how it is run.
#[derive(Clone, Debug)]
pub struct Request {
    /// The pipeline. Its paths are relative to nothing: whoever runs it says where its units are.
    pub pipeline: Pipeline,
    /// Whether the document was a request, or a manifest that stands alone.
    pub kind: RequestKind,
    /// The inputs, as they are given.
    pub inputs: Object,
    /// Limits that win over the pipeline's.
    pub limits: LimitOverrides,
    /// How every step is metered; none: as the pipeline says.
    pub profile: Option<Profile>,
    /// Engines in order of preference; none: as the pipeline says.
    pub engines: Vec<String>,
    /// What steps get that ask for nothing, and the most that any may ask for.
    pub policy: Policy,
    /// The values of secrets.
    pub secrets: Secrets,
}

/// What a document was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A manifest, alone (a manifest v1 also with its `input_data`): it is answered as its dialect is.
    Manifest,
    /// A run request: it is answered with the run document, whatever its pipeline is.
    Request,
}

const REQUEST: Keys = Keys {
    what: "a run request",
    example: "{ \"pipeline\": { \"wasmill\": 1, … }, \"inputs\": { … } }",
    now: &["pipeline", "file", "inputs", "units", "limits", "profile", "engine", "policy", "secrets"],
    later: &[],
};

/// What a pipeline is called that says neither its name nor its file's.
const UNNAMED: &str = "pipeline.json";

/// Reads a run request, or a manifest that stands alone. `name` is the name that positions get, `engines` are those that there are.
///
/// # Errors
/// Everything that is wrong with it; what is wrong with a pipeline that is given as text has positions in that text.
pub fn parse_request(name: &str, text: &str, engines: &[&str]) -> Result<Request, Vec<Diagnostic>> {
    let reader = Reader::new(name, text, Format::Json);
    let mut inner = Vec::new();
    let request = yaml_tree::read(text, &reader).and_then(|tree| read(&tree, engines, &reader, &mut inner));
    let mut problems = reader.finish();
    problems.extend(inner);
    match request {
        Some(request) if problems.is_empty() => Ok(request),
        // What cannot be read without a reason would be a mistake here.
        _ if problems.is_empty() => Err(vec![Diagnostic::new(Code::Syntax, "the request cannot be read")]),
        _ => Err(problems),
    }
}

fn read(tree: &Node, engines: &[&str], reader: &Reader<'_>, inner: &mut Vec<Diagnostic>) -> Option<Request> {
    let help = "write a manifest as JSON, or `{\"pipeline\": …, \"inputs\": {…}}`";
    match &tree.data {
        Data::Object(_) => {}
        Data::Null => {
            reader.error(Code::UnknownFile, tree.span, "the request is empty", help);
            return None;
        }
        _ => {
            let message = format!("the request is {}, not an object", tree.kind());
            reader.error(Code::UnknownFile, tree.span, message, help);
            return None;
        }
    }
    if !is_request(tree) {
        let pipeline = read_dialect(UNNAMED, tree, reader)?;
        return Some(Request::alone(pipeline));
    }
    let fields = reader.fields(tree, "the request", &REQUEST)?;
    let file = fields.get("file").and_then(|node| reader.text(node, "file"));
    let Some(node) = fields.get("pipeline") else {
        let start = Span { start: tree.span.start, end: tree.span.start };
        let help = "give it a manifest: `\"pipeline\": { \"wasmill\": 1, … }`";
        reader.error(Code::MissingKey, start, "`pipeline` is missing", help);
        return None;
    };
    let pipeline = match &node.data {
        Data::String(text) => of_text(file, text, inner),
        Data::Object(_) => read_dialect(file.unwrap_or(UNNAMED), node, reader),
        _ => {
            reader.wrong_type(node, "pipeline", "a manifest, as an object or as a text", "`\"pipeline\": { … }`");
            None
        }
    };
    // The rest is looked at also where the pipeline is wrong: everything is said at once.
    let mut request = Request::alone(pipeline.unwrap_or_else(|| dialects::pipeline(UNNAMED, Dialect::Native)));
    request.kind = RequestKind::Request;
    request.read(&fields, engines, reader);
    Some(request)
}

/// Whether this is a run request, or at least no manifest.
fn is_request(tree: &Node) -> bool {
    let is_manifest = ["wasmill", "steps", "component"].iter().any(|key| tree.get(key).is_some());
    tree.get("pipeline").is_some() && tree.get("wasmill").is_none()
        || !is_manifest && dialect::dialect_of(tree).is_none()
}

/// A pipeline that is given as text.
fn of_text(file: Option<&str>, text: &str, inner: &mut Vec<Diagnostic>) -> Option<Pipeline> {
    let format = match file.filter(|file| Path::new(file).extension().is_some()) {
        Some(file) => Format::of(Path::new(file)),
        None => format_of(text),
    };
    let name = file.unwrap_or(match format {
        Format::Yaml => "pipeline.yaml",
        Format::Json => "pipeline.json",
        Format::Toml => "pipeline.toml",
    });
    let reader = Reader::new(name, text, format);
    let tree = match format {
        Format::Yaml | Format::Json => yaml_tree::read(text, &reader),
        Format::Toml => toml_tree::read(text, &reader),
    };
    let pipeline = tree.and_then(|tree| read_dialect(name, &tree, &reader));
    inner.extend(reader.finish());
    pipeline
}

/// The format of a manifest, by its first line that says something: `{`, or TOML's `[table]` or `key = value`, or else YAML.
fn format_of(text: &str) -> Format {
    let text = text.trim_start_matches('\u{feff}');
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let is_assignment = match (line.find('='), line.find(':')) {
        (Some(equals), Some(colon)) => equals < colon,
        (Some(_), None) => true,
        (None, _) => false,
    };
    match line.as_bytes().first() {
        Some(b'{') => Format::Json,
        Some(b'[') => Format::Toml,
        _ if is_assignment => Format::Toml,
        _ => Format::Yaml,
    }
}

impl Request {
    /// A pipeline that is run as it is.
    pub fn alone(mut pipeline: Pipeline) -> Request {
        pipeline.base = PathBuf::new();
        Request {
            pipeline,
            kind: RequestKind::Manifest,
            inputs: Object::new(),
            limits: LimitOverrides::default(),
            profile: None,
            engines: Vec::new(),
            policy: Policy::default(),
            secrets: Secrets::default(),
        }
    }

    /// What stands beside the pipeline.
    fn read(&mut self, fields: &Fields<'_>, engines: &[&str], reader: &Reader<'_>) {
        if let Some(node) = fields.get("inputs") {
            let members = reader.members(node, "inputs", "{ \"text\": \"…\" }").unwrap_or_default();
            self.inputs = members.iter().map(|one| (one.key.as_str().into(), one.value.to_value())).collect();
        }
        if let Some(node) = fields.get("units") {
            self.units(node, reader);
        }
        self.limits = fields.get("limits").map(|node| steps::limits(node, reader)).unwrap_or_default();
        self.profile = fields.get("profile").and_then(|node| grants::profile(node, reader));
        self.engines = fields.get("engine").map(|node| steps::engines(node, reader)).unwrap_or_default();
        self.policy = fields.get("policy").map(|node| policy::policy(node, engines, reader)).unwrap_or_default();
        if let Some(node) = fields.get("secrets") {
            self.secrets(node, reader);
        }
    }

    /// Binaries, by the names of the pipeline's units.
    fn units(&mut self, node: &Node, reader: &Reader<'_>) {
        for member in reader.members(node, "units", "{ \"stats\": \"AGFzbQ…\" }").unwrap_or_default() {
            let key = member.key.as_str();
            let Some(text) = reader.text(&member.value, key) else { continue };
            let source = units::base64(key, text, &member.value, reader);
            match (self.pipeline.units.get_mut(key), source) {
                (Some(spec), Some(source)) if !matches!(spec.source, UnitSource::Pipeline(_)) => spec.source = source,
                (Some(_), Some(_)) => {
                    let message = format!("the unit `{key}` is a pipeline, and is given as a binary");
                    reader.error(Code::InvalidValue, member.key_span, message, "leave it out here");
                }
                (Some(_), None) => {}
                // Of a pipeline that could not be read, nobody knows what it declares.
                (None, _) if self.pipeline.steps.is_empty() => {}
                (None, _) => {
                    let help = match reader.nearest(key, self.pipeline.units.keys().map(|name| &**name)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("it has {}", listed(self.pipeline.units.keys().map(|name| &**name))),
                    };
                    let message = format!("the pipeline has no unit `{key}`");
                    reader.error(Code::UnknownUnit, member.key_span, message, help);
                }
            }
        }
    }

    fn secrets(&mut self, node: &Node, reader: &Reader<'_>) {
        for member in reader.members(node, "secrets", "{ \"API_KEY\": \"…\" }").unwrap_or_default() {
            if !grants::is_variable_name(&member.key) {
                let message = "the name of a secret has letters, digits and `_`, and begins with no digit";
                reader.error(Code::InvalidValue, member.key_span, message, "for example `API_KEY`");
                continue;
            }
            // No message shows what stands there: it may be a value of the wrong type.
            let Data::String(value) = &member.value.data else {
                let message = format!("the secret `{}` is {}, and has to be a text", member.key, member.value.kind());
                reader.error(Code::WrongType, member.value.span, message, "write it in quotes");
                continue;
            };
            if let Err(error) = self.secrets.insert(member.key.clone(), value.as_str()) {
                reader.error(Code::InvalidValue, member.value.span, error.to_string(), "use a longer one");
            }
        }
    }
}
