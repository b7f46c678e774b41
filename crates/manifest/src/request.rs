//! One document that says all of a run: for programs that are given nothing but a stream.
//!
//! A run request is `{"pipeline": …, "inputs": …, "units": …}` with what flags say elsewhere beside them. A manifest that stands alone,
//! of any dialect, is a request too. [`RequestDocument`](crate::RequestDocument) writes one.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use wasmill_model::{
    Code, Diagnostic, Dialect, Digest, LimitOverrides, Object, Pipeline, Policy, Profile, RunDocument, Secrets,
    UnitSource,
};

use crate::keys::Keys;
use crate::reader::{Fields, Reader, listed};
use crate::tree::{Data, Member, Node, Span};
use crate::{Format, dialect, dialects, grants, policy, read_dialect, run_bundle, steps, toml_tree, units, yaml_tree};

/// A request larger than this, in bytes, is a mistake: what it is read into takes several times as much, of the 4 GiB that there are within
/// WebAssembly.
pub const LARGEST_REQUEST: usize = 128 << 20;

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
    /// What steps get that ask for nothing, and the most that any may ask for; none: as the host says.
    pub policy: Option<Policy>,
    /// The values of secrets.
    pub secrets: Secrets,
    /// What came of it when it was run, where it is a [run bundle](crate::bundle_of).
    pub recorded: Option<RunDocument>,
    /// The pipelines that came with it, by what they are [called](included_name): nothing is read where it has one.
    pub pipelines: HashMap<PathBuf, IncludedPipeline>,
}

/// A pipeline that others call, and that came with them.
#[derive(Clone, Debug)]
pub struct IncludedPipeline {
    /// It. Its paths are relative to the folder of its name.
    pub pipeline: Pipeline,
    /// The SHA-256 of its text; none where it was given as an object.
    pub digest: Option<Digest>,
}

/// What a pipeline that is called from others is called in their request: its path from the folder of the pipeline that is run, in the
/// shortest form.
pub fn included_name(path: &Path) -> PathBuf {
    let mut name = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(name.components().next_back(), Some(Component::Normal(_))) => {
                name.pop();
            }
            other => name.push(other),
        }
    }
    name
}

/// The text of a request.
///
/// # Errors
/// It is too large, a binary, or no text.
pub fn request_text(bytes: Vec<u8>) -> Result<String, Diagnostic> {
    let unreadable = |message: String| Diagnostic::new(Code::InputUnreadable, message);
    if bytes.len() > LARGEST_REQUEST {
        let message = format!("stdin has more than {LARGEST_REQUEST} bytes: no request is that large");
        return Err(unreadable(message).help("large units stand in a folder: `--units DIR`"));
    }
    if bytes.starts_with(b"\0asm") {
        return Err(unreadable("stdin is a WebAssembly binary, not a request".to_owned())
            .help("give it in a request: `{\"pipeline\": …, \"units\": {NAME: BASE64}}`"));
    }
    String::from_utf8(bytes).map_err(|error| {
        unreadable(format!("stdin is not UTF-8 text (byte {})", error.utf8_error().valid_up_to()))
            .help("a request is a JSON document")
    })
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
    now: &[
        "pipeline",
        "file",
        "inputs",
        "units",
        "interpreters",
        "pipelines",
        "limits",
        "profile",
        "engine",
        "policy",
        "secrets",
        "recorded",
    ],
    later: &[],
};

const UNIT: Keys = Keys {
    what: "a unit of a request",
    example: "{ \"base64\": \"AGFzbQ…\" }",
    now: &["base64", "wat", "interpreter", "limits"],
    later: &[],
};

const INCLUDED: Keys = Keys {
    what: "a pipeline of a request",
    example: "{ \"pipeline\": { \"wasmill\": 1, … } }",
    now: &["pipeline", "units"],
    later: &[],
};

