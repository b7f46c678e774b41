//! `--policy`, `--secret`, `--blobs`, `--coredump`, `--guest-profile`: what the host allows, knows and keeps.

use std::path::PathBuf;

use clap::Args;

/// The host's policy.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Host")]
pub(crate) struct PolicyArgs {
    /// The host's policy: a wasmill.toml with `[policy.limits]`
    ///
    /// It holds the defaults and the ceilings of limits. Without the flag it is looked for in $WASMILL_POLICY, then in the
    /// user's configuration folder (wasmill/wasmill.toml), then in /etc/wasmill/wasmill.toml; the first one that is there is the
    /// whole policy. A file beside the pipeline is never read: whoever wrote the pipeline must not decide what it may use.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// Units that are not on this machine.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Host")]
pub(crate) struct SourceArgs {
    /// Fetch units from URLs also where the manifest does not declare their digest
    ///
    /// Their digests are printed, to be declared (`sha256:`). Without the flag such a unit is an error: what a URL gives can change.
    #[arg(long)]
    pub(crate) allow_unpinned: bool,

    /// Trust all source: packages with dependencies are built too, which runs what they bring and uses the network
    ///
    /// The same as `trusted: true` beside each source in the manifest.
    #[arg(long)]
    pub(crate) trust: bool,
}

/// A run request on stdin.
#[derive(Debug, Clone, Args)]
pub(crate) struct RequestArgs {
    /// With `-`: the folder that paths of the request are relative to [default: the working directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) units: Option<PathBuf>,
}

/// The host of a run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Host")]
pub(crate) struct HostArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    /// A secret for units that are granted it: `NAME=env:VARIABLE` or `NAME=@file`, never the value itself
    ///
    /// A step is granted it by `grants: { secrets: [NAME] }`; `call` grants it to its unit. The unit finds it in its environment. No
    /// log and no error of the run shows it; what the unit gives may have it, since that is the unit's to say. The last line end of a file
    /// is left out.
    #[arg(long, value_name = "NAME=SOURCE")]
    pub(crate) secret: Vec<String>,

    /// The folder that values over 256 KiB are kept in, which the run document (`--output json`) refers to by digest
    ///
    /// Without the flag it is $WASMILL_BLOBS_DIR, or `wasmill/blobs` in the user's cache folder. `wasmill blob get DIGEST` gives a value
    /// back. Where the folder cannot be used, values stand in the document itself, with a warning.
    #[arg(long, value_name = "DIR")]
    pub(crate) blobs: Option<PathBuf>,

    /// Write a WebAssembly core dump of each unit that traps into this folder
    ///
    /// The folder is made where it is not there. The engine wasmtime writes them. A dump is the unit's memory: it holds whatever the unit was given, secrets too.
    #[arg(long, value_name = "DIR")]
    pub(crate) coredump: Option<PathBuf>,

    /// Write a profile of each call into this folder: where the guest spent its time, for profiler.firefox.com
    ///
    /// The folder is made where it is not there. The guest is looked at every millisecond while it computes, on the engine wasmtime; a call
    /// that is over sooner has no profile. Names of functions and times stand in it, and no data. (`--profile` is how a call is metered.)
    #[arg(long, value_name = "DIR")]
    pub(crate) guest_profile: Option<PathBuf>,
}
