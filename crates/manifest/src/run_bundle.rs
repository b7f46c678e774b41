//! Run bundles: a run request with what came of it, each part under a digest of its own.
//!
//! The digests say which part is not what it was when the bundle was made. They are no signature: whoever changes a part can change its
//! digest as well. That is found by making the run again, which asks nobody to be trusted.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;
use wasmill_model::{Code, Diagnostic, Digest, Object, RunDocument, Value};

use crate::RequestDocument;
use crate::keys::Keys;
use crate::reader::Reader;
use crate::tree::Node;

/// Where a request has what came of it.
pub(crate) const RECORDED: &str = "recorded";

const KEYS: Keys = Keys {
    what: "`recorded`",
    example: "{ \"run\": { … }, \"digests\": { … } }",
    now: &["run", "digests"],
    later: &[],
};

/// Parts that have parts, each with a digest of its own.
const SHELVES: [&str; 3] = ["units", "interpreters", "pipelines"];

/// A run request and what came of it, as one document. Inputs and run are as documents write them ([`escaped`](wasmill_model::escaped)).
///
/// # Errors
/// A document that JSON cannot say.
pub fn bundle_of(request: &RequestDocument, run: &RunDocument) -> Result<Value, serde_json::Error> {
    #[derive(Serialize)]
    struct Recorded<'a> {
        #[serde(flatten)]
        request: &'a RequestDocument,
        recorded: Run<'a>,
    }
    #[derive(Serialize)]
    struct Run<'a> {
        run: &'a RunDocument,
    }
    let text = serde_json::to_vec(&Recorded { request, recorded: Run { run } })?;
    let Value::Object(bundle) = Value::from_json(&text)? else { return Ok(Value::Null) };
    let mut bundle = Arc::unwrap_or_clone(bundle);
    let digests: Object =
        digests(&bundle).into_iter().map(|(part, digest)| (part.into(), Value::text(digest.to_string()))).collect();
    if let Some(Value::Object(recorded)) = bundle.get_mut(RECORDED) {
        Arc::make_mut(recorded).insert("digests".into(), Value::from(digests));
    }
    Ok(Value::from(bundle))
}

/// The digest of each part: `pipeline`, `inputs`, `units.NAME`, `run.steps.ID`, `run.outputs`, …
fn digests(bundle: &Object) -> IndexMap<String, Digest> {
    let mut digests = IndexMap::new();
    for (key, value) in bundle {
        match value {
            Value::Object(recorded) if &**key == RECORDED => {
                let Some(Value::Object(run)) = recorded.get("run") else { continue };
                for (key, value) in run.iter() {
                    match value {
                        Value::Object(steps) if &**key == "steps" => {
                            let step = |(id, step): (&Arc<str>, &Value)| (format!("run.steps.{id}"), step.digest());
                            digests.extend(steps.iter().map(step));
                        }
                        value => drop(digests.insert(format!("run.{key}"), value.digest())),
                    }
                }
            }
            Value::Object(members) if SHELVES.contains(&&**key) => {
                digests.extend(members.iter().map(|(name, value)| (format!("{key}.{name}"), value.digest())));
            }
            value => drop(digests.insert(key.to_string(), value.digest())),
        }
    }
    digests
}

/// What came of a request's run, where it says so. A part that is not what its digest says is an error, by its name.
pub(crate) fn recorded(tree: &Node, node: &Node, reader: &Reader<'_>) -> Option<RunDocument> {
    let fields = reader.fields(node, RECORDED, &KEYS)?;
    let Some(run) = fields.get("run") else {
        reader.error(Code::MissingKey, node.span, "`recorded` has no `run`", "`wasmill export` writes a whole one");
        return None;
    };
    let text = run.to_value().to_json();
    let document = serde_json::from_str::<RunDocument>(&text).map_err(|error| error.to_string());
    let document = document.and_then(|mut document| {
        if document.wasmill != 1 {
            return Err(format!("it is of version {}, and this Wasmill knows 1", document.wasmill));
        }
        let attached = document.attach_blobs(&mut |_| Err("is not in the bundle".to_owned()));
        attached.map(|()| document).map_err(|error| error.to_string())
    });
    let document = match document {
        Ok(document) => document,
        Err(error) => {
            let message = format!("`run` is no run document: {error}");
            reader.error(Code::InvalidValue, run.span, message, "`wasmill export` writes a whole one");
            return None;
        }
    };
    let Value::Object(bundle) = tree.to_value() else { return None };
    let found = digests(&bundle);
    let Some(members) =
        fields.get("digests").and_then(|node| reader.members(node, "digests", "{ \"inputs\": \"9f2c…\" }"))
    else {
        reader.error(Code::MissingKey, node.span, "`recorded` has no `digests`", "`wasmill export` writes a whole one");
        return None;
    };
    let mut said: IndexMap<&str, &str> = IndexMap::new();
    for member in members {
        if let Some(digest) = reader.text(&member.value, &member.key) {
            said.insert(&member.key, digest);
        }
    }
    let changed = |part: &str, how: &str| {
        let message = format!("{} {how} since the bundle was made", called(part));
        reader.push(
            Diagnostic::new(Code::BundleChanged, message)
                .at(&reader.location(node.span))
                .help("take the bundle from where it was made; `wasmill run -` runs its pipeline as it is now"),
        );
    };
    for (part, digest) in &found {
        match said.shift_remove(part.as_str()) {
            Some(said) if *said == digest.to_string() => {}
            Some(_) => changed(part, "was changed"),
            None => changed(part, "was added"),
        }
    }
    for part in said.keys() {
        changed(part, "was taken out");
    }
    Some(document)
}

/// What people call a part.
fn called(part: &str) -> String {
    let name = |what: &str, name: &str| format!("the {what} `{name}`");
    match part.split_once('.') {
        Some(("units", unit)) => name("unit", unit),
        Some(("interpreters", interpreter)) => name("interpreter", interpreter),
        Some(("pipelines", pipeline)) => name("pipeline", pipeline),
        Some(("run", rest)) => match rest.split_once('.') {
            Some(("steps", step)) => format!("the receipts or the output of the step `{step}`"),
            _ => match rest {
                "outputs" => "the outputs of the run".to_owned(),
                other => format!("`{other}` of the run"),
            },
        },
        _ => match part {
            "pipeline" => "the pipeline".to_owned(),
            "inputs" => "the inputs".to_owned(),
            other => format!("`{other}`"),
        },
    }
}
