//! Units that are given as source.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The languages that units are built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// AssemblyScript: TypeScript's look, WebAssembly's types.
    #[serde(rename = "assemblyscript")]
    AssemblyScript,
    /// TypeScript, run by the JavaScript interpreter once its types are taken out.
    #[serde(rename = "typescript")]
    TypeScript,
    /// JavaScript, run by an interpreter.
    #[serde(rename = "javascript")]
    JavaScript,
    /// Python, run by an interpreter.
    Python,
    /// Rust.
    Rust,
    /// Go.
    Go,
    /// C.
    C,
    /// C++.
    #[serde(rename = "c++")]
    Cpp,
    /// WebAssembly text.
    Wat,
}

impl Language {
    /// Every language.
    pub const ALL: [Language; 9] = [
        Language::AssemblyScript,
        Language::TypeScript,
        Language::JavaScript,
        Language::Python,
        Language::Rust,
        Language::Go,
        Language::C,
        Language::Cpp,
        Language::Wat,
    ];

    /// The name in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Language::AssemblyScript => "assemblyscript",
            Language::TypeScript => "typescript",
            Language::JavaScript => "javascript",
            Language::Python => "python",
            Language::Rust => "rust",
            Language::Go => "go",
            Language::C => "c",
            Language::Cpp => "c++",
            Language::Wat => "wat",
        }
    }

    /// As it is written in a sentence.
    pub const fn title(self) -> &'static str {
        match self {
            Language::AssemblyScript => "AssemblyScript",
            Language::TypeScript => "TypeScript",
            Language::JavaScript => "JavaScript",
            Language::Python => "Python",
            Language::Rust => "Rust",
            Language::Go => "Go",
            Language::C => "C",
            Language::Cpp => "C++",
            Language::Wat => "WebAssembly text",
        }
    }

    /// The language of this name, also of a common short one (`js`, `ts`, `py`, `rs`, `as`, `golang`, `cpp`).
    pub fn named(name: &str) -> Option<Self> {
        let short = match name {
            "as" | "asc" => Language::AssemblyScript,
            "ts" => Language::TypeScript,
            "js" => Language::JavaScript,
            "py" | "python3" => Language::Python,
            "rs" => Language::Rust,
            "golang" => Language::Go,
            "cpp" | "cxx" => Language::Cpp,
            "wast" => Language::Wat,
            _ => return Self::ALL.into_iter().find(|language| language.as_str() == name),
        };
        Some(short)
    }

    /// The language that a file's ending says: `.ts` is TypeScript, and AssemblyScript has to be named (or end in `.as.ts`).
    pub fn of_file(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let (stem, ending) = name.rsplit_once('.')?;
        Some(match ending {
            "ts" if stem.ends_with(".as") => Language::AssemblyScript,
            "ts" | "mts" => Language::TypeScript,
            "js" | "mjs" => Language::JavaScript,
            "py" => Language::Python,
            "rs" => Language::Rust,
            "go" => Language::Go,
            "c" => Language::C,
            "cc" | "cpp" | "cxx" => Language::Cpp,
            "wat" | "wast" => Language::Wat,
            _ => return None,
        })
    }

    /// The usual ending of its files.
    pub const fn ending(self) -> &'static str {
        match self {
            Language::AssemblyScript | Language::TypeScript => "ts",
            Language::JavaScript => "js",
            Language::Python => "py",
            Language::Rust => "rs",
            Language::Go => "go",
            Language::C => "c",
            Language::Cpp => "cpp",
            Language::Wat => "wat",
        }
    }

    /// Whether an interpreter runs it, so that no compiler is needed for an edit.
    pub const fn is_script(self) -> bool {
        matches!(self, Language::TypeScript | Language::JavaScript | Language::Python)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A unit that is built from source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct SourceUnit {
    /// What it is written in.
    pub language: Language,
    /// The source.
    #[serde(flatten)]
    pub text: SourceText,
    /// The function that is called: `main` where none is named. C, C++ and WebAssembly text need none: what they export is all there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<Arc<str>>,
    /// Whether whoever wrote the source may run programs on this machine and use its network while it is built: packages with
    /// dependencies are built only where this is so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trusted: bool,
}

/// Where the source of a unit stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceText {
    /// A file or a folder, relative to the manifest.
    #[serde(rename = "source")]
    Path(PathBuf),
    /// In the manifest itself.
    Code(Arc<str>),
}
