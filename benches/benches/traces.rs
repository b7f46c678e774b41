//! What traces cost: `wasmill run` with a receiver of OTLP and without one, from the start of the process to its end.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tempfile::TempDir;
use wasmill_benches::guests::NOOP;
use wasmill_benches::measure::{Effort, Samples};
use wasmill_benches::report::{Measure, Report, Row, Target};

/// Rounds of a full measurement.
const ROUNDS: usize = 31;
/// Steps of a run, or rows.
const STEPS: usize = 8_000;

/// The program that was built beside this bench.
fn wasmill() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(2).unwrap();
    let binary = folder.join(format!("wasmill{}", std::env::consts::EXE_SUFFIX));
    let profile = if folder.ends_with("release") { " --release" } else { "" };
    assert!(binary.exists(), "{} is not there: `cargo build{profile} --bin wasmill` makes it", binary.display());
    binary
}

/// A receiver that takes everything and reads nothing of it; it counts bytes.
fn receiver() -> (String, Arc<AtomicUsize>) {
    fn serve(stream: TcpStream, bytes: &AtomicUsize) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        loop {
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                let line = line.to_lowercase();
                if let Some(said) = line.strip_prefix("content-length:") {
                    length = said.trim().parse().ok()?;
                }
                if line == "\r\n" {
                    break;
                }
            }
            std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
            bytes.fetch_add(length as usize, Ordering::Relaxed);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
            writer.write_all(answer).ok()?;
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let bytes = Arc::<AtomicUsize>::default();
    let counted = bytes.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counted = counted.clone();
            std::thread::spawn(move || serve(stream, &counted));
        }
    });
    (address, bytes)
}

fn main() {
    let effort = Effort::from_arguments();
    let steps = if effort == Effort::Once { 100 } else { STEPS };
    let binary = wasmill();
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let unit = format!("wasmill: 1\nunits:\n  unit:\n    wat: |\n      {}\nsteps:\n", NOOP.replace('\n', "\n      "));
    let step = |step: usize, after: &str| format!("  s{step}: {{ unit: unit, with: []{after} }}\n");
    let mut chain = unit.clone();
    for number in 0..steps {
        let after = number.checked_sub(1).map(|before| format!(", after: [s{before}]")).unwrap_or_default();
        chain.write_str(&step(number, &after)).unwrap();
    }
    fs::write(path("chain.yaml"), chain).unwrap();
    fs::write(path("row.yaml"), unit + &step(0, "")).unwrap();
    fs::write(path("rows.ndjson"), "{}\n".repeat(steps)).unwrap();
    let (endpoint, bytes) = receiver();

    let command = |case: &str, to: Option<&str>| {
        let mut command = Command::new(&binary);
        command.args(["run", "--quiet"]).env("WASMILL_CACHE_DIR", path("cache")).env("WASMILL_WORKERS", "2");
        match case {
            "chain" => command.arg(path("chain.yaml")),
            _ => command.arg(path("row.yaml")).arg("--each").arg(path("rows.ndjson")),
        };
        if let Some(to) = to {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", to);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let took = |mut command: Command| {
        let start = Instant::now();
        let status = command.status().unwrap();
        assert!(status.success(), "{command:?}: {status}");
        start.elapsed().as_nanos() as f64 / steps as f64
    };
    let cases = [
        ("chain", format!("chain of {steps}, a step"), Target::More(5_000.0)),
        ("each", "`--each`, a row".to_owned(), Target::None),
    ];
    let mut rows = Vec::new();
    for (case, name, target) in cases {
        // Compiled and kept.
        took(command(case, None));
        let (mut without, mut with) = (Samples::default(), Samples::default());
        for round in 0..effort.rounds(ROUNDS) {
            for side in [round % 2, (round + 1) % 2] {
                match side {
                    0 => without.push(took(command(case, None))),
                    _ => with.push(took(command(case, Some(&endpoint)))),
                }
            }
        }
        rows.push(Row { measure: Measure::Time, ..Row::beside(&name, "without telemetry", &without, &with, target) });
    }
    assert!(bytes.load(Ordering::Relaxed) > steps * 100, "nothing arrived");
    let report = Report {
        name: "traces",
        title: "Traces, metrics and logs",
        method: "`wasmill run --quiet` with a receiver of OTLP in another process, and without one, in turn: the whole process on two workers, from \
                 its start until all spans have arrived, for each step. A step is two spans, six values of metrics, and (as it does nothing) next to \
                 no work. Then `--each`, where a row is a run: three spans and eight values.",
        rows,
        notes: Vec::new(),
    };
    report.publish(effort).unwrap();
}
