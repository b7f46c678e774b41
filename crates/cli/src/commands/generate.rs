//! `wasmill generate DIR`: the documentation that is written by the program itself, so that it cannot drift.
//!
//! `cargo xtask tidy` runs it into a scratch folder and compares.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Command, CommandFactory};
use serde_json::json;
use wasmill_model::{Code, ExitCode, VerdictKind};

use crate::args::Cli;
use crate::env_vars;
use crate::failure::{Failure, Outcome};
use crate::printer::Printer;

/// Columns of help texts in documents, whatever terminal the developer has.
const WIDTH: usize = 100;

/// Writes `docs/wasmill.schema.json`, `docs/cli.md`, `docs/errors.md` and `docs/man/*.1`.
pub(crate) fn generate(dir: &Path, printer: &Printer) -> Outcome {
    let mut files = vec![
        ("docs/wasmill.schema.json".to_owned(), schema()),
        ("docs/cli.md".to_owned(), cli().into_bytes()),
        ("docs/errors.md".to_owned(), errors().into_bytes()),
    ];
    for (name, page) in manual_pages()? {
        files.push((format!("docs/man/{name}.1"), page));
    }
    for (name, contents) in &files {
        write(&dir.join(name), contents)?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    if printer.is_json() {
        printer.json(&json!({ "wasmill": 1, "files": names }))?;
    } else {
        printer.text(&names.iter().map(|name| format!("{name}\n")).collect::<String>())?;
    }
    Ok(ExitCode::Success)
}

fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, contents));
    made.map_err(|error| Failure::host(format!("`{}` cannot be written: {error}", path.display())))
}

fn schema() -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(&wasmill_manifest::schema()).unwrap_or_default();
    text.push(b'\n');
    text
}

/// The whole command, with what every verb shares pushed down into the verbs.
fn command() -> Command {
    let mut command = Cli::command().term_width(WIDTH);
    command.build();
    command
}

fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help")
}

fn cli() -> String {
    let command = command();
    let mut text = String::from(
        "# The command line\n\n<!-- Written by `wasmill generate`; do not edit. -->\n\n\
         Results go to stdout; progress, tables and errors to stderr. `--output json` prints one JSON object on stdout, on\n\
         every verb; what is wrong with a file, a unit or the usage is then `{\"wasmill\": 1, \"errors\": [{code, message, at, step,\n\
         help}, …]}`.\n",
    );
    let _ = write!(text, "\n```text\n{}\n```\n", help(&command));
    for verb in verbs(&command) {
        let _ = write!(text, "\n## wasmill {}\n\n```text\n{}\n```\n", verb.get_name(), help(verb));
        for below in verbs(verb) {
            let name = format!("{} {}", verb.get_name(), below.get_name());
            let _ = write!(text, "\n### wasmill {name}\n\n```text\n{}\n```\n", help(below));
        }
    }
    text.push_str("\n## Environment\n\n| variable | meaning |\n| --- | --- |\n");
    for (name, meaning) in env_vars::ALL {
        let _ = writeln!(text, "| `{name}` | {meaning} |");
    }
    text.push_str("\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n");
    for (code, meaning) in [
        (ExitCode::Success, "the run succeeded"),
        (ExitCode::Failed, "a step failed"),
        (ExitCode::Invalid, "the manifest, unit, input or usage is invalid; nothing was started"),
        (ExitCode::Limit, "a limit was hit"),
        (ExitCode::Denied, "a capability was denied"),
        (ExitCode::Cancelled, "the run was cancelled"),
    ] {
        let verdicts: Vec<String> = VerdictKind::ALL
            .into_iter()
            .filter(|kind| kind.exit_code() == code && !matches!(kind, VerdictKind::Ok | VerdictKind::Skipped))
            .map(|kind| format!("`{kind}`"))
            .collect();
        let verdicts = if verdicts.is_empty() { String::new() } else { format!(": {}", verdicts.join(", ")) };
        let _ = writeln!(text, "| {} | {meaning}{verdicts} |", code as u8);
    }
    text
}

fn help(command: &Command) -> String {
    let text = command.clone().term_width(WIDTH).render_long_help().to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn errors() -> String {
    let mut text = String::from(
        "# Errors\n\n<!-- Written by `wasmill generate`; do not edit. -->\n\n\
         Every error has a code that never changes its meaning, says where and what, and what to do (`help:`).\n\n\
         WM01xx: the file · WM02xx: the pipeline in it · WM03xx: a unit · WM04xx: an input · WM06xx: while it ran · WM09xx: the\n\
         command line.\n\n| code | name | meaning |\n| --- | --- | --- |\n",
    );
    for code in Code::ALL {
        let meaning = code.meaning().split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "| {code} | {code:?} | {meaning} |");
    }
    text
}

fn manual_pages() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let command = command();
    let mut pages = vec![("wasmill".to_owned(), page(command.clone())?)];
    for verb in verbs(&command) {
        pages.push((format!("wasmill-{}", verb.get_name()), page(verb.clone())?));
        for below in verbs(verb) {
            pages.push((format!("wasmill-{}-{}", verb.get_name(), below.get_name()), page(below.clone())?));
        }
    }
    Ok(pages)
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::host(format!("a manual page cannot be written: {error}")))?;
    Ok(page)
}
