//! `wasmill inspect UNIT`: what a binary is, read from the binary itself. Nothing of it is compiled or run.

use std::fmt::Write as _;

use serde::Serialize;
use wasmill_model::{ExitCode, format_bytes};
use wasmill_unit::{ImportInfo, Preview, UnitInfo};

use crate::failure::Outcome;
use crate::printer::Printer;
use crate::render::{BOLD, DIM, RED, YELLOW};
use crate::standard_input::StandardInput;
use crate::summary::thousands;
use crate::unit_file;

/// Prints what the unit is.
pub(crate) fn inspect(unit: &str, printer: &Printer) -> Outcome {
    let loaded = unit_file::load(unit, &StandardInput::new(printer), printer)?;
    let info = loaded.unit.info();
    if printer.is_json() {
        printer.json(&Document { wasmill: 1, unit, info })?;
    } else {
        printer.text(&describe(unit, info))?;
    }
    Ok(ExitCode::Success)
}

#[derive(Serialize)]
struct Document<'a> {
    wasmill: u32,
    unit: &'a str,
    #[serde(flatten)]
    info: &'a UnitInfo,
}

fn describe(unit: &str, info: &UnitInfo) -> String {
    let mut text = format!("{BOLD}{unit}{BOLD:#}\n");
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "  {DIM}{name:<12}{DIM:#} {value}");
    };
    let generation = match info.preview {
        Some(Preview::Preview1) => " (WASI preview 1)",
        Some(Preview::Preview2) => " (WASI 0.2)",
        None => "",
    };
    if let Some(built) = &info.built {
        let what = match (&built.name, &built.script) {
            (None, _) => ", a script that sees its parameters as `inputs`",
            (Some(_), Some(_)) => ", a function of a script",
            (Some(_), None) => ", a function",
        };
        fact("built from", &format!("{}{what}", built.language.title()));
    }
    fact("interface", &format!("{}{generation}", info.interface));
    let exact = if info.size < 1024 { String::new() } else { format!(" ({} bytes)", thousands(info.size)) };
    fact("size", &format!("{}{exact}", format_bytes(info.size)));
    fact("sha256", &info.digest.to_string());
    if !info.wants.is_empty() {
        fact("wants", &format!("{} (virtual or empty without the grant)", info.wants.join(", ")));
        let spelled: Vec<&str> = info.wants.iter().map(|grant| spell(grant)).collect();
        fact("to grant", &format!("grants: {{ {} }}", spelled.join(", ")));
    }
    for producer in &info.producers {
        fact(&producer.field, format!("{} {}", producer.name, producer.version).trim_end());
    }
    section(&mut text, "functions", info.functions.iter().map(|function| function.signature()));
    let width = info.imports.iter().map(|import| import_name(import).chars().count()).max().unwrap_or(0);
    section(&mut text, "imports", info.imports.iter().map(|one| import(one, width)));
    section(&mut text, "other exports", info.other_exports.iter().map(ToString::to_string));
    text
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "\n{BOLD}{title}{BOLD:#}");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

fn import_name(import: &ImportInfo) -> String {
    if import.name.is_empty() { import.module.to_string() } else { format!("{}::{}", import.module, import.name) }
}

fn import(import: &ImportInfo, width: usize) -> String {
    let name = import_name(import);
    match (import.provided, import.grant) {
        (false, _) => format!("{name:<width$}  {RED}not provided{RED:#}"),
        (true, Some(grant)) => format!("{name:<width$}  {YELLOW}wants {grant}{YELLOW:#}"),
        (true, None) => format!("{name:<width$}  {DIM}provided{DIM:#}"),
    }
}

/// What to write in `grants:`, with names of the user's own where there are such.
fn spell(grant: &str) -> &str {
    match grant {
        "clock" => "clock: real",
        "random" => "random: real",
        "args" => "args: [argument]",
        "env" => "env: { NAME: value }",
        "dirs" => "dirs: { ./folder: /folder }",
        "net" => "net: [\"host.example:443\"]",
        "functions" => "functions: [namespace:package/interface]",
        other => other,
    }
}
