//! `cargo xtask VERB`: the developers' commands.
//!
//! One module a verb. It depends on no crate of the workspace and on no engine, so that it is built in seconds and works while the
//! rest does not compile. Only `printer` prints.
#![forbid(unsafe_code)]

mod bench;
mod digest;
mod failure;
mod fuzz;
mod guests;
mod paths;
mod printer;
mod process;
mod setup;
mod test;
mod tidy;
mod wasi;
mod wasm32;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::paths::Paths;
use crate::printer::Printer;

/// The developers' commands of Wasmill.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Installs the toolchains that are missing, and shows where each is.
    Setup(setup::Args),
    /// Builds guests/ into target/guests, and keeps the committed units of the examples in step.
    Guests(guests::Args),
    /// Checks the house rules: dependency law, module docs, file sizes, unsafe code, generated files, tested guests.
    Tidy(tidy::Args),
    /// Checks that the crates which must run inside WebAssembly compile for it.
    Wasm32,
    /// Builds Wasmill as a program of WASI, the same on every machine.
    Wasi,
    /// Builds Wasmill for browsers: the npm package, the demo page, and the page as one file.
    Web(web::Args),
    /// Runs the fuzzers with coverage; needs nightly Rust.
    Fuzz(fuzz::Args),
    /// Sets up what is missing, builds the guests and Wasmill for WASI, and runs every test.
    Test(test::Args),
    /// Runs the benches and writes docs/benchmarks.md from what they found.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = Printer;
    let outcome = Paths::find().and_then(|paths| match cli.verb {
        Verb::Setup(args) => setup::run(&args, &paths, &printer),
        Verb::Guests(args) => guests::run(&args, &paths, &printer),
        Verb::Tidy(args) => tidy::run(&args, &paths, &printer),
        Verb::Wasm32 => wasm32::run(&paths, &printer),
        Verb::Wasi => wasi::run(&paths, &printer),
        Verb::Web(args) => web::run(&args, &paths, &printer),
        Verb::Fuzz(args) => fuzz::run(&args, &paths, &printer),
        Verb::Test(args) => test::run(&args, &paths, &printer),
        Verb::Bench(args) => bench::run(&args, &paths, &printer),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            printer.failure(&failure);
            ExitCode::FAILURE
        }
    }
}
