//! From a manifest's reference to a validated unit, where what it refers to is on this machine.

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use wasmill_model::{Builtin, Digest, UnitSource, UnitSpec};
use wasmill_unit::{Cap, Unit};

use crate::ArtifactError;

/// The most bytes of a unit, as binary or text: 256 MiB. The largest real units (whole language runtimes) stay below 64 MiB.
pub const MAX_UNIT_SIZE: u64 = Cap::Size.limit();

/// The most bytes of WebAssembly text: 16 MiB. What it is parsed into takes many times as much memory.
pub const MAX_TEXT_SIZE: u64 = 16 << 20;

/// Entries of a folder that are looked through for a similar name.
const MAX_NEIGHBOURS: usize = 10_000;
/// Units of a folder that are named.
const MAX_NAMED: usize = 5;

/// Padding may be there or not.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// Loads a unit that is on this machine, compiles WebAssembly text to its binary, checks the digest, validates and classifies.
///
/// A path is relative to `base`. A file that begins with `\0asm` is a binary whatever its name; `.wat` and `.wast` files are text.
/// The digest is that of the binary, also where the source is text.
///
/// # Errors
/// What is wrong with the source, or that it is elsewhere; [`ArtifactError::diagnostic`] makes it readable.
pub fn load_local(spec: &UnitSpec, base: &Path) -> Result<Unit, ArtifactError> {
    let (origin, binary) = match &spec.source {
        UnitSource::Path(path) => {
            // As the user wrote it, with the folder that it is relative to: `base` may be empty.
            let path = base.join(path);
            let origin = format!("`{}`", path.display());
            let bytes = read(&path)?;
            if !bytes.starts_with(b"\0asm") && is_text_name(&path) {
                let binary = text_unit(&origin, &bytes)?;
                (origin, binary)
            } else {
                (origin, bytes)
            }
        }
        UnitSource::Base64(text) => ("the unit in `base64:`".to_owned(), decode_base64(text)?),
        UnitSource::Wat(text) => ("the unit in `wat:`".to_owned(), text_unit("`wat:`", text.as_bytes())?),
        UnitSource::Builtin(builtin) => {
            (format!("the built-in unit `{}`", builtin.as_str()), bytes::Bytes::from_static(binary_of(*builtin)))
        }
        UnitSource::Program(path) => return load_program(&base.join(path), spec.sha256),
        _ => return Err(ArtifactError::UnsupportedSource),
    };
    identify(origin, &binary, spec.sha256)
}

/// A native program, which must be the declared one. Whether it may run at all is for the host's policy to say.
fn load_program(path: &Path, declared: Option<Digest>) -> Result<Unit, ArtifactError> {
    // Bare names would be looked for in `PATH` when it is started.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let unit = Unit::native(&path, &read(&path)?);
    match declared.filter(|declared| *declared != unit.digest()) {
        Some(declared) => {
            let origin = format!("`{}`", path.display());
            Err(ArtifactError::DigestMismatch { origin, declared, actual: unit.digest() })
        }
        None => Ok(unit),
    }
}

/// Validates and classifies a binary, which must be the declared one.
pub(crate) fn identify(origin: String, binary: &bytes::Bytes, declared: Option<Digest>) -> Result<Unit, ArtifactError> {
    let mismatch = |actual| declared.filter(|declared| *declared != actual);
    match Unit::from_binary(binary.clone()) {
        Ok(unit) => match mismatch(unit.digest()) {
            Some(declared) => Err(ArtifactError::DigestMismatch { origin, declared, actual: unit.digest() }),
            None => Ok(unit),
        },
        // A damaged download is first of all another file than the one that was declared.
        Err(error) => {
            let actual = Digest::of(binary);
            Err(match mismatch(actual) {
                Some(declared) => ArtifactError::DigestMismatch { origin, declared, actual },
                None => ArtifactError::Invalid { origin, error },
            })
        }
    }
}

/// The units that are part of Wasmill: built from `guests/builtin/`, committed, and held to their sources by `cargo xtask guests --check`.
fn binary_of(builtin: Builtin) -> &'static [u8] {
    match builtin {
        Builtin::Processors => include_bytes!("../builtin/processors.wasm"),
    }
}

fn is_text_name(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("wat") || extension.eq_ignore_ascii_case("wast"))
}

/// What is wrong with WebAssembly text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TextError {
    /// The parser's words.
    pub message: String,
    /// The line, from 1; 0 where it is not known.
    pub line: u32,
    /// The column, from 1; 0 where it is not known.
    pub column: u32,
}

