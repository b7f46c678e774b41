//! The command line as it is written: raw arguments, nothing resolved. What they mean is worked out in `settings`.

mod blob;
mod bundle;
mod grants;
mod graph;
mod host;
mod limits;
mod run;
mod sim;
mod source;
mod unit;
mod upkeep;

use std::path::{Path, PathBuf};

use clap::builder::styling::{AnsiColor, Effects, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use blob::{BlobArgs, BlobCommand, GetArgs};
pub(crate) use bundle::{EXPORT_EXAMPLES, ExportArgs, REPLAY_EXAMPLES, ReplayArgs};
pub(crate) use grants::GrantArgs;
pub(crate) use graph::{GRAPH_EXAMPLES, GraphArgs, GraphFormat, PLAN_EXAMPLES, PlanArgs};
pub(crate) use host::{HostArgs, PolicyArgs, RequestArgs, SourceArgs};
pub(crate) use limits::LimitArgs;
pub(crate) use run::{CacheMode, DEV_EXAMPLES, DevArgs, EachArgs, RUN_EXAMPLES, RunArgs, TEST_EXAMPLES, TestArgs};
pub(crate) use sim::{SIM_EXAMPLES, SimArgs};
pub(crate) use source::{BuildArgs, BuildModeArgs, ExecArgs, NewArgs, NewCommand, NewFile};
pub(crate) use unit::{CallArgs, InspectArgs};
pub(crate) use upkeep::{CacheArgs, CacheCommand, CleanArgs, DoctorArgs, EnginesArgs, Part};

/// Whether the FILE stands for stdin.
pub(crate) fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default().effects(Effects::BOLD))
    .placeholder(AnsiColor::Cyan.on_default());

/// Run pipelines whose every step is a sandboxed WebAssembly unit.
#[derive(Debug, Parser)]
#[command(name = "wasmill", version, styles = STYLES, max_term_width = 100, after_help = TOP_EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const TOP_EXAMPLES: &str = "\
Examples:
  wasmill run examples/first/pipeline.yaml
  wasmill run pipeline.yaml --input text=@README.md
  wasmill exec score.py --input rows=@rows.json
  wasmill call add.wat add 2 3
  wasmill inspect unit.wasm
  wasmill check pipeline.yaml

Exit codes: 0 success · 1 a step failed · 2 manifest, unit or usage invalid · 3 a limit was hit · 4 denied · 130 cancelled";

/// What every verb takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct GlobalArgs {
    /// What stdout is given: text for people, or one JSON object
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = OutputMode::Text,
        value_name = "FORMAT",
        hide_possible_values = true,
        help_heading = "Global options",
        help = "What stdout is given: `text` for people, or `json`, one JSON object"
    )]
    pub(crate) output: OutputMode,

    /// Say nothing on stderr but errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,

    /// When to use colour: `auto`, `always` or `never`
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = ColorMode::Auto,
        value_name = "WHEN",
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Global options"
    )]
    pub(crate) color: ColorMode,
}

