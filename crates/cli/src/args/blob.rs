//! `wasmill blob`: large values outside of run documents.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wasmill_model::Digest;

/// `wasmill blob`
#[derive(Debug, Args)]
pub(crate) struct BlobArgs {
    #[command(subcommand)]
    pub(crate) command: BlobCommand,
}

/// What is to be done with large values.
#[derive(Debug, Subcommand)]
pub(crate) enum BlobCommand {
    /// Print a large value as it is, or write it to a file
    ///
    /// It is compared with its digest first: what is printed is what the run gave, or nothing is.
    #[command(after_help = GET_EXAMPLES)]
    Get(GetArgs),
}

/// `wasmill blob get`
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// What stands behind `$blob` in the document
    #[arg(value_name = "DIGEST")]
    pub(crate) digest: Digest,

    /// The file that it is written to; stdout without it
    #[arg(long = "to", short = 'o', value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// The folder that it is kept in
    #[arg(long, value_name = "DIR")]
    pub(crate) blobs: Option<PathBuf>,
}

pub(super) const BLOB_EXAMPLES: &str = "\
Examples:
  wasmill blob get 9f2c…
  wasmill cache ls blobs
  wasmill cache clean blobs --older-than 7d";

const GET_EXAMPLES: &str = "\
Examples:
  wasmill blob get $(jq -r '.outputs.report[\"$blob\"]' run.json) -o report.txt
  wasmill blob get 9f2c… | head

With --output json: {\"wasmill\": 1, \"digest\", \"size\", \"file\", \"receipt\": {\"bytes\", \"string\", \"json\"}}, where `file` is the one that was
written, or else the one that it is kept in, and `receipt` the digests that receipts call such a value by, read as each of these.";