/// The binary of WebAssembly text.
///
/// # Errors
/// What is wrong with the text, and where.
pub fn compile_text(text: &str) -> Result<bytes::Bytes, TextError> {
    let binary = wat::Parser::new().parse_str(None, text).map_err(|error| {
        let words = error.to_string();
        let message = words.lines().next().unwrap_or_default();
        match wat_position(&words) {
            Some((line, column)) => {
                // Where the source line is too long to be shown, the position stands on the message's own line.
                let message = message.split(" at <anon>:").next().unwrap_or(message);
                TextError { message: message.to_owned(), line, column }
            }
            None => TextError { message: message.to_owned(), line: 0, column: 0 },
        }
    })?;
    Ok(binary.into())
}

fn text_unit(origin: &str, text: &[u8]) -> Result<bytes::Bytes, ArtifactError> {
    let fail =
        |message: String, (line, column)| ArtifactError::Wat { origin: origin.to_owned(), message, line, column };
    if text.len() as u64 > MAX_TEXT_SIZE {
        return Err(ArtifactError::TooLarge { origin: origin.to_owned(), limit: MAX_TEXT_SIZE });
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let before = String::from_utf8_lossy(text.get(..error.valid_up_to()).unwrap_or_default());
        let line = before.lines().count().max(1);
        let column = before.lines().last().map_or(0, |line| line.chars().count()) + 1;
        fail("it is not UTF-8".to_owned(), (line as u32, column as u32))
    })?;
    compile_text(text).map_err(|TextError { message, line, column }| fail(message, (line, column)))
}

/// The line and column in the parser's message, which has no other way to tell them: `--> <anon>:3:14`.
fn wat_position(words: &str) -> Option<(u32, u32)> {
    let (_, rest) = words.split_once("<anon>:")?;
    let mut numbers = rest.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn decode_base64(text: &str) -> Result<bytes::Bytes, ArtifactError> {
    let text = text.trim();
    // A data URL is base64 with a label.
    let text = match text.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,").map_or(text, |(_, data)| data),
        None => text,
    };
    let compact: Cow<'_, str> = if text.contains(|character: char| character.is_ascii_whitespace()) {
        text.split_ascii_whitespace().collect::<String>().into()
    } else {
        text.into()
    };
    if compact.len() as u64 / 4 * 3 > MAX_UNIT_SIZE {
        return Err(ArtifactError::TooLarge { origin: "the unit in `base64:`".to_owned(), limit: MAX_UNIT_SIZE });
    }
    if compact.is_empty() {
        return Err(ArtifactError::Base64 { message: "it is empty".to_owned() });
    }
    let alphabet = if compact.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let bytes = GeneralPurpose::new(alphabet, LENIENT)
        .decode(compact.as_bytes())
        .map_err(|error| ArtifactError::Base64 { message: error.to_string() })?;
    Ok(bytes.into())
}

fn read(path: &Path) -> Result<bytes::Bytes, ArtifactError> {
    let fail = |error: std::io::Error| failed(path, &error);
    let mut file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if metadata.is_dir() {
        return Err(ArtifactError::Directory { path: path.to_owned(), units: units_in(path) });
    }
    let too_large = || ArtifactError::TooLarge { origin: format!("`{}`", path.display()), limit: MAX_UNIT_SIZE };
    if metadata.len() > MAX_UNIT_SIZE {
        return Err(too_large());
    }
    // A pipe has no length, and a file may grow while it is read.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.by_ref().take(MAX_UNIT_SIZE + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_UNIT_SIZE {
        return Err(too_large());
    }
    Ok(bytes.into())
}

#[cold]
fn failed(path: &Path, error: &std::io::Error) -> ArtifactError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            ArtifactError::NotFound { missing_folder: missing_folder(&path), similar: similar(&path), path }
        }
        ErrorKind::PermissionDenied => ArtifactError::Denied { path },
        ErrorKind::IsADirectory => ArtifactError::Directory { units: units_in(&path), path },
        _ => ArtifactError::Unreadable { message: error.to_string(), path },
    }
}

/// The outermost folder of the path that does not exist.
fn missing_folder(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .skip(1)
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        .last()
        .map(Path::to_owned)
}

fn neighbours(folder: &Path) -> Vec<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.take(MAX_NEIGHBOURS).filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

/// The file beside a missing one that was most likely meant.
fn similar(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_ascii_lowercase();
    let asked = stem(name);
    neighbours(path.parent()?)
        .into_iter()
        .filter_map(|candidate| {
            let other = stem(&candidate);
            let is_unit = is_text_name(Path::new(&candidate)) || candidate.ends_with(".wasm");
            let distance = strsim::levenshtein(name, &candidate);
            // The same name with another extension counts only where it is a unit.
            let near = (asked == other && is_unit)
                || (distance <= 3 && distance * 2 < name.chars().count())
                || (is_unit && strsim::jaro_winkler(&asked, &other) > 0.9);
            near.then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

fn units_in(folder: &Path) -> Vec<String> {
    neighbours(folder)
        .into_iter()
        .filter(|name| name.ends_with(".wasm") || is_text_name(Path::new(name)))
        .take(MAX_NAMED)
        .collect()
}
