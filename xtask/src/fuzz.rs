//! `cargo xtask fuzz`: runs the fuzzers of `fuzz/` with coverage, for some time each, from the repository's own files.
//!
//! Every CI run drives the same functions over seeded inputs on stable Rust (`crates/fuzzing/tests`); this looks further.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::digest::{files, sha256};
use crate::failure::{During, Failure, Outcome};
use crate::paths::Paths;
use crate::printer::Printer;
use crate::{process, setup};

/// Name, whether it needs wasmtime (whose instrumented build takes minutes), and the files that it starts from: folders,
/// extension, and what stands before the bytes of each.
const FUZZERS: [Fuzzer; 5] = [
    Fuzzer { name: "inspect", engine: false, seeds: &[("wasm", b"")] },
    Fuzzer { name: "manifest", engine: false, seeds: &[("yaml", b"\0"), ("json", b"\x01"), ("toml", b"\x02")] },
    Fuzzer { name: "load", engine: true, seeds: &[("wat", b"")] },
    Fuzzer { name: "json_wit", engine: true, seeds: &[] },
    Fuzzer { name: "smith", engine: true, seeds: &[] },
];

/// Where seeds are: sources and examples in the checkout, built guests in the target folder.
const FOLDERS: [&str; 3] = ["examples", "guests", "crates/manifest/tests"];

struct Fuzzer {
    name: &'static str,
    engine: bool,
    seeds: &'static [(&'static str, &'static [u8])],
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these fuzzers; without names, those that do not need wasmtime.
    names: Vec<String>,
    /// How long each runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(args: &Args, paths: &Paths, printer: &Printer) -> Outcome {
    let chosen = choose(&args.names)?;
    let program = setup::fuzz(paths, printer)?;
    for fuzzer in chosen {
        let corpus = paths.target.join("fuzz-corpus").join(fuzzer.name);
        let count = seed(fuzzer, paths, &corpus)?;
        printer.progress(format_args!("{}: {} s, from {count} files", fuzzer.name, args.seconds));
        process::run(&mut command(fuzzer, args.seconds, &program, paths, &corpus)).map_err(|failure| {
            failure.help(format!("the input is in fuzz/artifacts/{}; make it a test of its own", fuzzer.name))
        })?;
    }
    Ok(())
}

fn choose(names: &[String]) -> Outcome<Vec<&'static Fuzzer>> {
    if let Some(unknown) = names.iter().find(|name| FUZZERS.iter().all(|fuzzer| fuzzer.name != **name)) {
        let known: Vec<&str> = FUZZERS.iter().map(|fuzzer| fuzzer.name).collect();
        return Err(Failure::new(format!("no fuzzer is called `{unknown}`"))
            .help(format!("the fuzzers are {}", known.join(", "))));
    }
    let is_chosen =
        |fuzzer: &&Fuzzer| if names.is_empty() { !fuzzer.engine } else { names.iter().any(|name| name == fuzzer.name) };
    Ok(FUZZERS.iter().filter(is_chosen).collect())
}

fn command(fuzzer: &Fuzzer, seconds: u32, program: &Path, paths: &Paths, corpus: &Path) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).arg(program).args(["run", fuzzer.name]);
    if fuzzer.engine {
        command.args(["--features", "engine"]);
    }
    command.arg(corpus).args(["--", "-timeout=30", "-rss_limit_mb=4096"]).arg(format!("-max_total_time={seconds}"));
    command.current_dir(paths.root.join("fuzz")).env("CARGO_TARGET_DIR", paths.target.join("fuzz"));
    // Nightly's, and not those of the toolchain that runs this.
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command
}

/// Puts what the repository has into the corpus, beside what earlier runs found.
fn seed(fuzzer: &Fuzzer, paths: &Paths, corpus: &Path) -> Outcome<usize> {
    fs::create_dir_all(corpus).during(corpus.display())?;
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| paths.root.join(folder)).collect();
    folders.push(paths.target.join("guests"));
    let mut count = 0;
    for file in folders.iter().filter(|folder| folder.is_dir()).map(|folder| files(folder)) {
        for path in file? {
            let Some((_, start)) =
                fuzzer.seeds.iter().find(|(extension, _)| path.extension().is_some_and(|found| found == *extension))
            else {
                continue;
            };
            let bytes = [start, fs::read(&path).during(path.display())?.as_slice()].concat();
            let seed = corpus.join(sha256(&bytes));
            fs::write(&seed, bytes).during(seed.display())?;
            count += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::{FUZZERS, choose};

    #[test]
    fn without_names_nothing_big_is_built() {
        let names = |given: &[&str]| -> Vec<&str> {
            let given: Vec<String> = given.iter().map(|name| (*name).to_owned()).collect();
            choose(&given).map(|chosen| chosen.iter().map(|fuzzer| fuzzer.name).collect()).unwrap_or_default()
        };
        assert_eq!(names(&[]), ["inspect", "manifest"]);
        assert_eq!(names(&["smith"]), ["smith"]);
        assert_eq!(names(&["smiths"]), [""; 0]);
    }

    #[test]
    fn every_fuzzer_is_declared() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
        for fuzzer in FUZZERS {
            assert!(manifest.contains(&format!("name = \"{}\"", fuzzer.name)), "{}", fuzzer.name);
            assert!(root.join(format!("fuzz_targets/{}.rs", fuzzer.name)).is_file(), "{}", fuzzer.name);
        }
    }
}
