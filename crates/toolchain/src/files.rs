//! The files of one source, read once: what is hashed is what is compiled.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use wasmill_model::{Language, SourceText, SourceUnit};

use crate::BuildError;

/// The most bytes of all files of a source.
pub(crate) const MOST_BYTES: u64 = 16 << 20;
/// The most files of a source.
const MOST_FILES: usize = 2_000;
/// The deepest folder in a folder.
const DEEPEST: usize = 16;

/// Folders of a source that are no part of it.
const LEFT_OUT: [&str; 6] = ["node_modules", "target", "__pycache__", "dist", "build", "venv"];

/// A source, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFiles {
    /// The name of the file that the function is in.
    pub main: String,
    /// Every file by its path in the folder, with `/` between the parts.
    pub files: BTreeMap<String, Bytes>,
    /// Whether the user named a folder.
    pub is_folder: bool,
}

impl SourceFiles {
    /// Reads a source; a path is relative to `base`.
    ///
    /// # Errors
    /// It is not there, too large, or has no main file.
    pub fn read(source: &SourceUnit, base: &Path) -> Result<Self, BuildError> {
        let language = source.language;
        match &source.text {
            SourceText::Code(text) => {
                let main = format!("main.{}", language.ending());
                let files = BTreeMap::from([(main.clone(), Bytes::copy_from_slice(text.as_bytes()))]);
                Ok(SourceFiles { main, files, is_folder: false })
            }
            SourceText::Path(path) => {
                let path = base.join(path);
                let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
                if metadata.is_dir() { Self::folder(&path, language) } else { Self::file(&path) }
            }
        }
    }

    /// The language of a folder, by the name of the file to begin with, where only one language has such a file there.
    pub fn language_of(folder: &Path) -> Option<Language> {
        let has_main = |language: &Language| mains(*language).iter().any(|name| folder.join(name).is_file());
        // AssemblyScript's files are named as TypeScript's: it has to be said.
        let mut found = Language::ALL.into_iter().filter(|one| *one != Language::AssemblyScript).filter(has_main);
        match (found.next(), found.next()) {
            (Some(language), None) => Some(language),
            _ => None,
        }
    }

    /// The names of the files in a folder, as far as they are parts of a source.
    pub fn list(folder: &Path) -> Vec<String> {
        let mut files = BTreeMap::new();
        let mut room = MOST_BYTES;
        // What cannot be read is not listed.
        let _ = gather(folder, "", DEEPEST, &mut files, &mut room);
        files.into_keys().collect()
    }

    fn file(path: &Path) -> Result<Self, BuildError> {
        let main = path.file_name().and_then(|name| name.to_str()).unwrap_or("main").to_owned();
        refuse_odd(&main, path)?;
        // A pipe would be waited for, and some devices have no end.
        if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
            return Err(BuildError::Source {
                message: format!("`{}` is no file", path.display()),
                help: "name a source file, or a folder of them; `wasmill exec --lang LANGUAGE -` reads stdin"
                    .to_owned(),
            });
        }
        let mut room = MOST_BYTES;
        let text = read(path, &mut room)?;
        Ok(SourceFiles { main: main.clone(), files: BTreeMap::from([(main, text)]), is_folder: false })
    }

    fn folder(path: &Path, language: Language) -> Result<Self, BuildError> {
        let mut files = BTreeMap::new();
        let mut room = MOST_BYTES;
        gather(path, "", DEEPEST, &mut files, &mut room)?;
        let candidates = mains(language);
        let Some(main) = candidates.iter().find(|name| files.contains_key(**name)) else {
            return Err(BuildError::Source {
                message: format!(
                    "`{}` has no file to begin with: looked for {}",
                    path.display(),
                    candidates.join(", ")
                ),
                help: format!(
                    "name the file that the function is in, or call it `{}`",
                    candidates.first().unwrap_or(&"main")
                ),
            });
        };
        Ok(SourceFiles { main: (*main).to_owned(), files, is_folder: true })
    }

    /// One file as text.
    ///
    /// # Errors
    /// It is not there, or no UTF-8.
    pub(crate) fn text(&self, name: &str) -> Result<&str, BuildError> {
        let help = "sources are UTF-8 text".to_owned();
        let Some(bytes) = self.files.get(name) else {
            return Err(BuildError::Source { message: format!("there is no file `{name}`"), help });
        };
        std::str::from_utf8(bytes).map_err(|error| BuildError::Source {
            message: format!("`{name}` is not text (byte {})", error.valid_up_to()),
            help,
        })
    }

    /// The main file as text.
    ///
    /// # Errors
    /// It is no UTF-8.
    pub(crate) fn main_text(&self) -> Result<&str, BuildError> {
        self.text(&self.main)
    }
}