/// What stdout is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputMode {
    /// Text for people.
    Text,
    /// One JSON object.
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorMode {
    /// On a terminal, unless `NO_COLOR` says no.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a pipeline
    ///
    /// Prints the pipeline's outputs on stdout: the only output as it is (text as text, bytes as bytes), several as one JSON
    /// object. Progress and a table of the steps go to stderr. With `--output json`, stdout is given the run document:
    /// verdict, outputs, and a receipt for every attempt. With `--each ROWS`, stdout is given one line of JSON for each row.
    #[command(visible_alias = "submit", after_help = RUN_EXAMPLES)]
    Run(RunArgs),

    /// Call one unit, without a pipeline
    ///
    /// Builds a pipeline of one step and runs it, with the same limits, receipts and exit codes as `run`.
    #[command(after_help = unit::CALL_EXAMPLES)]
    Call(CallArgs),

    /// Run a function from its source, in any language
    ///
    /// Builds the source (once: builds are kept), and calls its function with the same sandbox, limits, receipts and exit codes as `run`.
    /// Nothing that the source is may harm this machine: compilers are kept in, and so is what they make.
    #[command(after_help = source::EXEC_EXAMPLES)]
    Exec(ExecArgs),

    /// Build the units of a pipeline that are given as source
    ///
    /// `run` does so by itself; this shows what each costs, writes the units to files, or holds two builds against each other.
    #[command(after_help = source::BUILD_EXAMPLES)]
    Build(BuildArgs),

    /// Run a pipeline again and again while you write it
    ///
    /// Watches the manifest, the sources of its units and the files of its inputs; builds again what changed, runs again what the change
    /// touches, and shows the steps and what is wrong in one place.
    #[command(after_help = DEV_EXAMPLES)]
    Dev(DevArgs),

    /// Run the cases that a pipeline has in `tests:`, and show what is not as it should be
    ///
    /// Each case gives inputs and says what has to come of them: outputs, verdicts, a budget of fuel. Fuel is the same on every machine for the
    /// same unit, input and version of the engine.
    #[command(after_help = TEST_EXAMPLES)]
    Test(TestArgs),

    /// Run a pipeline, and write a file that has all of the run: pipeline, units, inputs, receipts, outputs
    ///
    /// Anybody can make the run again from it, anywhere, and see whether the same comes of it: `wasmill replay`. Secrets are not in it;
    /// inputs, outputs and logs are.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),

    /// Make a run again from its bundle, and show the first step that differs
    ///
    /// Steps that are pure are computed again; those that had the real clock, randomness, network, folders, secrets or host functions could answer
    /// otherwise today, and are taken from the record. A part of the bundle that was changed is named, and nothing is run.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArgs),

    /// Begin a pipeline or a step, from a template
    #[command(after_help = source::NEW_TOP_EXAMPLES)]
    New(NewArgs),

    /// Show what a unit is: interface, functions, imports, the grants that it wants
    #[command(after_help = unit::INSPECT_EXAMPLES)]
    Inspect(InspectArgs),

    /// Find everything that is wrong with a pipeline, without running any of it
    ///
    /// Reads the manifest, loads every unit, and holds the one against the other. All errors are reported at once, with
    /// their positions. Nothing is started.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),

    /// Print a pipeline as a native manifest, whatever kind of file it is
    ///
    /// Reads DAG configs, task definitions, pipeline manifests v1 and native manifests, in YAML, JSON or TOML, and prints the native
    /// manifest that is the same pipeline, in YAML. Its paths are relative to the folder of FILE. Units are not loaded.
    #[command(after_help = CONVERT_EXAMPLES)]
    Convert(ConvertArgs),

    /// Draw who waits for whom, as Mermaid, DOT or SVG
    ///
    /// A solid line goes to a step that reads what the other gave, a grey one to a step that only stands `after` it, and a dashed one to
    /// the step that runs in its place when it fails. Units are not loaded, and nothing is run.
    #[command(after_help = GRAPH_EXAMPLES)]
    Graph(GraphArgs),

    /// Show what would run, without running any of it
    ///
    /// Levels, the critical path, the order of one at a time, and for every step its unit, limits (with where each comes from), grants
    /// and engines, under the same flags as `run`. Finds what `check` finds; nothing is compiled or started.
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),

    /// Simulate many runs of a pipeline: random orders, times and failures
    ///
    /// Nothing waits and nothing outside is touched: calls are answered with what was recorded (`--from`) or declared (`simulate:` in a
    /// step), and only pure units are really called, once for each input. It says where the order of steps changes the result, where retries
    /// come back all at once or cannot help, which steps share a folder in no order, and how long a run takes, each with a seed that shows it again.
    #[command(after_help = SIM_EXAMPLES)]
    Sim(SimArgs),

    /// Print the JSON Schema of the manifest
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,

    /// Fetch a large value that a run document refers to
    #[command(after_help = blob::BLOB_EXAMPLES)]
    Blob(BlobArgs),

    /// Look after what is kept between runs: compiled code, fetched units, large values
    ///
    /// Units are compiled once and kept in a folder that only the user can write to; code that is damaged is compiled again, silently.
    /// Units from URLs and the large values of run documents have folders of their own. Code and units can be removed at any time.
    #[command(after_help = upkeep::CACHE_EXAMPLES)]
    Cache(CacheArgs),

    /// Show the engines: what each runs, which limits it holds, what a call costs here
    ///
    /// Starts every engine that this machine has. A step names engines with `engine:`; the first that is there, runs its unit and holds its
    /// limits is used, and the receipt says what was passed over and why.
    #[command(after_help = upkeep::ENGINES_EXAMPLES)]
    Engines(EnginesArgs),

    /// Look whether everything is here that Wasmill needs, and say what to do where it is not
    #[command(after_help = upkeep::DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),

    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),

    /// Write the generated documentation (for Wasmill's own developers)
    #[command(hide = true)]
    Generate(GenerateArgs),

    /// Compile the unit on stdin (Wasmill starts this itself)
    #[command(hide = true)]
    CompileWorker,

    /// Become a compiler, with fewer rights (Wasmill starts this itself)
    #[command(hide = true)]
    LaunchTool,
}

/// `wasmill check`
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The pipeline: a .yaml, .json or .toml file; or `-`: a run request on stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    #[command(flatten)]
    pub(crate) sources: SourceArgs,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  wasmill check pipeline.yaml
  wasmill check pipeline.yaml --policy /etc/wasmill/strict.toml
  wasmill check pipeline.yaml --output json | jq '.errors[].message'

With --output json: {\"wasmill\": 1, \"file\", \"pipeline\", \"ok\": true, \"steps\": count, \"units\": count},
for a Component.toml {\"wasmill\": 1, \"file\", \"component\", \"ok\": true, \"limits\"},
or {\"wasmill\": 1, \"errors\": [{code, message, at: {file, line, column}, step, help}, …]}.";

/// `wasmill convert`
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The pipeline: a .yaml, .json or .toml file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

const CONVERT_EXAMPLES: &str = "\
Examples:
  wasmill convert config.yaml > pipeline.yaml
  wasmill convert task.json --output json | jq -r .manifest

With --output json: {\"wasmill\": 1, \"file\", \"dialect\": \"native\" | \"dag-config\" | \"task-definition\" | \"pipeline-v1\"
| \"component\", \"manifest\": text}. Of a Component.toml that is the `limits` of a step.";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  wasmill schema > wasmill.schema.json

Then put this line at the top of a manifest, and editors complete and check it:
  # yaml-language-server: $schema=wasmill.schema.json";

/// `wasmill completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell: bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    pub(crate) shell: clap_complete::Shell,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  wasmill completions bash > ~/.local/share/bash-completion/completions/wasmill
  wasmill completions zsh > \"${fpath[1]}/_wasmill\"
  wasmill completions fish > ~/.config/fish/completions/wasmill.fish

With --output json: {\"wasmill\": 1, \"shell\", \"script\"}.";

/// `wasmill generate`
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The root of the checkout; files are written into its docs/
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_has_examples() {
        fn has_examples(command: &clap::Command) {
            for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
                let text = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(text.contains("Examples:"), "{}", verb.get_name());
                has_examples(verb);
            }
        }
        has_examples(&super::Cli::command());
    }
}
