//! The programs that make units, and other hosts: where they are, or how to get them. None is needed to run a unit.

use std::ffi::OsString;

use wasmill_toolchain::{Looked, ToolName, ask_version};

use super::{Check, Status};
use crate::programs::Places;
use crate::toolchain::ToolchainSettings;

const TOPIC: &str = "tools";

struct Tool {
    name: &'static str,
    /// Programs that do it, in the order of preference.
    programs: &'static [&'static str],
    /// What makes the program say its version.
    version: &'static [&'static str],
    purpose: &'static str,
    /// The command that brings it.
    remedy: &'static str,
}

/// Other hosts; units are built with what `wasmill_toolchain` knows.
const ENGINES: &[Tool] = &[Tool {
    name: "wasmtime",
    programs: &["wasmtime"],
    version: &["--version"],
    purpose: "another host, to compare with",
    remedy: "`cargo install wasmtime-cli`",
}];

/// The languages that need nothing but this program.
const BUILT_IN: &str = "javascript, typescript and wat need nothing else";

pub(super) fn look(settings: &ToolchainSettings) -> Vec<Check> {
    let (tools, places) = (settings.tools(), Places::find());
    // Each program is asked for its version, which costs some of them a second.
    let answers = std::thread::scope(|scope| {
        let (tools, places) = (&tools, &places);
        let looked = ToolName::ALL.map(|name| scope.spawn(move || (name, tools.look(name))));
        let asked: Vec<_> = ENGINES.iter().map(|tool| scope.spawn(move || look_for(tool, places))).collect();
        let looked = looked.into_iter().filter_map(|one| one.join().ok()).map(|(name, looked)| compiler(name, looked));
        let engines = asked.into_iter().zip(ENGINES).map(|(one, tool)| one.join().unwrap_or_else(|_| missing(tool)));
        looked.chain(engines).collect::<Vec<_>>()
    });
    let mut checks = vec![Check::ok(TOPIC, "built in", BUILT_IN)];
    checks.extend(answers);
    checks
}

/// How it stands with a program that units are built with.
fn compiler(name: ToolName, looked: Looked) -> Check {
    let short = short(name);
    let remedy = format!("`{}`, or `cargo xtask setup`", name.install());
    match looked {
        Looked::Found(tool) => {
            let found = format!("{} ({}), for {}", tool.version, tool.program.display(), name.purpose());
            Check::ok(TOPIC, short, found)
        }
        Looked::Broken { program, message } => {
            let found = format!("{} does not work: {message}", program.display());
            Check::ok(TOPIC, short, found).but(Status::Warning, remedy)
        }
        Looked::Missing { .. } => {
            let found = format!("not found; it is for {}", name.purpose());
            Check::ok(TOPIC, short, found).but(Status::Warning, remedy)
        }
    }
}

fn short(name: ToolName) -> &'static str {
    match name {
        ToolName::Rustc => "rustc",
        ToolName::C => "c compiler",
        other => other.title(),
    }
}

fn missing(tool: &Tool) -> Check {
    Check::ok(TOPIC, tool.name, format!("not found; it is for {}", tool.purpose)).but(Status::Warning, tool.remedy)
}

fn look_for(tool: &Tool, places: &Places) -> Check {
    let mut silent = None;
    for program in tool.programs {
        let Some(path) = places.program(program) else { continue };
        match ask_version(&path, tool.version.iter().map(OsString::from).collect(), &[]) {
            Ok(version) => {
                // zig says a number only.
                let version = if version.starts_with(|one: char| one.is_ascii_digit()) {
                    format!("{program} {version}")
                } else {
                    version
                };
                let found = format!("{version} ({}), for {}", path.display(), tool.purpose);
                return Check::ok(TOPIC, tool.name, found);
            }
            Err(why) => silent = Some((path, why)),
        }
    }
    match silent {
        Some((path, why)) => Check::ok(TOPIC, tool.name, format!("{} does not work: {why}", path.display()))
            .but(Status::Warning, tool.remedy),
        None => missing(tool),
    }
}