/// What the file of a folder is called that the function is in.
fn mains(language: Language) -> &'static [&'static str] {
    match language {
        Language::AssemblyScript => &["main.ts", "index.ts", "assembly/index.ts"],
        Language::TypeScript => &["main.ts", "index.ts", "src/main.ts", "src/index.ts"],
        Language::JavaScript => &["main.js", "index.js", "main.mjs", "index.mjs", "src/main.js", "src/index.js"],
        Language::Python => &["main.py", "__main__.py", "src/main.py"],
        Language::Rust => &["src/lib.rs", "src/main.rs", "lib.rs", "main.rs"],
        Language::Go => &["main.go"],
        Language::C => &["main.c", "src/main.c"],
        Language::Cpp => &["main.cpp", "main.cc", "src/main.cpp", "src/main.cc"],
        Language::Wat => &["main.wat"],
    }
}

fn gather(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, Bytes>,
    room: &mut u64,
) -> Result<(), BuildError> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        refuse_odd(name, folder)?;
        if name.starts_with('.') || LEFT_OUT.contains(&name) {
            continue;
        }
        // What a link leads to is not part of the folder.
        let kind = entry.file_type().map_err(|error| unreadable(folder, &error))?;
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            if depth == 0 {
                return Err(too_large(folder, "its folders are too deep"));
            }
            gather(&entry.path(), &format!("{path}/"), depth - 1, files, room)?;
        } else if kind.is_file() && path.len() < 1_000 {
            if files.len() >= MOST_FILES {
                return Err(too_large(folder, &format!("it has more than {MOST_FILES} files")));
            }
            files.insert(path, read(&entry.path(), room)?);
        }
    }
    Ok(())
}

/// Names that a compiler would take for something else: flags, and lists of flags.
fn refuse_odd(name: &str, place: &Path) -> Result<(), BuildError> {
    if !name.starts_with(['-', '@']) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(BuildError::Source {
        message: format!("`{}` has a file that no compiler is given: `{}`", place.display(), name.escape_debug()),
        help: "call it something that does not begin with `-` or `@` and has no control characters".to_owned(),
    })
}

fn read(path: &Path, room: &mut u64) -> Result<Bytes, BuildError> {
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut bytes = Vec::new();
    file.take(*room + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    match room.checked_sub(bytes.len() as u64) {
        Some(left) => {
            *room = left;
            Ok(bytes.into())
        }
        None => Err(too_large(path, &format!("sources have at most {} MiB in all", MOST_BYTES >> 20))),
    }
}

fn too_large(path: &Path, why: &str) -> BuildError {
    BuildError::Source {
        message: format!("`{}` is too large for a source: {why}", path.display()),
        help: "name a folder with nothing but the source in it".to_owned(),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> BuildError {
    let help = match error.kind() {
        std::io::ErrorKind::NotFound => "paths are relative to the manifest".to_owned(),
        _ => "name a source that you may read".to_owned(),
    };
    let message = match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no source `{}`", path.display()),
        _ => format!("`{}` cannot be read: {error}", path.display()),
    };
    BuildError::Source { message, help }
}
