//! The folder of compiled code: whether it can be used and trusted, and what is left in it.

use std::path::Path;

use wasmill_artifact::{CacheError, Distrust, Trouble, examine, repair};
use wasmill_model::format_bytes;

use crate::commands::cache::{plural, remedy};

use super::{Check, Status};

const TOPIC: &str = "cache";

/// How another folder is named.
const ELSEWHERE: &str = "`export WASMILL_CACHE_DIR=…`";

pub(super) fn look(folder: Option<&Path>, fixed: bool, unfixed: Option<&CacheError>) -> Vec<Check> {
    let Some(folder) = folder else {
        return vec![
            Check::ok(TOPIC, "folder", "there is none: the user has no home")
                .but(Status::Warning, "name one: `export WASMILL_CACHE_DIR=…`"),
        ];
    };
    let condition = examine(folder);
    let shown = folder.display();
    let mut checks: Vec<Check> = condition.troubles.iter().map(|trouble| describe(trouble, folder, fixed)).collect();
    // What stands in the way of mending is told where nothing else says it.
    if let Some(error) = unfixed
        && !checks.iter().any(|check| check.status == Status::Error)
    {
        checks.push(Check::ok(TOPIC, "folder", error.to_string()).but(Status::Error, remedy(error)));
    }
    if !checks.iter().any(|check| check.name == "folder") {
        let entries =
            format!("{shown}: {}, {}", plural(condition.entries, "entry", "entries"), format_bytes(condition.bytes));
        checks.insert(0, Check::ok(TOPIC, "folder", entries));
    }
    checks
}

fn describe(trouble: &Trouble, folder: &Path, fixed: bool) -> Check {
    let shown = folder.display();
    // What `--fix` has just tried, and what is still there, is not mended by trying again.
    let fix = |otherwise: String| if fixed { otherwise } else { "`wasmill doctor --fix`".to_owned() };
    match trouble {
        Trouble::Missing => Check::ok(TOPIC, "folder", format!("{shown}: it is not there yet; the first run makes it")),
        Trouble::Unusable { message } => Check::ok(TOPIC, "folder", format!("{shown}: {message}"))
            .but(Status::Error, format!("make `{shown}` a folder that you can write to, or name another: {ELSEWHERE}")),
        Trouble::Foreign { other } => {
            Check::ok(TOPIC, "folder", format!("{shown}: it has other things in it (`{}`)", other.display()))
                .but(Status::Error, format!("name a folder of its own: {ELSEWHERE}"))
        }
        Trouble::ReadOnly { message } => Check::ok(TOPIC, "writing", format!("nothing new can be kept: {message}"))
            .but(
                Status::Warning,
                format!("make room, or let yourself write to `{shown}`; or name another folder: {ELSEWHERE}"),
            ),
        Trouble::Unsafe { folder, reason } => {
            let unsafe_folder = folder.display();
            let remedy = match reason {
                Distrust::Writable => fix(format!("`chmod 700 {unsafe_folder}`")),
                Distrust::Link => format!("`rm {unsafe_folder}`; Wasmill makes a new one"),
                _ => format!(
                    "name a folder of your own: {ELSEWHERE}; or remove this one, if you may: `rm -r {unsafe_folder}`"
                ),
            };
            Check::ok(TOPIC, "folder", format!("{}: {reason}", folder.display())).but(Status::Error, remedy)
        }
        Trouble::Key => {
            Check::ok(TOPIC, "key", "it is damaged, or others could read or make it; all entries are made anew")
                .but(Status::Warning, fix(format!("`rm -r {shown}/key`")))
        }
        Trouble::KeyUnreadable { message } => Check::ok(TOPIC, "key", format!("it cannot be read: {message}"))
            .but(Status::Error, format!("`rm -r {shown}/key`; all entries are made anew")),
        Trouble::Damaged { entries } => {
            Check::ok(TOPIC, "entries", format!("{entries} damaged, or of another version; they are never loaded"))
                .but(Status::Warning, fix("`wasmill cache clean`".to_owned()))
        }
        Trouble::Leftovers { files } => {
            Check::ok(TOPIC, "leftovers", format!("{} that killed processes left", plural(*files, "file", "files")))
                .but(Status::Warning, fix(format!("`rm -r {shown}/incoming`")))
        }
        _ => Check::ok(TOPIC, "folder", format!("{trouble:?}")).but(Status::Warning, fix(format!("`rm -r {shown}`"))),
    }
}

/// Puts right what is safe to; tells what was done, and what stood in the way.
pub(super) fn fix(folder: &Path) -> (Vec<String>, Option<CacheError>) {
    let before = examine(folder);
    let repaired = repair(folder);
    let mut done = Vec::new();
    let after = examine(folder);
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
