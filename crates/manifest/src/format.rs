//! The formats that a manifest is written in.

use std::path::Path;

/// How a manifest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// YAML 1.2, core schema.
    Yaml,
    /// JSON; comments and trailing commas do no harm.
    Json,
    /// TOML 1.
    Toml,
}

impl Format {
    /// The format that a file's name says: `.json`, `.toml`, and YAML for any other.
    pub fn of(path: &Path) -> Format {
        match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("json") => Format::Json,
            Some("toml") => Format::Toml,
            _ => Format::Yaml,
        }
    }
}
