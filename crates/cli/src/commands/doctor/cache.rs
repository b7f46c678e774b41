//! The folders of what is kept between runs: whether they can be used and trusted, and what is left in them.

use std::path::Path;

use wasmill_artifact::{CacheError, Distrust, Holds, Trouble, examine, repair};
use wasmill_model::format_bytes;

use crate::args::Part;
use crate::commands::cache::{plural, remedy, variable, word};

use super::{Check, Status};

fn topic(part: Part) -> &'static str {
    match part {
        Part::Code => "cache",
        Part::Units => "units",
        Part::Builds => "builds",
        Part::Results => "results",
        Part::Blobs => "blobs",
    }
}

fn holds(part: Part) -> Holds {
    match part {
        Part::Code => Holds::Code,
        Part::Units => Holds::Units,
        Part::Builds => Holds::Builds,
        Part::Results => Holds::Results,
        Part::Blobs => Holds::Blobs,
    }
}

/// How another folder is named.
fn elsewhere(part: Part) -> String {
    format!("`export {}=…`", variable(part))
}

pub(super) fn look(part: Part, folder: Option<&Path>, fixed: bool, unfixed: Option<&CacheError>) -> Vec<Check> {
    let topic = topic(part);
    let Some(folder) = folder else {
        return vec![
            Check::ok(topic, "folder", "there is none: the user has no home")
                .but(Status::Warning, format!("name one: {}", elsewhere(part))),
        ];
    };
    let condition = examine(folder, holds(part));
    let shown = folder.display();
    let mut checks: Vec<Check> =
        condition.troubles.iter().map(|trouble| describe(part, trouble, folder, fixed)).collect();
    // What stands in the way of mending is told where nothing else says it.
    if let Some(error) = unfixed
        && !checks.iter().any(|check| check.status == Status::Error)
    {
        checks.push(Check::ok(topic, "folder", error.to_string()).but(Status::Error, remedy(error, variable(part))));
    }
    if !checks.iter().any(|check| check.name == "folder") {
        let (one, many) = word(part);
        let entries = format!("{shown}: {}, {}", plural(condition.entries, one, many), format_bytes(condition.bytes));
        checks.insert(0, Check::ok(topic, "folder", entries));
    }
    checks
}

fn describe(part: Part, trouble: &Trouble, folder: &Path, fixed: bool) -> Check {
    let (topic, elsewhere) = (topic(part), elsewhere(part));
    let shown = folder.display();
    // What `--fix` has just tried, and what is still there, is not mended by trying again.
    let fix = |otherwise: String| if fixed { otherwise } else { "`wasmill doctor --fix`".to_owned() };
    match trouble {
        Trouble::Missing => {
            let first = match part {
                Part::Code => "the first run",
                Part::Units => "the first unit that is fetched",
                Part::Builds => "the first unit that is built",
                Part::Results => "the first answer that is kept (`cache: auto`)",
                Part::Blobs => "the first large value in a document",
            };
            Check::ok(topic, "folder", format!("{shown}: it is not there yet; {first} makes it"))
        }
        Trouble::Unusable { message } => Check::ok(topic, "folder", format!("{shown}: {message}"))
            .but(Status::Error, format!("make `{shown}` a folder that you can write to, or name another: {elsewhere}")),
        Trouble::Foreign { other } => {
            Check::ok(topic, "folder", format!("{shown}: it has other things in it (`{}`)", other.display()))
                .but(Status::Error, format!("name a folder of its own: {elsewhere}"))
        }
        Trouble::ReadOnly { message } => Check::ok(topic, "writing", format!("nothing new can be kept: {message}"))
            .but(
                Status::Warning,
                format!("make room, or let yourself write to `{shown}`; or name another folder: {elsewhere}"),
            ),
        Trouble::Unsafe { folder, reason } => {
            let unsafe_folder = folder.display();
            let remedy = match reason {
                Distrust::Writable => fix(format!("`chmod 700 {unsafe_folder}`")),
                Distrust::Link => format!("`rm {unsafe_folder}`; Wasmill makes a new one"),
                _ => format!(
                    "name a folder of your own: {elsewhere}; or remove this one, if you may: `rm -r {unsafe_folder}`"
                ),
            };
            Check::ok(topic, "folder", format!("{}: {reason}", folder.display())).but(Status::Error, remedy)
        }
        Trouble::Key => {
            Check::ok(topic, "key", "it is damaged, or others could read or make it; all entries are made anew")
                .but(Status::Warning, fix(format!("`rm -r {shown}/key`")))
        }
        Trouble::KeyUnreadable { message } => Check::ok(topic, "key", format!("it cannot be read: {message}"))
            .but(Status::Error, format!("`rm -r {shown}/key`; all entries are made anew")),
        Trouble::Damaged { entries } => {
            Check::ok(topic, "entries", format!("{entries} damaged, or of another version; they are never loaded"))
                .but(Status::Warning, fix("`wasmill cache clean`".to_owned()))
        }
        Trouble::Leftovers { files } => {
            Check::ok(topic, "leftovers", format!("{} that killed processes left", plural(*files, "file", "files")))
                .but(Status::Warning, fix(format!("`rm -r {shown}/incoming`")))
        }
        _ => Check::ok(topic, "folder", format!("{trouble:?}")).but(Status::Warning, fix(format!("`rm -r {shown}`"))),
    }
}

/// Puts right what is safe to; tells what was done, and what stood in the way.
pub(super) fn fix(part: Part, folder: &Path) -> (Vec<String>, Option<CacheError>) {
    let before = examine(folder, holds(part));
    let repaired = repair(folder, holds(part));
    let mut done = Vec::new();
    let after = examine(folder, holds(part));
    for trouble in before.troubles.iter().filter(|trouble| !after.troubles.contains(trouble)) {
        done.push(match trouble {
            Trouble::Missing => format!("{} was made", folder.display()),
            Trouble::Unsafe { folder, .. } => format!("{}: only you can write to it now", folder.display()),
            Trouble::Key => "a new key was made".to_owned(),
            // Told with their numbers below.
            Trouble::Damaged { .. } | Trouble::Leftovers { .. } => continue,
            Trouble::Unusable { message } => format!("{}: no longer “{message}”", folder.display()),
            other => format!("{other:?}"),
        });
    }
    if let Ok(found) = &repaired {
        if !found.damaged.is_empty() {
            done.push(format!("{}: removed", plural(found.damaged.len() as u64, "damaged entry", "damaged entries")));
        }
        if found.leftovers > 0 {
            done.push(format!("{} of killed processes: removed", plural(found.leftovers, "file", "files")));
        }
    }
    (done, repaired.err())
}
