//! Source files: a room says what it is for, stays a room, and has no unsafe code but where the design allows it.

use std::fs;
use std::path::Path;

use cargo_metadata::{Package, TargetKind};

use crate::digest::files;
use crate::failure::{During, Outcome};
use crate::paths::Paths;
use crate::tidy::Violation;

/// Lines of a file, past which something wants its own room.
const LONGEST: usize = 800;

/// Lines of documentation that a crate starts with, at least.
const CRATE_DOCS: usize = 2;

/// The only crate with unsafe code.
const UNSAFE: &str = "wasmill-artifact";

/// The only other files with unsafe code: benches of the floor that loads compiled code without a question.
const UNSAFE_FLOORS: [&str; 1] = ["benches/benches/warm_load.rs"];

const FORBID: &str = "#![forbid(unsafe_code)]";

/// Glue runs in guests: there, everything that crosses the border is a pointer.
const GLUE: &str = "crates/toolchain/glue/";

pub(super) fn check(paths: &Paths, packages: &[&Package]) -> Outcome<Vec<Violation>> {
    let mut violations = Vec::new();
    for package in packages {
        let Some(folder) = package.manifest_path.parent() else { continue };
        let roots: Vec<&Path> = package
            .targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| matches!(kind, TargetKind::Lib | TargetKind::Bin)))
            .map(|target| target.src_path.as_std_path())
            .collect();
        for file in files(folder.as_std_path())? {
            if file.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&file).during(file.display())?;
            let place = paths.shown(&file);
            let source = Source {
                place: &place,
                text: &text,
                is_root: roots.contains(&file.as_path()),
                is_module: file.starts_with(folder.join("src")),
                may_be_unsafe: package.name == UNSAFE
                    || UNSAFE_FLOORS.contains(&place.as_str())
                    || place.starts_with(GLUE),
            };
            violations.extend(judge(&source));
        }
    }
    Ok(violations)
}

struct Source<'a> {
    place: &'a str,
    text: &'a str,
    /// The first file of a library or program.
    is_root: bool,
    /// Part of a library or program, and not of its tests.
    is_module: bool,
    may_be_unsafe: bool,
}

fn judge(source: &Source<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut broken = |what: String, remedy: &str| violations.push(Violation::new(source.place, what, remedy));
    let docs =
        source.text.lines().take_while(|line| line.starts_with("//!")).filter(|line| line.len() > "//!".len()).count();
    if source.is_root && docs < CRATE_DOCS {
        broken(
            format!("the crate starts with {docs} lines of `//!`"),
            "say in two lines or more what this room is for, and what always holds in it",
        );
    } else if source.is_module && docs == 0 {
        broken("the module does not start with `//!`".to_owned(), "say in its first lines what it is for");
    }
    let lines = source.text.lines().count();
    if lines > LONGEST {
        broken(format!("{lines} lines, more than {LONGEST}"), "something in it wants its own module: split it");
    }
    if source.may_be_unsafe {
        return violations;
    }
    if source.is_root && !source.text.lines().any(|line| line.trim() == FORBID) {
        broken(format!("there is no `{FORBID}`"), "add it below the crate's documentation");
    }
    if let Some(line) = source.text.lines().position(has_unsafe) {
        broken(format!("unsafe code in line {}", line + 1), "move it to crates/artifact, or do without");
    }
    violations
}

/// Whether a line has the keyword as code: not in a comment, and not as a part of another word.
fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    let quoted = code.contains('"');
    !quoted && words.into_iter().any(|word| word == "unsafe")
}

#[cfg(test)]
mod tests {
    use super::{FORBID, Source, judge};

    fn said(text: &str, is_root: bool, may_be_unsafe: bool) -> Vec<String> {
        let source = Source { place: "a.rs", text, is_root, is_module: true, may_be_unsafe };
        judge(&source).into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn a_good_file_is_left_alone() {
        assert!(said(&format!("//! One.\n//! Two.\n{FORBID}\n"), true, false).is_empty());
        assert!(said("//! One.\nfn a() {}\n", false, false).is_empty());
    }

    #[test]
    fn rooms_without_a_word_are_found() {
        assert!(said(&format!("//! One.\n//!\n{FORBID}\n"), true, false)[0].contains("1 lines"));
        assert!(said("use std::fs;\n//! Late.\n", false, false)[0].contains("does not start"));
    }

    #[test]
    fn long_files_are_found() {
        let long = format!("//! One.\n{}", "\n".repeat(800));
        assert!(said(&long, false, false)[0].contains("801 lines"));
        let allowed = format!("//! One.\n{}", "\n".repeat(799));
        assert!(said(&allowed, false, false).is_empty());
    }

    #[test]
    fn crates_that_allow_unsafe_code_are_found() {
        assert!(said("//! One.\n//! Two.\n", true, false)[0].contains("forbid"));
        assert!(said("//! One.\n//! Two.\n", true, true).is_empty());
    }

    #[test]
    fn unsafe_code_is_found_where_it_is_code() {
        assert!(said("//! One.\nlet a = unsafe { b() };\n", false, false)[0].contains("line 2"));
        assert!(said("//! One.\nunsafe impl Send for A {}\n", false, false)[0].contains("line 2"));
        assert!(said("//! One.\nlet a = unsafe { b() };\n", false, true).is_empty());
        assert!(
            said("//! Not unsafe.\nfn a() {} // unsafe\nlet unsafe_code = 1;\nlet a = \"unsafe\";\n", false, false)
                .is_empty()
        );
    }
}
