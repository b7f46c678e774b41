//! `Component.toml`, looked at by itself.

use std::path::Path;

use wasmill_manifest::Component;
use wasmill_model::{Code, Diagnostic, Policy};
use wasmill_runtime::{COMPONENT_FILE, component_text};

use crate::failure::Failure;
use crate::render::Sources;

/// Whether this is one, by its name.
pub(crate) fn is_one(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == COMPONENT_FILE)
}

/// One that is looked at by itself, without the unit that it is for.
///
/// # Errors
/// Why it cannot be read, or everything that is wrong with it.
pub(crate) fn read(path: &Path, policy: &Policy) -> Result<Component, Failure> {
    let name = path.to_string_lossy();
    let cannot = |why: String| Diagnostic::new(Code::UnknownFile, format!("`{name}` cannot be read: {why}"));
    let text = match component_text(path) {
        Ok(Some(text)) => text,
        Ok(None) => return Err(Diagnostic::new(Code::UnknownFile, format!("there is no file `{name}`")).into()),
        Err(why) => return Err(cannot(why).into()),
    };
    let parsed = wasmill_manifest::parse_component(&name, &text, policy);
    parsed.map_err(|problems| Failure::from(problems).in_files(&Sources::one(&name, &text)))
}
