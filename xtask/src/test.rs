//! `cargo xtask test`: the README's one command. What is missing is set up, the guests and Wasmill for WASI and browsers are built, and
//! every test runs.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Outcome;
use crate::paths::{Paths, cargo};
use crate::printer::Printer;
use crate::{guests, process, setup, wasi, web};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// For `cargo nextest run` (or `cargo test`, where nextest is not installed).
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args, paths: &Paths, printer: &Printer) -> Outcome {
    setup::run(&setup::Args::default(), paths, printer)?;
    guests::run(&guests::Args::default(), paths, printer)?;
    wasi::run(paths, printer)?;
    web::run(&web::Args::default(), paths, printer)?;
    warm(paths, printer)?;
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

/// Makes the Python interpreter and fills the caches of compilers, which takes minutes on a new machine, where nothing else waits for it.
fn warm(paths: &Paths, printer: &Printer) -> Outcome {
    printer.progress("building and running a pipeline in every language (minutes on a new machine, then a second)");
    process::run(in_workspace(paths).args(["build", "--quiet", "--workspace", "--bins"]))?;
    // Where the tests look: `wasmill_testkit::shared`.
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/wasmill"));
    let shared = home.unwrap_or_else(std::env::temp_dir).join("tests");
    let example = paths.root.join("examples/polyglot");
    let mut run = Command::new(paths.target.join("debug").join("wasmill"));
    run.current_dir(&example).args(["run", "pipeline.yaml", "--input", "table=@zone1970.tab", "--quiet"]);
    run.env("WASMILL_CACHE_DIR", shared.join("code")).env("WASMILL_BUILDS_DIR", shared.join("builds"));
    run.env("WASMILL_TOOL_CACHES", shared.join("toolchain"));
    run.env("WASMILL_COMPILE_TIMEOUT", "10m").env("WASMILL_BUILD_TIMEOUT", "10m");
    process::capture(&mut run).map(drop)
}

/// Cargo at the root, with the target folder where the tests look for guests.
fn in_workspace(paths: &Paths) -> Command {
    let mut command = cargo();
    command.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target);
    command
}
