//! The folder of compiled code: whether it can be used and trusted, and what is left in it.

use std::path::Path;

use wasmill_artifact::{Trouble, examine, repair};
use wasmill_model::format_bytes;

use super::{Check, Status};

const TOPIC: &str = "cache";

pub(super) fn look(folder: Option<&Path>, fixed: bool) -> Vec<Check> {
    let Some(folder) = folder else {
        return vec![
            Check::ok(TOPIC, "folder", "there is none: the user has no home")
                .but(Status::Warning, "name one: `export WASMILL_CACHE_DIR=…`"),
        ];
    };
    let condition = examine(folder);
    let shown = folder.display();
    let mut checks: Vec<Check> = condition.troubles.iter().map(|trouble| describe(trouble, folder, fixed)).collect();
    if !checks.iter().any(|check| check.name == "folder") {
        let entries = format!(
            "{shown}: {} entr{}, {}",
            condition.entries,
            if condition.entries == 1 { "y" } else { "ies" },
            format_bytes(condition.bytes)
        );
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
            .but(Status::Error, format!("make `{shown}` a folder that you can write to: `mkdir -p {shown}`")),
        Trouble::Unsafe { folder, reason } => {
            let remedy = if reason.contains("another user") {
                format!("remove it, if you may: `rm -r {shown}`; Wasmill makes a new one")
            } else {
                fix(format!("`chmod 700 {}`", folder.display()))
            };
            Check::ok(TOPIC, "folder", format!("{}: {reason}", folder.display())).but(Status::Error, remedy)
        }
        Trouble::Key => Check::ok(TOPIC, "key", "it is damaged, or others could read it; all entries are made anew")
            .but(Status::Warning, fix(format!("`rm {shown}/key`"))),
        Trouble::Damaged { entries } => {
            Check::ok(TOPIC, "entries", format!("{entries} damaged, or of another version; they are never loaded"))
                .but(Status::Warning, fix("`wasmill cache clean`".to_owned()))
        }
        Trouble::Leftovers { files } => {
            Check::ok(TOPIC, "leftovers", format!("{files} files that killed processes left"))
                .but(Status::Warning, fix(format!("`rm -r {shown}/incoming`")))
        }
        _ => Check::ok(TOPIC, "folder", format!("{trouble:?}")).but(Status::Warning, fix(format!("`rm -r {shown}`"))),
    }
}

/// Puts right what is safe to; tells what was done.
pub(super) fn fix(folder: &Path) -> Vec<String> {
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
    if let Ok(found) = repaired {
        if !found.damaged.is_empty() {
            done.push(format!("{} damaged entries were removed", found.damaged.len()));
        }
        if found.leftovers > 0 {
            done.push(format!("{} files of killed processes were removed", found.leftovers));
        }
    }
    done
}
