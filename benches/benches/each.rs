//! `wasmill run --each` over 100,000 rows, from the start of the process to its end, beside bare wasmtime on as many workers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use wasmill_benches::floor;
use wasmill_benches::guests::{ADD, BYTES_UPPER, binary, text};
use wasmill_benches::measure::{Effort, Samples, rate, workers};
use wasmill_benches::report::{Measure, Report, Row, Target};
use wasmill_benches::wasmill::SLOTS;

/// Rounds of a full measurement.
const ROUNDS: usize = 15;
/// Rows of a full measurement.
const ROWS: usize = 100_000;
/// How long bare calls are counted for, before and after each run.
const WINDOW: Duration = Duration::from_millis(300);

/// A pipeline of one step, and its rows.
struct Case {
    name: &'static str,
    pipeline: PathBuf,
    rows: PathBuf,
}

impl Case {
    fn write(
        folder: &Path,
        name: &'static str,
        inputs: &str,
        wat: &str,
        with: &str,
        row: impl Fn(usize) -> String,
        rows: usize,
    ) -> Self {
        let file = name.replace(' ', "-");
        let (pipeline, path) = (folder.join(format!("{file}.yaml")), folder.join(format!("{file}.ndjson")));
        let wat = wat.replace('\n', "\n      ");
        let manifest = format!(
            "wasmill: 1\ninputs: {inputs}\nunits:\n  unit:\n    wat: |\n      {wat}\nsteps:\n  call: {{ unit: unit, with: {with} }}\n\
             outputs: {{ result: \"${{{{ steps.call.output }}}}\" }}\n"
        );
        fs::write(&pipeline, manifest).unwrap();
        fs::write(&path, (0..rows).map(|number| row(number) + "\n").collect::<String>()).unwrap();
        Case { name, pipeline, rows: path }
    }

