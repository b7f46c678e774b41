//! `wasmill exec`, `wasmill build` and `wasmill new`: the verbs that take source.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wasmill_model::Language;

use super::unit::As;
use super::{GrantArgs, HostArgs, LimitArgs, PolicyArgs};

/// `wasmill exec`
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The source: a file or a folder, or `-` for stdin (not with `--code`); then arguments
    ///
    /// Arguments are those of the function, by position, each read by the type of its parameter: text as it is, anything else as JSON,
    /// `@file` reads a file. Where the source is a whole program, they are its arguments.
    #[arg(value_name = "FILE] [ARGS", allow_negative_numbers = true)]
    pub(crate) words: Vec<String>,

    /// The source itself
    #[arg(long, value_name = "TEXT")]
    pub(crate) code: Option<String>,

    /// The language: assemblyscript, typescript, javascript, python, rust, go, c, c++ or wat; else what the file's ending says
    #[arg(long, visible_alias = "language", value_name = "LANGUAGE", value_parser = language)]
    pub(crate) lang: Option<Language>,

    /// The function to call [default: `main`, or the script as a whole]
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,

    /// What it is given: `name=value`, `name=@file`, a JSON object (by name), `@file` or `-`
    ///
    /// May be given several times. Without any, and when stdin is not a terminal, stdin is read.
    #[arg(long, short, value_name = "INPUT")]
    pub(crate) input: Vec<String>,

    /// How the output of a whole program is read: text, json, ndjson or bytes
    #[arg(long = "as", value_name = "FORMAT", value_enum, default_value_t = As::Text, hide_possible_values = true)]
    pub(crate) output_format: As,

    #[command(flatten)]
    pub(crate) build: BuildModeArgs,

    #[command(flatten)]
    pub(crate) grants: GrantArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

/// How source becomes a unit.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Building")]
pub(crate) struct BuildModeArgs {
    /// Build for finding faults: quick to compile, with lines in backtraces
    #[arg(long, conflicts_with = "release")]
    pub(crate) debug: bool,

    /// Build for speed (the default)
    #[arg(long)]
    pub(crate) release: bool,

    /// Make the unit smaller and faster with wasm-opt, where it is there
    #[arg(long)]
    pub(crate) optimize: bool,

    /// Build again what was built before
    #[arg(long)]
    pub(crate) rebuild: bool,

    /// Trust the source: packages with dependencies are built too, which runs what they bring and uses the network
    #[arg(long)]
    pub(crate) trust: bool,
}

/// `wasmill build`
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The pipeline, or a source file or folder
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The language of a source, where its ending does not say it
    #[arg(long, visible_alias = "language", value_name = "LANGUAGE", value_parser = language)]
    pub(crate) lang: Option<Language>,

    /// The function of a source [default: `main`]
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Option<String>,

    /// Write the units into this folder, each as NAME.wasm
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Print a run request that has all of the pipeline in it: manifests, units, inputs
    ///
    /// `wasmill run -`, `wasmill-wasi` and `wasmill-web` run it: where there are no files, and nothing is compiled.
    #[arg(long, conflicts_with_all = ["out", "check", "lang", "function"])]
    pub(crate) request: bool,

    /// With `--request`: an input, as `wasmill run` takes them
    #[arg(long, short, value_name = "INPUT", requires = "request")]
    pub(crate) input: Vec<String>,

    /// Build everything twice, and say which units come out differently
    #[arg(long)]
    pub(crate) check: bool,

    #[command(flatten)]
    pub(crate) mode: BuildModeArgs,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

/// `wasmill new`
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    #[command(subcommand)]
    pub(crate) what: NewCommand,
}

/// What is begun.
#[derive(Debug, Subcommand)]
pub(crate) enum NewCommand {
    /// A folder with a pipeline and one step, that runs as it is
    #[command(after_help = NEW_EXAMPLES)]
    Pipeline(NewFile),

    /// A file with the function of one step
    #[command(after_help = NEW_EXAMPLES)]
    Step(NewFile),
}

/// Where something new goes, and what it is written in.
#[derive(Debug, Args)]
pub(crate) struct NewFile {
    /// Its name: the folder of a pipeline; the file of a step, whose ending may be left out
    #[arg(value_name = "NAME")]
    pub(crate) name: PathBuf,

    /// The language: assemblyscript, typescript, javascript, python, rust, go, c, c++ or wat
    #[arg(long, visible_alias = "language", value_name = "LANGUAGE", value_parser = language)]
    pub(crate) lang: Option<Language>,
}

fn language(text: &str) -> Result<Language, String> {
    Language::named(&text.to_ascii_lowercase()).ok_or_else(|| {
        let names: Vec<&str> = Language::ALL.into_iter().map(Language::as_str).collect();
        format!("there is {}", names.join(", "))
    })
}

pub(super) const EXEC_EXAMPLES: &str = "\
Examples:
  wasmill exec score.py --input rows=@rows.json
  wasmill exec --lang python --code 'def main(a: int, b: int): return a + b' 2 3
  wasmill exec --lang js --code 'result = inputs.text.toUpperCase()' --input text=hello
  wasmill exec --lang rust --code 'fn main(n: u64) -> u64 { (1..=n).product() }' --input n=20
  wasmill exec untrusted.go --timeout 2s --memory 64MiB --fuel 1_000_000_000
  cat script.py | wasmill exec --lang python -

With --output json: the run document of `wasmill run`; the function's result is `.outputs.result`.";

pub(super) const BUILD_EXAMPLES: &str = "\
Examples:
  wasmill build pipeline.yaml
  wasmill build pipeline.yaml --optimize --out units/
  wasmill build pipeline.yaml --check
  wasmill build score.rs --out .
  wasmill build pipeline.yaml --request --input text=@sample.txt > request.json

With --output json: {\"wasmill\": 1, \"ok\", \"units\": [{\"unit\", \"file\", \"language\", \"tool\", \"took_ms\", \"cached\", \"size\",
\"sha256\", \"reproducible\"}, …]}; reproducible only with --check.";

pub(super) const NEW_TOP_EXAMPLES: &str = NEW_EXAMPLES;

const NEW_EXAMPLES: &str = "\
Examples:
  wasmill new pipeline report --lang typescript
  wasmill new step steps/score --lang python

With --output json: {\"wasmill\": 1, \"files\": [path, …]}.";
