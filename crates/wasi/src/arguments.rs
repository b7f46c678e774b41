//! The command line: `--units DIR`, and what every program answers.

use std::path::PathBuf;

use wasmill_model::{Code, Diagnostic};
use wasmill_request::Task;

const HELP: &str = "\
Runs a Wasmill pipeline: a JSON document on stdin says which, a JSON document on stdout says what came of it.

Usage: wasmill-wasi [--units DIR] [--replay] < REQUEST

Stdin:
  {\"pipeline\": MANIFEST, \"inputs\": {NAME: VALUE}, \"units\": {NAME: BASE64}}   a run request
  {\"manifest\": MANIFEST_V1, \"input_data\": [ITEM, ...]}, or a bare manifest

Options:
  --units DIR   the folder that paths of units are relative to; the runtime has to be told to open it
  --replay      make the run of a bundle (wasmill export) again, and say whether the same comes of it
  --help        this text
  --version     the version

The exit code is 0 when the run succeeded, 1 when a step failed, 2 when the request or a unit is invalid, 3 when a limit was hit,
4 when something was not granted. docs/wasi.md says all of it.
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arguments {
    /// To run what stdin says.
    Run {
        /// The folder of units.
        units: Option<PathBuf>,
        /// What is done with it.
        task: Task,
    },
    /// To say this.
    Say(String),
}

impl Arguments {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    /// One that is not known, twice there, or without its value.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Diagnostic> {
        let usage = |message: String| {
            Diagnostic::new(Code::Usage, message).help("`wasmill-wasi [--units DIR] [--replay] < REQUEST`")
        };
        let mut units = None;
        let mut task = Task::Run;
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let folder = match argument.as_str() {
                "--help" | "-h" => return Ok(Arguments::Say(HELP.to_owned())),
                "--version" | "-V" => {
                    return Ok(Arguments::Say(concat!("wasmill-wasi ", env!("CARGO_PKG_VERSION"), "\n").to_owned()));
                }
                "--replay" => {
                    task = Task::Replay;
                    continue;
                }
                "--units" => arguments.next().unwrap_or_default(),
                other => match other.strip_prefix("--units=") {
                    Some(folder) => folder.to_owned(),
                    None => return Err(usage(format!("there is no argument `{other}`"))),
                },
            };
            if folder.is_empty() {
                return Err(usage("`--units` names no folder".to_owned()));
            }
            if units.replace(PathBuf::from(folder)).is_some() {
                return Err(usage("`--units` is there twice".to_owned()));
            }
        }
        Ok(Arguments::Run { units, task })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(arguments.iter().map(|one| (*one).to_owned())).map_err(|problem| problem.message)
    }

    #[test]
    fn a_folder_is_named_once() {
        let folder = |name: &str| Ok(Arguments::Run { units: Some(name.into()), task: Task::Run });
        assert_eq!(parse(&[]), Ok(Arguments::Run { units: None, task: Task::Run }));
        assert_eq!(parse(&["--units", "a"]), folder("a"));
        let replay = Arguments::Run { units: Some("a".into()), task: Task::Replay };
        assert_eq!(parse(&["--replay", "--units", "a"]), Ok(replay));
        assert_eq!(parse(&["--units=a=b"]), folder("a=b"));
        assert!(parse(&["--units"]).unwrap_err().contains("names no folder"));
        assert!(parse(&["--units="]).unwrap_err().contains("names no folder"));
        assert!(parse(&["--units", "a", "--units", "a"]).unwrap_err().contains("twice"));
        assert!(parse(&["run.json"]).unwrap_err().contains("`run.json`"));
        assert!(matches!(parse(&["--help"]), Ok(Arguments::Say(_))));
    }
}
