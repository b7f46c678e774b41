//! `cargo xtask test`: the README's one command. What is missing is set up, the guests are built, and every test runs.

use std::process::Command;

use crate::failure::Outcome;
use crate::paths::{Paths, cargo};
use crate::printer::Printer;
use crate::{guests, process, setup};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// For `cargo nextest run` (or `cargo test`, where nextest is not installed).
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args, paths: &Paths, printer: &Printer) -> Outcome {
    setup::run(&setup::Args::default(), paths, printer)?;
    guests::run(&guests::Args::default(), paths, printer)?;
    let nextest = process::capture(cargo().args(["nextest", "--version"])).is_ok();
    if !nextest {
        // Documentation tests are part of plain `cargo test`.
        return process::run(in_workspace(paths).args(["test", "--workspace"]).args(&args.arguments));
    }
    process::run(in_workspace(paths).args(["nextest", "run", "--workspace"]).args(&args.arguments))?;
    // With arguments, single tests are meant.
    if args.arguments.is_empty() {
        process::run(in_workspace(paths).args(["test", "--doc", "--workspace"]))
    } else {
        Ok(())
    }
}

/// Cargo at the root, with the target folder where the tests look for guests.
fn in_workspace(paths: &Paths) -> Command {
    let mut command = cargo();
    command.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target);
    command
}
