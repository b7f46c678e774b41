//! Large values outside of JSON: out of run documents into their folder, and from there into inputs.

use std::path::Path;

use wasmill_artifact::{BlobStore, CacheError};
use wasmill_model::{BLOB_THRESHOLD, Blob, BlobError, Code, Diagnostic, Object, RunDocument, attach_blobs};

use crate::commands::cache::remedy;
use crate::env_vars;
use crate::printer::Printer;

/// Puts the large values of a document into the folder, which is opened (and made) only if there are any. What cannot be kept stays in the
/// document, and the user is told.
pub(crate) fn detach(document: &mut RunDocument, folder: Option<&Path>, printer: &Printer) {
    let mut store: Option<BlobStore> = None;
    let mut failure: Option<(String, String)> = None;
    let mut keep = |blob: &Blob| -> Result<(), CacheError> {
        let Some(folder) = folder else { return Ok(()) };
        let store = match &mut store {
            Some(store) => store,
            None => store.insert(BlobStore::open(folder.to_owned())?),
        };
        store.store(blob)
    };
    document.detach_blobs(BLOB_THRESHOLD, &mut |blob| {
        failure = match folder {
            None => Some((
                "the user has no home".to_owned(),
                format!("name a folder: `--blobs DIR`, or `{}`", env_vars::WASMILL_BLOBS_DIR),
            )),
            Some(_) => keep(blob).err().map(|error| {
                (error.to_string(), remedy(&error, &format!("--blobs` or `{}", env_vars::WASMILL_BLOBS_DIR)))
            }),
        };
        failure.is_none()
    });
    if let Some((why, help)) = failure {
        printer.note(&format!("warning: large values stand in the document itself: {why}\n  help: {help}\n"));
    }
}

/// What gives the large values that references of a document stand for, out of this folder.
pub(crate) fn reader(folder: Option<&Path>) -> impl FnMut(&wasmill_model::BlobRef) -> Result<bytes::Bytes, String> {
    let folder = folder.map(Path::to_owned);
    let mut store: Option<BlobStore> = None;
    move |reference| {
        let folder = folder.as_deref().ok_or("is not looked for: there is no folder of large values")?;
        if !folder.exists() {
            return Err(format!("is not in `{}`, which is not there", folder.display()));
        }
        let store = match &mut store {
            Some(store) => store,
            None => store.insert(BlobStore::open(folder.to_owned()).map_err(|error| format!("is not there: {error}"))?),
        };
        store.read(&reference.digest).map_err(|error| error.to_string())
    }
}

/// Inputs of which JSON was read as documents write it, with the values in the places of references where that is allowed.
///
/// # Errors
/// A reference that is not allowed, is none, or whose value cannot be had.
pub(crate) fn attach(inputs: Object, is_allowed: bool, folder: Option<&Path>) -> Result<Object, Vec<Diagnostic>> {
    let mut read = reader(folder);
    let mut fetch = |reference: &wasmill_model::BlobRef| {
        if is_allowed { read(reference) } else { Err("is not looked for".to_owned()) }
    };
    let mut problems = Vec::new();
    let mut attached = Object::with_capacity(inputs.len());
    for (name, value) in inputs {
        match attach_blobs(&value, &mut fetch) {
            Ok(value) => drop(attached.insert(name, value)),
            Err(error) => problems.push(problem(&name, &error, is_allowed)),
        }
    }
    if problems.is_empty() { Ok(attached) } else { Err(problems) }
}

fn problem(name: &str, error: &BlobError, is_allowed: bool) -> Diagnostic {
    let as_data = "a member of your data that is called `$blob` is written `$$blob`";
    let help = match error {
        BlobError::Missing { .. } if !is_allowed => {
            format!("`--allow-blobs` lets references in inputs stand for their values; {as_data}")
        }
        BlobError::Missing { .. } | BlobError::Unlike { .. } => {
            "run again what gave it, or name the folder that it is kept in: `--blobs DIR`".to_owned()
        }
        BlobError::Malformed => as_data.to_owned(),
        _ => "give large values in files: `--input name=@file`".to_owned(),
    };
    Diagnostic::new(Code::InputUnreadable, format!("the input `{name}`: {error}")).help(help)
}