/// What scripts are put to, by the names that units say.
type Interpreters<'a> = HashMap<&'a str, Vec<u8>>;

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
    let start = Span { start: tree.span.start, end: tree.span.start };
    let pipeline = manifest(&fields, file, start, reader, inner);
    if pipeline.is_none() && fields.get("pipeline").is_none() {
        return None;
    }
    // The rest is looked at also where the pipeline is wrong: everything is said at once.
    let unread = || dialects::pipeline(UNNAMED, Dialect::Native);
    let mut request = Request::alone(pipeline.unwrap_or_else(unread));
    request.kind = RequestKind::Request;
    let interpreters = interpreters(&fields, reader);
    if let Some(node) = fields.get("units") {
        give_units(&mut request.pipeline, node, &interpreters, reader);
    }
    for member in fields.get("pipelines").and_then(|node| members(node, "pipelines", reader)).unwrap_or_default() {
        let name = included_name(Path::new(&member.key));
        let Some(fields) = reader.fields(&member.value, &member.key, &INCLUDED) else { continue };
        let pipeline = manifest(&fields, Some(&member.key), member.key_span, reader, inner);
        let mut pipeline = pipeline.unwrap_or_else(unread);
        if let Some(node) = fields.get("units") {
            give_units(&mut pipeline, node, &interpreters, reader);
        }
        pipeline.base = name.parent().unwrap_or(Path::new("")).to_owned();
        let text = fields.get("pipeline").and_then(Node::as_text);
        let digest = text.map(|text| Digest::of(text.as_bytes()));
        if request.pipelines.insert(name, IncludedPipeline { pipeline, digest }).is_some() {
            let message = format!("the pipeline `{}` is there twice", member.key);
            reader.error(Code::InvalidValue, member.key_span, message, "leave one of them out");
        }
    }
    request.recorded = fields.get("recorded").and_then(|node| run_bundle::recorded(tree, node, reader));
    request.read(&fields, engines, reader);
    Some(request)
}

fn members<'n>(node: &'n Node, key: &str, reader: &Reader<'_>) -> Option<&'n [Member]> {
    reader.members(node, key, "{ \"inner.yaml\": { \"pipeline\": { \"wasmill\": 1, … } } }")
}

/// The pipeline of an object with the key `pipeline`.
fn manifest(
    fields: &Fields<'_>,
    file: Option<&str>,
    place: Span,
    reader: &Reader<'_>,
    inner: &mut Vec<Diagnostic>,
) -> Option<Pipeline> {
    let Some(node) = fields.get("pipeline") else {
        let help = "give it a manifest: `\"pipeline\": { \"wasmill\": 1, … }`";
        reader.error(Code::MissingKey, place, "`pipeline` is missing", help);
        return None;
    };
    match &node.data {
        Data::String(text) => of_text(file, text, inner),
        Data::Object(_) => read_dialect(file.unwrap_or(UNNAMED), node, reader),
        _ => {
            reader.wrong_type(node, "pipeline", "a manifest, as an object or as a text", "`\"pipeline\": { … }`");
            None
        }
    }
}

/// What several units begin with.
fn interpreters<'n>(fields: &Fields<'n>, reader: &Reader<'_>) -> Interpreters<'n> {
    let node = fields.get("interpreters");
    let members = node.and_then(|node| reader.members(node, "interpreters", "{ \"python\": \"AGFzbQ…\" }"));
    let decoded = |member: &'n Member| {
        let text = reader.text(&member.value, &member.key)?;
        let Some(UnitSource::Base64(text)) = units::base64(&member.key, text, &member.value, reader) else {
            return None;
        };
        Some((member.key.as_str(), BASE64.decode(text).ok()?))
    };
    members.unwrap_or_default().iter().filter_map(decoded).collect()
}

