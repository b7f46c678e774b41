//! `wasmill call` and `wasmill inspect`: the verbs that take one unit.

use clap::{Args, ValueEnum};
use wasmill_model::OutputFormat;

use super::{GrantArgs, HostArgs, LimitArgs};

/// `wasmill call`
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// The unit: a .wasm or .wat file, or `-` for stdin
    #[arg(value_name = "UNIT")]
    pub(crate) unit: String,

    /// The function (where the unit has several), then its arguments; for a command, the program's arguments
    ///
    /// Arguments are read by the type of their parameter: text as it is, anything else as JSON; `@file` reads a file.
    /// A command has no functions: all of these are its arguments.
    #[arg(value_name = "FUNCTION] [ARGS", allow_negative_numbers = true)]
    pub(crate) args: Vec<String>,

    /// What the unit is given: for functions a JSON object (by name) or array (by position), or `name=value`; for `bytes`
    /// units and commands text, `@file` or `-`
    ///
    /// A `bytes` unit or a command without it is given stdin, when that is not a terminal.
    #[arg(long, short, value_name = "INPUT")]
    pub(crate) input: Vec<String>,

    /// How the output of a `bytes` unit or a command is read: text, json, ndjson or bytes
    #[arg(long = "as", value_name = "FORMAT", value_enum, default_value_t = As::Text, hide_possible_values = true)]
    pub(crate) output_format: As,

    #[command(flatten)]
    pub(crate) grants: GrantArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

/// How an output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum As {
    /// UTF-8 text.
    Text,
    /// One JSON document.
    Json,
    /// JSON documents, one a line.
    Ndjson,
    /// Bytes as they are.
    Bytes,
}

impl From<As> for OutputFormat {
    fn from(format: As) -> Self {
        match format {
            As::Text => OutputFormat::Text,
            As::Json => OutputFormat::Json,
            As::Ndjson => OutputFormat::Ndjson,
            As::Bytes => OutputFormat::Bytes,
        }
    }
}

pub(super) const CALL_EXAMPLES: &str = "\
Examples:
  wasmill call add.wat add 2 3
  wasmill call words.wasm top-words @README.md 10
  wasmill call words.wasm top-words --input '{\"text\": \"a b a\", \"limit\": 1}'
  wasmill call upper.wasm --input @README.md
  wasmill call grep.wasm -- -i todo < README.md
  wasmill call convert.wasm --dir ./data:/data:rw -- /data/in.csv
  wasmill call fetch.wasm --net api.example.com:443 --secret API_KEY=env:API_KEY
  wasmill call stats.wasm --as json --timeout 2s --fuel 1_000_000 < data.csv

With --output json: the run document of `wasmill run`; the value is `.outputs.result`.";

/// `wasmill inspect`
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The unit: a .wasm or .wat file, or `-` for stdin
    #[arg(value_name = "UNIT")]
    pub(crate) unit: String,
}

pub(super) const INSPECT_EXAMPLES: &str = "\
Examples:
  wasmill inspect unit.wasm
  wasmill inspect unit.wasm --output json | jq -r '.functions[].name'

With --output json: {\"wasmill\": 1, \"unit\": path, \"interface\", \"is_component\", \"digest\", \"size\", \"functions\", \"other_exports\",
\"imports\", \"wants\", \"producers\"}.";
