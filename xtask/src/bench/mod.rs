//! `cargo xtask bench`: runs the benches, and writes docs/benchmarks.md from what they found. Nobody edits a number there.
//!
//! Every bench leaves a report as JSON in `target/benchmarks`; `machine` tells what it ran on and what else ran there, `page` makes
//! Markdown of both. The peers (`--peers`) are a workspace of their own, with a target folder of their own: the first build of theirs
//! compiles another wasmtime.

mod machine;
mod page;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::bench::machine::{Load, Machine};
use crate::bench::page::{Page, Section};
use crate::failure::{During, Failure, Outcome};
use crate::paths::{Paths, cargo};
use crate::printer::Printer;
use crate::{process, setup, wasi};

/// The page.
const PAGE: &str = "docs/benchmarks.md";

/// The benches of the workspace.
const BENCHES: [&str; 12] = [
    "fresh_call",
    "interpreter",
    "throughput",
    "each",
    "warm_load",
    "deadlines",
    "async_overhead",
    "steps",
    "router",
    "within",
    "traces",
    "languages",
];

/// What they report, in the order of the page.
const REPORTS: [&str; 15] = [
    "fresh_call",
    "interpreter",
    "throughput",
    "each",
    "warm_load",
    "deadlines",
    "async_overhead",
    "steps",
    "router",
    "within",
    "traces",
    "languages_compiled",
    "languages_scripts",
    "languages_kept",
    "languages_calls",
];

/// The bench that needs Chromium, and the package that is measured there.
const BROWSER: &str = "browser";

/// What the peers' program reports.
const PEERS: [&str; 2] = ["extism", "seed_002"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure a tenth as long: to see that everything runs. The page says so.
    #[arg(long)]
    quick: bool,

    /// Also beside extism and the runtime of seed 002 (builds another wasmtime, once).
    #[arg(long)]
    peers: bool,

    /// Also in Chromium, beside units that are called by hand (builds the package for browsers).
    #[arg(long)]
    browser: bool,
}

pub(crate) fn run(args: &Args, paths: &Paths, printer: &Printer) -> Outcome {
    let peers = paths.target.join("peers");
    let folders = [paths.target.join("benchmarks"), peers.join("benchmarks")];
    for folder in &folders {
        if folder.exists() {
            fs::remove_dir_all(folder).during(folder.display())?;
        }
    }
    let effort: &[&str] = if args.quick { &["--quick"] } else { &[] };

    // Everything is built before anything is measured.
    if args.browser {
        crate::web::run(&crate::web::Args::default(), paths, printer)?;
    }
    setup::run(&setup::Args::only("wasmtime"), paths, printer)?;
    wasi::run(paths, printer)?;
    process::run(bench(args, paths).arg("--no-run"))?;
    process::run(&mut wasmill(paths))?;
    if args.peers {
        process::run(&mut peers_cargo(paths, &peers, "build"))?;
    }
    let machine = Machine::find(paths)?;
    let load = Load::start();
    let start = Instant::now();
    process::run(bench(args, paths).arg("--").args(effort))?;
    if args.peers {
        process::run(peers_cargo(paths, &peers, "run").args(["--", "--bench"]).args(effort))?;
    }
    let seconds = start.elapsed().as_secs();
    let others = load.others();

    let [own, theirs] = &folders;
    let mut sections = Vec::new();
    for name in REPORTS.into_iter().chain(args.browser.then_some(BROWSER)) {
        sections.push(read(&own.join(format!("{name}.json")))?);
    }
    if args.peers {
        for name in PEERS {
            sections.push(read(&theirs.join(format!("{name}.json")))?);
        }
    }
    let page = Page { machine, others, seconds, sections, command: command(args) };
    let place = paths.root.join(PAGE);
    fs::write(&place, page.markdown()).during(place.display())?;
    printer.progress(format_args!("{PAGE} written from a run of {seconds} s"));
    for missed in page.missed() {
        printer.progress(format_args!("missed: {missed}"));
    }
    Ok(())
}

/// How the page was made, as a reader would make it again.
fn command(args: &Args) -> String {
    let mut command = "cargo xtask bench".to_owned();
    for (given, name) in [(args.peers, " --peers"), (args.browser, " --browser"), (args.quick, " --quick")] {
        if given {
            command.push_str(name);
        }
    }
    command
}

fn bench(args: &Args, paths: &Paths) -> Command {
    let mut command = cargo();
    command.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target);
    command.args(["bench", "--package", "wasmill-benches"]);
    for name in BENCHES.into_iter().chain(args.browser.then_some(BROWSER)) {
        command.args(["--bench", name]);
    }
    command
}

/// The program itself, which `each` and `languages` run.
fn wasmill(paths: &Paths) -> Command {
    let mut command = cargo();
    command.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target);
    command.args(["build", "--release", "--package", "wasmill-cli"]);
    command
}

fn peers_cargo(paths: &Paths, target: &Path, verb: &str) -> Command {
    let mut command = cargo();
    command.current_dir(paths.root.join("benches").join("peers")).env("CARGO_TARGET_DIR", target);
    // extism's wasmtime asks for a newer Rust than it needs.
    command.args([verb, "--release", "--locked", "--ignore-rust-version"]);
    command
}

fn read(path: &Path) -> Outcome<Section> {
    let text = fs::read_to_string(path).during(path.display());
    let text = text.map_err(|failure| failure.help("its bench ran, and left no report"))?;
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}