    fn command(&self, binary: &Path, cache: &Path, workers: usize) -> Command {
        let mut command = Command::new(binary);
        command.args(["run", "--quiet"]).arg(&self.pipeline).arg("--each").arg(&self.rows);
        command.env("WASMILL_CACHE_DIR", cache).env("WASMILL_WORKERS", workers.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

/// The program that was built beside this bench.
fn wasmill() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(2).unwrap();
    let binary = folder.join(format!("wasmill{}", std::env::consts::EXE_SUFFIX));
    let profile = if folder.ends_with("release") { " --release" } else { "" };
    assert!(binary.exists(), "{} is not there: `cargo build{profile} --bin wasmill` makes it", binary.display());
    binary
}

/// Rows a second, of the whole process.
fn rows_a_second(command: &mut Command, rows: usize) -> f64 {
    let start = Instant::now();
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
    rows as f64 / start.elapsed().as_secs_f64()
}

/// The most memory that the process had, in MiB; none where the system does not tell.
fn peak_memory(command: &mut Command) -> Option<f64> {
    fn look(child: &Child) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
    }
    let mut child = command.spawn().unwrap();
    let mut peak = None;
    while child.try_wait().unwrap().is_none() {
        // Near the end it has no memory any more.
        peak = look(&child).or(peak);
        std::thread::sleep(Duration::from_millis(1));
    }
    peak
}

struct Sides {
    floor: Samples,
    each: Samples,
}

fn main() {
    let effort = Effort::from_arguments();
    let rows = if effort == Effort::Once { 1_000 } else { ROWS };
    let binary_path = wasmill();
    let folder = TempDir::new().unwrap();
    let cache = folder.path().join("cache");
    let input = text(1 << 10);
    let with_text = "\"${{ inputs.text }}\"";
    let text_inputs = "{ text: { type: string, required: true } }";
    let bytes = Case::write(
        folder.path(),
        "bytes 1 KiB",
        text_inputs,
        BYTES_UPPER,
        with_text,
        |_| format!("{{\"text\":\"{input}\"}}"),
        rows,
    );
    let few = Case { name: "few", pipeline: bytes.pipeline.clone(), rows: folder.path().join("few.ndjson") };
    let head: String =
        fs::read_to_string(&bytes.rows).unwrap().lines().take(1_000).map(|line| line.to_owned() + "\n").collect();
    fs::write(&few.rows, head).unwrap();
    let add = Case::write(
        folder.path(),
        "core add",
        "{ a: { type: integer, required: true }, b: { type: integer, required: true } }",
        ADD,
        "[\"${{ inputs.a }}\", \"${{ inputs.b }}\"]",
        |number| format!("{{\"a\":{number},\"b\":2}}"),
        rows,
    );

    let engine = floor::engine(SLOTS).unwrap();
    let bare_bytes = Arc::new(floor::BytesUnit::new(&engine, &binary(BYTES_UPPER)).unwrap());
    let bare_add = Arc::new(floor::Add::new(&engine, &binary(ADD)).unwrap());
    let input: Arc<str> = input.into();
    let bytes_floor = |runtime: &Runtime, workers: usize| {
        let (bare, input) = (bare_bytes.clone(), input.clone());
        rate(runtime, workers, WINDOW, move || {
            let (bare, input) = (bare.clone(), input.clone());
            async move { bare.call(input.as_bytes()).await.unwrap() }
        })
    };
    let add_floor = |runtime: &Runtime, workers: usize| {
        let bare = bare_add.clone();
        rate(runtime, workers, WINDOW, move || {
            let bare = bare.clone();
            async move { bare.call(1, 2).await.unwrap() }
        })
    };
    type Floor<'a> = &'a dyn Fn(&Runtime, usize) -> f64;
    let sides: [(&Case, usize, Floor<'_>, Target); 4] = [
        (&bytes, 1, &bytes_floor, Target::Share(0.6)),
        (&bytes, 2, &bytes_floor, Target::Share(0.6)),
        (&add, 1, &add_floor, Target::None),
        (&add, 2, &add_floor, Target::None),
    ];

    // Compiled and kept.
    for case in [&bytes, &add] {
        rows_a_second(&mut case.command(&binary_path, &cache, 1), rows);
    }
    let mut samples: Vec<Sides> =
        sides.iter().map(|_| Sides { floor: Samples::default(), each: Samples::default() }).collect();
    for _ in 0..effort.rounds(ROUNDS) {
        for ((case, count, floor, _), samples) in sides.iter().zip(&mut samples) {
            let runtime = workers(*count).unwrap();
            // Before and after, since a run takes long enough for the machine to change.
            let before = floor(&runtime, *count);
            samples.each.push(rows_a_second(&mut case.command(&binary_path, &cache, *count), rows));
            samples.floor.push((before + floor(&runtime, *count)) / 2.0);
        }
    }
    let table = sides
        .iter()
        .zip(&samples)
        .map(|((case, count, _, target), samples)| {
            let plural = if *count == 1 { "" } else { "s" };
            let case = format!("{}, {count} worker{plural}", case.name);
            Row {
                measure: Measure::Rate,
                ..Row::beside(&case, "bare wasmtime", &samples.floor, &samples.each, *target)
            }
        })
        .collect();
    let memory = [&few, &bytes].map(|case| peak_memory(&mut case.command(&binary_path, &cache, 2)));
    let notes = match memory {
        [Some(few), Some(many)] => {
            vec![format!(
                "The most memory that the process had: {few:.1} MiB with 1,000 rows, {many:.1} MiB with {rows}."
            )]
        }
        _ => Vec::new(),
    };
    let report = Report {
        name: "each",
        title: "Rows",
        method: "`wasmill run --quiet --each` over 100,000 rows: the whole process, from its start to its end. A row is read, parsed, bound to \
                 the inputs and run as a pipeline of one step with every limit on, receipt and all; its output is written as JSON, in order, \
                 to /dev/null. Beside it fresh calls of bare wasmtime, as under “Calls a second”, counted before and after each run on as \
                 many workers; nothing is read or written there. The units and the inputs are the same.",
        rows: table,
        notes,
    };
    report.publish(effort).unwrap();
}
