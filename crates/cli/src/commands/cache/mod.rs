//! `wasmill cache ls | stats | clean | verify`: what is kept between runs, in the folders of compiled code, of units, of results and of
//! large values.

mod code;
mod files;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use wasmill_artifact::CacheError;
use wasmill_model::{Code, Diagnostic, ExitCode};

use crate::args::{CacheArgs, CacheCommand, CleanArgs, Part};
use crate::env_vars;
use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::render::BOLD;
use crate::settings;

/// Does what the command says with the user's folders.
pub(crate) fn cache(args: &CacheArgs, printer: &Printer) -> Outcome {
    let asked_for = match &args.command {
        CacheCommand::Ls(parts) | CacheCommand::Stats(parts) | CacheCommand::Verify(parts) => &parts.parts,
        CacheCommand::Clean(clean) => &clean.parts.parts,
    };
    let unasked = match &args.command {
        // What cannot be made again is only removed where it is named.
        CacheCommand::Clean(_) => &[Part::Code, Part::Units, Part::Builds, Part::Results][..],
        _ => &Part::ALL,
    };
    let is_meant = |part: &Part| if asked_for.is_empty() { unasked.contains(part) } else { asked_for.contains(part) };
    let parts: Vec<Part> = Part::ALL.into_iter().filter(is_meant).collect();
    let mut document = Map::from_iter([("wasmill".to_owned(), Value::from(1))]);
    let (mut texts, mut code, mut is_ok) = (Vec::new(), ExitCode::Success, true);
    for &part in &parts {
        let told = tell(part, &args.command)?;
        code = if told.is_ok { code } else { ExitCode::Failed };
        is_ok &= told.is_ok;
        // Compiled code was there first: what is said about it stands at the top.
        match part {
            Part::Code => document.extend(told.facts),
            _ => drop(document.insert(part.as_str().to_owned(), Value::Object(told.facts))),
        }
        let title = if parts.len() > 1 { format!("{BOLD}{}{BOLD:#}\n", part.title()) } else { String::new() };
        texts.push(title + &told.text);
    }
    if let CacheCommand::Verify(_) = &args.command {
        document.insert("ok".to_owned(), Value::from(is_ok));
    }
    if printer.is_json() {
        printer.json(&document)?
    } else {
        printer.text(&texts.join("\n"))?
    }
    Ok(code)
}

/// What is said about one folder.
struct Told {
    /// The members of its object.
    facts: Map<String, Value>,
    text: String,
    /// Whether all is as it should be now.
    is_ok: bool,
}

impl Told {
    fn new(facts: Value, text: String) -> Self {
        let facts = match facts {
            Value::Object(facts) => facts,
            _ => Map::new(),
        };
        Told { facts, text, is_ok: true }
    }

    fn but(mut self, is_ok: bool) -> Self {
        self.is_ok = is_ok;
        self
    }
}

fn tell(part: Part, command: &CacheCommand) -> Result<Told, Failure> {
    let Some(folder) = folder(part) else {
        let message = format!("there is no folder for {}: the user has no home", part.title());
        let diagnostic = Diagnostic::new(Code::HostError, message).help(format!("name one in `{}`", variable(part)));
        return Err(Failure::host_because(diagnostic));
    };
    match part {
        Part::Code => code::tell(&folder, command),
        Part::Units | Part::Builds | Part::Results | Part::Blobs => files::tell(part, &folder, command),
    }
    .map_err(|error| {
        let help = remedy(&error, variable(part));
        Failure::host_because(Diagnostic::new(Code::HostError, error.to_string()).help(help))
    })
}

/// Where a part is kept; none where the user has no home.
pub(super) fn folder(part: Part) -> Option<PathBuf> {
    match part {
        Part::Code => settings::cache_folder(),
        Part::Units => settings::units_folder(),
        Part::Builds => settings::builds_folder(),
        Part::Results => settings::results_folder(),
        Part::Blobs => settings::blobs_folder(),
    }
}

/// What its folder is named by.
pub(super) fn variable(part: Part) -> &'static str {
    match part {
        Part::Code => env_vars::WASMILL_CACHE_DIR,
        Part::Units => env_vars::WASMILL_UNITS_DIR,
        Part::Builds => env_vars::WASMILL_BUILDS_DIR,
        Part::Results => env_vars::WASMILL_RESULTS_DIR,
        Part::Blobs => env_vars::WASMILL_BLOBS_DIR,
    }
}

/// What one thing that is kept is called, and what several are.
pub(super) fn word(part: Part) -> (&'static str, &'static str) {
    match part {
        Part::Code => ("entry", "entries"),
        Part::Units => ("unit", "units"),
        Part::Builds => ("build", "builds"),
        Part::Results => ("result", "results"),
        Part::Blobs => ("blob", "blobs"),
    }
}

/// What to do, and what the folder is named by.
pub(crate) fn remedy(error: &CacheError, variable: &str) -> String {
    format!("{} (`{variable}` names the folder)", error.help())
}

fn since(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or_default()
}

/// `12 d`, `3 h`, `5 min`, `now`.
fn ago(time: SystemTime) -> String {
    let seconds = since(time).as_secs();
    match seconds {
        0..60 => "now".to_owned(),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `1 entry`, `2 entries`.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What `clean` is to remove, asked of one entry after the other, the one that was used last first.
struct Unwanted<'a> {
    args: &'a CleanArgs,
    kept: u64,
}

impl<'a> Unwanted<'a> {
    fn new(args: &'a CleanArgs) -> Self {
        Unwanted { args, kept: 0 }
    }

    fn is(&mut self, used: SystemTime, size: u64) -> bool {
        let total = self.kept.saturating_add(size);
        let unwanted = self.args.all
            || self.args.older_than.is_some_and(|limit| since(used) >= limit)
            || self.args.keep.is_some_and(|most| total > most);
        if !unwanted {
            self.kept = total;
        }
        unwanted
    }
}
