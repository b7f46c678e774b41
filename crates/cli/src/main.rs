//! `wasmill`: run pipelines of sandboxed WebAssembly units.
//!
//! Raw arguments (`args`) become settings (`settings`), and one file in `commands` does each verb. Only `printer` prints.
//! Nothing is set up before a verb asks for it: `--help`, `schema` and `check` start no engine.
#![forbid(unsafe_code)]

mod args;
mod blobs;
mod changes;
mod commands;
mod component_file;
mod each;
mod engines;
mod env_vars;
mod failure;
mod flow;
mod folders;
mod grants;
mod host;
mod inputs;
mod interrupts;
mod kept_results;
mod lock;
mod pipeline_file;
mod policy_file;
mod printer;
mod programs;
mod progress;
mod render;
mod request_file;
mod results;
mod secrets;
mod settings;
mod standard_input;
mod summary;
mod telemetry;
mod toolchain;
mod unit_file;
mod wants;
mod whole_file;

use std::process;

use clap::Parser;
use clap::error::ErrorKind;
use wasmill_model::ExitCode;

use crate::args::{Cli, Command, OutputMode};
use crate::failure::{Failure, Outcome};
use crate::printer::Printer;

fn main() -> process::ExitCode {
    // Before anything else: this process gives up its rights first, and speaks in its own exit codes.
    if std::env::args_os().nth(1).is_some_and(|verb| verb == host::COMPILE_WORKER) {
        return wasmill_engine_wasmtime::compile_worker();
    }
    if std::env::args_os().nth(1).is_some_and(|verb| verb == host::TOOL_LAUNCHER) {
        let (code, message) = wasmill_artifact::launch(std::env::args_os().skip(2));
        Printer::before_arguments(OutputMode::Text).error(&message);
        return code;
    }
    process::ExitCode::from(wasmill() as u8)
}

/// Reads the command line and does what it says. The one place where an exit code is decided.
fn wasmill() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let printer = Printer::new(&cli.global);
    let code = match dispatch(cli, &printer) {
        Ok(code) => code,
        Err(failure) => failure.report(&printer),
    };
    telemetry::finish(&printer);
    code
}

fn dispatch(cli: Cli, printer: &Printer) -> Outcome {
    match cli.command {
        Command::Run(args) if args.is_request() => {
            let printer = printer.in_json();
            settings::run(args)
                .and_then(|settings| commands::run::run(settings, &printer))
                .or_else(|failure| Ok(failure.report(&printer)))
        }
        Command::Run(args) => commands::run::run(settings::run(args)?, printer),
        Command::Call(args) => commands::call::call(settings::call(args)?, printer),
        Command::Exec(args) => commands::exec::exec(settings::exec(args)?, printer),
        Command::Build(args) => commands::build::build(&settings::build(args)?, printer),
        Command::Dev(args) => commands::run::run(settings::dev(args)?, printer),
        Command::New(args) => commands::new::new(&args, printer),
        Command::Inspect(args) => commands::inspect::inspect(&args.unit, printer),
        Command::Check(args) => commands::check::check(&settings::check(args)?, printer),
        Command::Convert(args) => commands::convert::convert(&args.file, printer),
        Command::Graph(args) => commands::graph::graph(&args, printer),
        Command::Export(args) => commands::export::export(&settings::export(args)?, printer),
        Command::Replay(args) => commands::replay::replay(settings::replay(args)?, printer),
        Command::Test(args) => commands::test::test(&settings::test(args)?, printer),
        Command::Plan(args) => commands::plan::plan(&settings::plan(args)?, printer),
        Command::Sim(args) => commands::sim::sim(settings::sim(args)?, printer),
        Command::Blob(args) => commands::blob::blob(&args, printer),
        Command::Cache(args) => commands::cache::cache(&args, printer),
        Command::Engines(args) => commands::engines::engines(&settings::engines(&args)?, printer),
        Command::Doctor(args) => commands::doctor::doctor(&args, printer),
        Command::Schema => commands::schema::schema(printer),
        Command::Completions(args) => commands::completions::completions(args.shell, printer),
        Command::Generate(args) => commands::generate::generate(&args.dir, printer),
        Command::CompileWorker | Command::LaunchTool => Err(Failure::usage(
            format!("`{}` and `{}` take no options before them", host::COMPILE_WORKER, host::TOOL_LAUNCHER),
            "these verbs are for Wasmill itself, which starts them where it compiles a unit",
        )),
    }
}

/// Help and version are answers; anything else is a command line that cannot be taken, with clap's suggestion.
fn refuse(error: &clap::Error) -> ExitCode {
    let asked_for_json = std::env::args_os().any(|arg| arg == "--output=json")
        || std::env::args_os()
            .zip(std::env::args_os().skip(1))
            .any(|(flag, value)| flag == "--output" && value == "json");
    let printer = Printer::before_arguments(if asked_for_json { OutputMode::Json } else { OutputMode::Text });
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match printer.text(&text.ansi().to_string()) {
            Ok(()) => ExitCode::Success,
            Err(error) => Failure::from(error).report(&printer),
        },
        _ if asked_for_json => {
            let plain = text.to_string();
            let (message, help) = plain.split_once("\n\n").unwrap_or((&plain, ""));
            let message = message.trim().trim_start_matches("error: ");
            Failure::usage(message, help.trim()).report(&printer)
        }
        _ => {
            printer.error(&text.ansi().to_string());
            ExitCode::Invalid
        }
    }
}
