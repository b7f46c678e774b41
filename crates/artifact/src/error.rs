//! Why a unit could not be loaded.

use std::path::PathBuf;

use wasmill_model::{Code, Diagnostic, Digest};
use wasmill_unit::InspectError;

#[cfg(feature = "native")]
use crate::FetchError;

/// Why a unit could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// There is no such file.
    #[error("there is no file `{}`", path.display())]
    NotFound {
        /// The path as it was looked for.
        path: PathBuf,
        /// The first folder on the way that is missing, if one is.
        missing_folder: Option<PathBuf>,
        /// The file beside it with the most similar name, if one is similar.
        similar: Option<String>,
    },
    /// The path is a folder.
    #[error("`{}` is a folder, not a unit", path.display())]
    Directory {
        /// The path as it was looked for.
        path: PathBuf,
        /// Units in it, at most a few.
        units: Vec<String>,
    },
    /// The file may not be read.
    #[error("`{}` may not be read: permission denied", path.display())]
    Denied {
        /// The path as it was looked for.
        path: PathBuf,
    },
    /// Reading failed.
    #[error("`{}` cannot be read: {message}", path.display())]
    Unreadable {
        /// The path as it was looked for.
        path: PathBuf,
        /// The system's words.
        message: String,
    },
    /// The unit is larger than Wasmill loads.
    #[error("{origin} is larger than {limit} bytes, the most that Wasmill loads")]
    TooLarge {
        /// `` `units/big.wasm` ``, or `the unit`.
        origin: String,
        /// The most bytes: [`crate::MAX_UNIT_SIZE`], or [`crate::MAX_TEXT_SIZE`] for text.
        limit: u64,
    },
    /// The WebAssembly text does not parse.
    #[error("{origin} is not valid WebAssembly text: {message}{}", position(*line, *column))]
    Wat {
        /// `` `first.wat` ``, or `` `wat:` ``.
        origin: String,
        /// What is wrong.
        message: String,
        /// The line in the text, from 1; 0 where it is not known.
        line: u32,
        /// The column in the text, from 1; 0 where it is not known.
        column: u32,
    },
    /// The text is not base64.
    #[error("`base64:` is not valid base64: {message}")]
    Base64 {
        /// What is wrong, and where.
        message: String,
    },
    /// The binary is not the one that was declared.
    #[error("{origin} is not the unit that was declared: its SHA-256 is {actual}, and `sha256` says {declared}")]
    DigestMismatch {
        /// Where the unit came from.
        origin: String,
        /// What `sha256:` says.
        declared: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The bytes are no unit.
    #[error("{origin}: {error}")]
    Invalid {
        /// Where the unit came from.
        origin: String,
        /// What is wrong with it.
        error: InspectError,
    },
    /// A unit from a URL that does not say which binary it must be.
    #[error("{origin} has no `sha256`: what a server gives is run only where it is what was declared")]
    Unpinned {
        /// The URL, as it is shown.
        origin: String,
    },
    /// The text is no URL of a unit.
    #[error("a unit cannot be fetched from such a URL: {message}")]
    Url {
        /// What is wrong, without the URL: it may hold a password.
        message: String,
    },
    /// Fetching failed.
    #[cfg(feature = "native")]
    #[error("{origin} cannot be fetched: {error}")]
    Fetch {
        /// The URL, as it is shown, with where it was redirected to.
        origin: String,
        /// Why.
        error: FetchError,
    },
    /// A source that this crate does not load.
    #[error("this version of Wasmill does not load units from such a source")]
    UnsupportedSource,
}

fn position(line: u32, column: u32) -> String {
    if line == 0 { String::new() } else { format!(" (line {line}, column {column} of the text)") }
}

impl ArtifactError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            ArtifactError::NotFound { .. }
            | ArtifactError::Directory { .. }
            | ArtifactError::Denied { .. }
            | ArtifactError::Unreadable { .. } => Code::UnitNotFound,
            ArtifactError::TooLarge { .. } => Code::UnsupportedUnit,
            ArtifactError::Wat { .. } => Code::WatSyntax,
            ArtifactError::Base64 { .. } => Code::Base64,
            ArtifactError::DigestMismatch { .. } => Code::DigestMismatch,
            ArtifactError::Invalid { error, .. } => error.code(),
            ArtifactError::Unpinned { .. } => Code::DigestMissing,
            ArtifactError::Url { .. } => Code::InvalidValue,
            #[cfg(feature = "native")]
            ArtifactError::Fetch { error, .. } => error.code(),
            ArtifactError::UnsupportedSource => Code::Unsupported,
        }
    }

    /// What to do.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            ArtifactError::NotFound { similar: Some(similar), .. } => format!("did you mean `{similar}`?"),
            ArtifactError::NotFound { missing_folder: Some(folder), .. } => {
                format!("the folder `{}` does not exist; paths are relative to the manifest", folder.display())
            }
            ArtifactError::NotFound { .. } => "paths are relative to the manifest".to_owned(),
            ArtifactError::Directory { units, .. } if units.is_empty() => "name a `.wasm` or `.wat` file".to_owned(),
            ArtifactError::Directory { units, .. } => format!("name a file in it: {}", units.join(", ")),
            ArtifactError::Denied { path } => format!("make it readable: `chmod u+r {}`", path.display()),
            ArtifactError::Unreadable { .. } => return None,
            ArtifactError::TooLarge { .. } => {
                "strip debug information (`wasm-tools strip`), and give data as input instead of building it in"
                    .to_owned()
            }
            ArtifactError::Wat { .. } => {
                "the text format is WebAssembly's own: `(module …)` or `(component …)`".to_owned()
            }
            ArtifactError::Base64 { .. } => {
                "encode the binary with `base64 -w0 unit.wasm`; line breaks and the URL-safe alphabet are fine"
                    .to_owned()
            }
            ArtifactError::DigestMismatch { actual, .. } => {
                format!("if the unit was meant to change, declare `sha256: {actual}`; if not, do not run it")
            }
            ArtifactError::Invalid { error, .. } => error.help(),
            ArtifactError::Unpinned { .. } => {
                "declare `sha256: …` beside `url`; a run with `--allow-unpinned` fetches the unit and prints its digest"
                    .to_owned()
            }
            ArtifactError::Url { .. } => "for example `https://example.com/unit.wasm`".to_owned(),
            #[cfg(feature = "native")]
            ArtifactError::Fetch { error, .. } => error.help(),
            ArtifactError::UnsupportedSource => "use `path:`, `url:`, `base64:` or `wat:`".to_owned(),
        })
    }

    /// What the user is shown. It has no location: the caller knows where the unit is declared.
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::new(self.code(), self.to_string());
        match self.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}
