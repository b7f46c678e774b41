//! `cargo xtask tidy`: the house rules that a machine can check, all violations at once, each with its remedy.
//!
//! `law` is about which crate may use which, `text` about source files, `tested` about guests that no test calls, `generated` about
//! documentation that the program writes itself.

mod generated;
mod law;
mod tested;
mod text;

use std::fmt;

use cargo_metadata::MetadataCommand;

use crate::failure::{During, Failure, Outcome};
use crate::paths::{Paths, cargo};
use crate::printer::Printer;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rewrite the generated files in docs/.
    #[arg(long)]
    fix: bool,
}

/// A rule that is broken.
#[derive(Debug, PartialEq)]
struct Violation {
    /// The file, from the checkout.
    place: String,
    what: String,
    remedy: String,
}

impl Violation {
    fn new(place: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  help: {}", self.place, self.what, self.remedy)
    }
}

pub(crate) fn run(args: &Args, paths: &Paths, printer: &Printer) -> Outcome {
    let metadata = MetadataCommand::new()
        .cargo_path(cargo().get_program())
        .manifest_path(paths.root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .during("cargo metadata")?;
    let packages = metadata.workspace_packages();
    let mut violations = law::check(&law::edges(&packages));
    violations.extend(text::check(paths, &packages)?);
    violations.extend(tested::check(paths)?);
    let generated = generated::check(paths, args.fix, printer);
    match generated {
        Ok(found) => violations.extend(found),
        // The other rules are told even where the program does not compile.
        Err(failure) => {
            violations.push(Violation::new("docs/", failure.to_string(), "make `wasmill generate` work first"))
        }
    }
    if violations.is_empty() {
        printer.progress(format_args!("tidy: {} packages, nothing to say", packages.len()));
        return Ok(());
    }
    let count = violations.len();
    let told: Vec<String> = violations.iter().map(Violation::to_string).collect();
    Err(Failure::new(format!("{}\nerror: {count} house rules are broken", told.join("\nerror: "))))
}
