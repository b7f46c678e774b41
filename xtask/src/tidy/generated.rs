//! Documentation that the program writes itself (`wasmill generate`): schema, manual pages, error list. What is committed must be
//! what it writes today.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::digest::files;
use crate::failure::{During, Outcome};
use crate::paths::{Paths, cargo};
use crate::printer::Printer;
use crate::process;
use crate::tidy::Violation;

const REMEDY: &str = "`cargo xtask tidy --fix`, and commit the result";

/// Folders where every file is generated, so that one which is written no more is found.
const WHOLE: [&str; 1] = ["docs/man/"];

/// Files by their path from the root.
type Files = BTreeMap<String, Vec<u8>>;

pub(super) fn check(paths: &Paths, fix: bool, printer: &Printer) -> Outcome<Vec<Violation>> {
    let scratch = paths.target.join("tidy").join("generated");
    if scratch.exists() {
        fs::remove_dir_all(&scratch).during(scratch.display())?;
    }
    fs::create_dir_all(&scratch).during(scratch.display())?;
    let mut generate = cargo();
    generate.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target);
    generate.args(["run", "--quiet", "--package", "wasmill-cli", "--", "generate"]).arg(&scratch);
    process::capture(&mut generate)?;
    let generated = read(&scratch, "")?;
    let mut committed = Files::new();
    for name in generated.keys() {
        if let Ok(bytes) = fs::read(paths.root.join(name)) {
            committed.insert(name.clone(), bytes);
        }
    }
    for folder in WHOLE {
        if paths.root.join(folder).is_dir() {
            committed.extend(read(&paths.root.join(folder), folder)?);
        }
    }
    let violations = compare(&generated, &committed);
    if !fix {
        return Ok(violations);
    }
    for violation in &violations {
        let path = paths.root.join(&violation.place);
        match generated.get(&violation.place) {
            Some(bytes) => {
                let folder = path.parent().unwrap_or(&paths.root);
                fs::create_dir_all(folder).during(folder.display())?;
                fs::write(&path, bytes).during(path.display())?;
                printer.progress(format_args!("{} rewritten", violation.place));
            }
            None => {
                fs::remove_file(&path).during(path.display())?;
                printer.progress(format_args!("{} removed", violation.place));
            }
        }
    }
    Ok(Vec::new())
}

fn read(folder: &Path, prefix: &str) -> Outcome<Files> {
    let mut found = Files::new();
    for file in files(folder)? {
        let name = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        found.insert(format!("{prefix}{name}"), fs::read(&file).during(file.display())?);
    }
    Ok(found)
}

fn compare(generated: &Files, committed: &Files) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (name, bytes) in generated {
        match committed.get(name) {
            Some(other) if other == bytes => {}
            Some(_) => violations.push(Violation::new(name, "it is not what `wasmill generate` writes", REMEDY)),
            None => violations.push(Violation::new(name, "`wasmill generate` writes it, and it is not there", REMEDY)),
        }
    }
    for name in committed.keys().filter(|name| !generated.contains_key(*name)) {
        violations.push(Violation::new(name, "`wasmill generate` writes it no more", REMEDY));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::{Files, compare};

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn files_out_of_step_are_found() {
        let generated = files(&[("docs/a", "1"), ("docs/b", "2"), ("docs/c", "3")]);
        let committed = files(&[("docs/a", "1"), ("docs/b", "old"), ("docs/man/gone.1", "x")]);
        let said: Vec<String> = compare(&generated, &committed)
            .into_iter()
            .map(|violation| format!("{}: {}", violation.place, violation.what))
            .collect();
        assert_eq!(
            said,
            [
                "docs/b: it is not what `wasmill generate` writes",
                "docs/c: `wasmill generate` writes it, and it is not there",
                "docs/man/gone.1: `wasmill generate` writes it no more",
            ]
        );
        assert!(compare(&generated, &generated).is_empty());
    }
}
