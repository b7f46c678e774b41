//! `cargo xtask guests`: sources of guests become units.
//!
//! Every unit goes to `target/guests/<suite>/<name>.wasm`, where the tests find it. Guests of `guests/examples/<example>/` are also
//! committed, as `examples/<example>/units/<name>.wasm`, so that the examples run without any toolchain; `guests/units.lock.toml`
//! says what they were built from and by what. So are the units that are part of Wasmill: the built-in processors and the JavaScript
//! interpreter, which is built when it is checked or updated, and only then. WebAssembly text is not built: the tests assemble it.

mod build;
mod committed;
mod javascript;
mod lock;
mod names;
mod source;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::digest::sha256;
use crate::failure::{During, Failure, Outcome};
use crate::guests::build::Builder;
use crate::guests::source::Source;
use crate::paths::Paths;
use crate::printer::Printer;

pub(crate) use crate::guests::build::path_flags;
pub(crate) use crate::guests::source::every_name;

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Rebuild the committed units and fail when they are not what their sources give.
    #[arg(long, conflicts_with = "update")]
    check: bool,

    /// Rewrite the committed units and guests/units.lock.toml.
    #[arg(long)]
    update: bool,
}

/// A source and what came of it.
struct Unit<'a> {
    source: &'a Source,
    bytes: Vec<u8>,
    /// Name and version of what built it.
    toolchain: String,
    path: PathBuf,
}

impl Unit<'_> {
    fn sha256(&self) -> String {
        sha256(&self.bytes)
    }
}

pub(crate) fn run(args: &Args, paths: &Paths, printer: &Printer) -> Outcome {
    let start = Instant::now();
    let (interpreters, mut sources): (Vec<_>, Vec<_>) =
        source::find(paths, printer)?.into_iter().partition(Source::is_interpreter);
    let compared = args.check || args.update;
    if !compared {
        committed::remind(paths, &interpreters, printer)?;
    } else {
        sources.extend(interpreters);
    }
    let builder = Builder::new(paths, printer, &sources)?;
    let mut units = Vec::new();
    let mut failed = Vec::new();
    let mut built = 0;
    for source in &sources {
        // What `--check` and `--update` speak of is built, not remembered, unless it takes long.
        let anew = source.committed.is_some() && compared && !source.is_interpreter();
        match builder.build(source, anew) {
            Ok(unit) => {
                built += usize::from(unit.1);
                units.push(unit.0);
            }
            Err(failure) => failed.push(format!("{}: {failure}", source.label())),
        }
    }
    if !failed.is_empty() {
        return Err(Failure::new(failed.join("\nerror: ")));
    }
    write_digests(paths, &units)?;
    printer.progress(format_args!(
        "guests: {} units in {}, {built} built, in {:.1} s",
        units.len(),
        paths.shown(&builder.output()),
        start.elapsed().as_secs_f64(),
    ));
    let units: Vec<&Unit<'_>> = units.iter().filter(|unit| unit.source.committed.is_some()).collect();
    match (args.check, args.update) {
        (true, _) => committed::check(paths, &units, printer),
        (_, true) => committed::update(paths, &units, printer),
        _ => committed::remind(paths, units.iter().map(|unit| unit.source), printer),
    }
}

/// What every unit is, for people and scripts: `<sha256>  <suite>/<name>.wasm`, as `sha256sum --check` reads it.
fn write_digests(paths: &Paths, units: &[Unit<'_>]) -> Outcome {
    let lines: String = units.iter().map(|unit| format!("{}  {}.wasm\n", unit.sha256(), unit.source.label())).collect();
    let path = paths.target.join("guests").join("SHA256SUMS");
    fs::write(&path, lines).during(path.display())
}
