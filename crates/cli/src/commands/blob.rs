//! `wasmill blob get DIGEST`: a large value, out of its folder.

use bytes::Bytes;
use serde::Serialize;
use wasmill_artifact::{BlobStore, BlobStoreError};
use wasmill_model::{BlobRef, Code, Diagnostic, Digest, ExitCode, Value, attach_blobs};

use crate::args::{BlobArgs, BlobCommand, GetArgs};
use crate::commands::cache::remedy;
use crate::env_vars;
use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::settings;

/// Does what the command says.
pub(crate) fn blob(args: &BlobArgs, printer: &Printer) -> Outcome {
    match &args.command {
        BlobCommand::Get(args) => get(args, printer),
    }
}

fn get(args: &GetArgs, printer: &Printer) -> Outcome {
    let failed =
        |message: String, help: String| Failure::host_because(Diagnostic::new(Code::HostError, message).help(help));
    let digest = &args.digest;
    let named = format!("name the folder that it is kept in: `--blobs DIR`, or `{}`", env_vars::WASMILL_BLOBS_DIR);
    let Some(folder) = args.blobs.clone().or_else(settings::blobs_folder) else {
        return Err(failed("there is no folder for large values: the user has no home".to_owned(), named));
    };
    if !folder.exists() {
        let message = format!("the blob {digest} is not in `{}`, which is not there", folder.display());
        return Err(failed(message, named));
    }
    let store = BlobStore::open(folder)
        .map_err(|error| failed(error.to_string(), remedy(&error, env_vars::WASMILL_BLOBS_DIR)))?;
    let contents = store.read(digest).map_err(|error| {
        let help = match &error {
            BlobStoreError::Damaged { .. } => {
                "run again what gave it; `wasmill cache verify blobs` removes what is damaged".to_owned()
            }
            BlobStoreError::Missing { .. } => format!("run again what gave it, or {named}"),
            _ => "`wasmill doctor` looks at the folder".to_owned(),
        };
        failed(format!("the blob {digest} {error}"), help)
    })?;
    if let Some(file) = &args.file {
        std::fs::write(file, &contents).map_err(|error| {
            let message = format!("`{}` cannot be written: {error}", file.display());
            failed(message, "name a file that you can write, or leave `-o` out for stdout".to_owned())
        })?;
    }
    if printer.is_json() {
        let file = args.file.clone().unwrap_or_else(|| store.path(digest));
        printer.json(&serde_json::json!({
            "wasmill": 1, "digest": digest, "size": contents.len(), "file": file.display().to_string(),
            "receipt": digests(&contents, &store),
        }))?;
    } else if args.file.is_none() {
        printer.bytes(&contents)?;
    }
    Ok(ExitCode::Success)
}

/// What a receipt calls a value with these contents, by what they are; none where they cannot be that.
#[derive(Serialize)]
struct ReceiptDigests {
    bytes: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    string: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Digest>,
}

fn digests(contents: &Bytes, store: &BlobStore) -> ReceiptDigests {
    let json = || {
        let shown = matches!(contents.first(), Some(b'[' | b'{')).then(|| Value::from_json(contents).ok())??;
        let mut fetch = |inner: &BlobRef| store.read(&inner.digest).map_err(|error| error.to_string());
        attach_blobs(&shown, &mut fetch).ok()
    };
    let string = std::str::from_utf8(contents).ok().map(|text| Value::from(text).digest());
    ReceiptDigests { bytes: Value::Bytes(contents.clone()).digest(), string, json: json().map(|value| value.digest()) }
}