/// Puts binaries in the places of what a pipeline says of its units, by their names.
fn give_units(pipeline: &mut Pipeline, node: &Node, interpreters: &Interpreters<'_>, reader: &Reader<'_>) {
    for member in reader.members(node, "units", "{ \"stats\": \"AGFzbQ…\" }").unwrap_or_default() {
        let key = member.key.as_str();
        let (source, limits) = match &member.value.data {
            Data::Object(_) => match given_unit(member, interpreters, reader) {
                Some((source, limits)) => (source, limits),
                None => continue,
            },
            _ => {
                let Some(text) = reader.text(&member.value, key) else { continue };
                (units::base64(key, text, &member.value, reader), None)
            }
        };
        match (pipeline.units.get_mut(key), source) {
            (Some(spec), Some(source)) if !matches!(spec.source, UnitSource::Pipeline(_)) => {
                spec.source = source;
                if let Some(limits) = limits {
                    pipeline.unit_limits.insert(key.into(), limits);
                }
            }
            (Some(_), Some(_)) => {
                let message = format!("the unit `{key}` is a pipeline, and is given as a binary");
                reader.error(Code::InvalidValue, member.key_span, message, "leave it out here");
            }
            (Some(_), None) => {}
            // Of a pipeline that could not be read, nobody knows what it declares.
            (None, _) if pipeline.steps.is_empty() => {}
            (None, _) => {
                let help = match reader.nearest(key, pipeline.units.keys().map(|name| &**name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", listed(pipeline.units.keys().map(|name| &**name))),
                };
                let message = format!("the pipeline has no unit `{key}`");
                reader.error(Code::UnknownUnit, member.key_span, message, help);
            }
        }
    }
}

/// A unit that is given as an object: behind an interpreter, or with the most that it may use.
fn given_unit(
    member: &Member,
    interpreters: &Interpreters<'_>,
    reader: &Reader<'_>,
) -> Option<(Option<UnitSource>, Option<LimitOverrides>)> {
    let fields = reader.fields(&member.value, &member.key, &UNIT)?;
    let limits = fields.get("limits").map(|node| steps::limits(node, reader));
    let Some(node) = fields.get("base64") else {
        let Some(node) = fields.get("wat") else {
            let message = format!("the unit `{}` has no `base64`", member.key);
            reader.error(Code::MissingKey, member.key_span, message, "`base64 unit.wasm` makes it; `wat` takes text");
            return None;
        };
        return Some((Some(UnitSource::Wat(reader.text(node, "wat")?.to_owned())), limits));
    };
    if let Some(node) = fields.get("wat") {
        reader.error(Code::InvalidValue, node.span, "a unit is given as `base64` or as `wat`", "leave one out");
        return None;
    }
    let source = units::base64("base64", reader.text(node, "base64")?, node, reader);
    let Some(node) = fields.get("interpreter") else { return Some((source, limits)) };
    let name = reader.text(node, "interpreter")?;
    let Some(interpreter) = interpreters.get(name) else {
        let help = format!("`interpreters` has {}", listed(interpreters.keys().copied()));
        reader.error(Code::UnknownUnit, node.span, format!("the request has no interpreter `{name}`"), help);
        return None;
    };
    let Some(UnitSource::Base64(script)) = source else { return None };
    let binary = [interpreter.as_slice(), &BASE64.decode(script).unwrap_or_default()].concat();
    Some((Some(UnitSource::Base64(BASE64.encode(binary))), limits))
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
            policy: None,
            secrets: Secrets::default(),
            recorded: None,
            pipelines: HashMap::new(),
        }
    }

    /// What stands beside the pipeline.
    fn read(&mut self, fields: &Fields<'_>, engines: &[&str], reader: &Reader<'_>) {
        if let Some(node) = fields.get("inputs") {
            let members = reader.members(node, "inputs", "{ \"text\": \"…\" }").unwrap_or_default();
            self.inputs = members.iter().map(|one| (one.key.as_str().into(), one.value.to_value())).collect();
        }
        self.limits = fields.get("limits").map(|node| steps::limits(node, reader)).unwrap_or_default();
        self.profile = fields.get("profile").and_then(|node| grants::profile(node, reader));
        self.engines = fields.get("engine").map(|node| steps::engines(node, reader)).unwrap_or_default();
        self.policy = fields.get("policy").map(|node| policy::policy(node, engines, reader));
        if let Some(node) = fields.get("secrets") {
            self.secrets(node, reader);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_has_one_name_however_it_is_called() {
        for (path, name) in [
            ("a.yaml", "a.yaml"),
            ("./a.yaml", "a.yaml"),
            ("in/../a.yaml", "a.yaml"),
            ("in/deep/.././b.yaml", "in/b.yaml"),
            ("../a.yaml", "../a.yaml"),
            ("in/../../../a.yaml", "../../a.yaml"),
            ("/a/../b.yaml", "/b.yaml"),
        ] {
            assert_eq!(included_name(Path::new(path)), Path::new(name), "{path}");
        }
    }
}
