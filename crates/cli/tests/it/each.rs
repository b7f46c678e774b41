//! `wasmill run --each`: a line for each row, in order, whatever becomes of them.

use std::io::Write as _;

use insta::assert_snapshot;
use serde_json::{Value, json};
use wasmill_testkit::{Output, Project};

use crate::fixtures::{ARITHMETIC, CHAIN, SHOUT, UPPER};
use crate::pipeline;

/// Counts down from its input, and gives it back; -1 traps, and -2 never ends.
const COUNTDOWN: &str = r#"wasmill: 1
name: countdown
inputs: { n: { type: integer, required: true, max: 1000000000 } }
defaults: { limits: { timeout: 10m, fuel: 5_000_000 } }
units:
  countdown:
    wat: |
      (module (func (export "countdown") (param $n i64) (result i64) (local $left i64)
        (if (i64.eq (local.get $n) (i64.const -1)) (then (unreachable)))
        (local.set $left (local.get $n))
        (loop $more
          (local.set $left (i64.sub (local.get $left) (i64.const 1)))
          (br_if $more (i64.ne (local.get $left) (i64.const 0))))
        (local.get $n)))
steps: { count: { unit: countdown, with: "${{ inputs.n }}" } }
outputs: { n: "${{ steps.count.output }}" }
"#;

fn countdown() -> Project {
    pipeline(COUNTDOWN)
}

fn chain() -> Project {
    pipeline(CHAIN).file("arithmetic.wat", ARITHMETIC)
}

fn shout() -> Project {
    pipeline(SHOUT).file("upper.wat", UPPER)
}

fn each(project: &Project, rows: &str, flags: &[&str]) -> Output {
    let arguments = ["run", "pipeline.yaml", "--each", "-"].into_iter().chain(flags.iter().copied());
    project.wasmill(arguments).stdin(rows).run()
}

fn lines(output: &Output) -> Vec<Value> {
    output.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_for_each_row() {
    let project = chain().file("rows.ndjson", "{\"a\": 1}\n\n{}\n{\"b\": 10, \"a\": 4}\n");
    let output = project.wasmill(["run", "pipeline.yaml", "--each", "rows.ndjson", "--input", "b=5"]).run();
    assert_snapshot!(output.to_string());
}

#[test]
fn the_order_is_that_of_the_rows_whatever_time_they_take() {
    // The first of each hundred takes the longest.
    let rows: Vec<u64> = (0..3_000).map(|row| if row % 100 == 0 { 400_000 + row } else { 1 + row }).collect();
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    for flags in [&[][..], &["--jobs", "1"], &["--jobs", "64"]] {
        let output = each(&countdown(), &text, flags);
        assert_eq!(lines(output.expect(0)), rows, "{flags:?}");
    }
}

#[test]
fn bare_values_and_objects() {
    let output = each(&shout(), "\"one\"\r\n{\"text\": \"two\"}\n\"\\u00e9\\n\"", &["-q"]);
    assert_eq!(output.expect(0).text(), "\"ONE\"\n\"TWO\"\n\"é\\n\"\n");
    assert_eq!(output.stderr, "");
}

#[test]
fn several_outputs_are_an_object_in_every_line() {
    let text = CHAIN.replace("outputs:\n", "on_failure: continue\noutputs:\n  sum: \"${{ steps.sum.output }}\"\n");
    let text = text.replace("function: add\n    with: [", "function: divide\n    with: [");
    let output = each(&pipeline(&text).file("arithmetic.wat", ARITHMETIC), "{}\n{\"a\":-3}\n{\"a\":\"x\"}\n", &[]);
    assert_eq!(lines(output.expect(1)), [json!({"sum": 5, "doubled": 1}), json!({"sum": 0}), json!(null)]);
}

#[test]
fn rows_that_cannot_be_read() {
    let rows = "{\"a\": 1}\n{\"a\": 1\nnot JSON\n[1]\n{\"c\": 1, \"b\": 2}\n{\"b\": 2, \"ä\": 0, \"a\": 1.5}\n\"text\"\n{\"a\": 2}\n";
    let output = each(&chain(), rows, &[]);
    assert_snapshot!(output.to_string());
}

#[test]
fn a_row_without_a_required_input() {
    assert_snapshot!(each(&shout(), "{}\n{\"texd\": \"x\"}\n1\n\"ok\"\n", &[]).to_string());
}

#[test]
fn what_every_row_is_given_is_looked_at_first() {
    assert_snapshot!(each(&chain(), "{}\n", &["--input", "a=x", "--input", "c=1"]).to_string());
    assert_snapshot!(each(&chain(), "{}\n", &["--input", "a=@-"]).to_string());
    assert_snapshot!(chain().wasmill(["run", "pipeline.yaml", "--each", "missing.ndjson"]).run().to_string());
    assert_snapshot!(chain().wasmill(["run", "pipeline.yaml", "--fail-fast"]).run().to_string());
}

#[test]
fn rows_that_fail_let_the_others_go_on() {
    let output = each(&countdown(), "1\n-1\n900000000\n4\n", &[]);
    assert_snapshot!(output.to_string());
}

#[test]
fn the_exit_code_is_that_of_the_rows_that_failed() {
    let project = countdown();
    for (rows, code) in
        [("", 0), ("\n \n", 0), ("1\n", 0), ("x\n1\n", 2), ("900000000\n1\n", 3), ("-1\n-1\n", 1), ("-1\nx\n", 1)]
    {
        each(&project, rows, &["-q"]).expect(code);
    }
}

#[test]
fn fail_fast_prints_no_row_behind_the_first_that_fails() {
    let rows: String = (1..=500).map(|row| format!("{}\n", if row % 20 == 0 { -1 } else { row })).collect();
    for _ in 0..5 {
        let output = each(&countdown(), &rows, &["--fail-fast"]);
        let expected: Vec<Value> = (1..=19).map(|row| json!(row)).chain([Value::Null]).collect();
        assert_eq!(lines(output.expect(1)), expected);
        assert!(output.stderr.contains("stdin:20: row 20: error WM0602"), "{output}");
        assert!(output.stderr.contains("stopped at row 20"), "{output}");
    }
}

#[test]
fn a_document_a_row() {
    let output = each(&countdown(), "\n7\n-1\n{\"m\": 1}\n", &["--output", "json", "-q"]);
    let lines = lines(output.expect(1));
    assert_eq!(lines.len(), 3);
    for (index, line) in lines.iter().enumerate() {
        assert_eq!((&line["row"], &line["line"]), (&json!(index + 1), &json!(index + 2)), "{output}");
        assert_eq!(line["wasmill"], 1);
    }
    assert_eq!(lines[0]["outputs"], json!({"n": 7}));
    assert_eq!(lines[0]["steps"]["count"]["attempts"][0]["fuel"], Value::Null);
    assert!(lines[0]["run"].as_str().unwrap().ends_with("-1"), "{output}");
    assert_eq!(lines[1]["verdict"], "failed");
    assert_eq!(lines[1]["error"]["code"], "WM0602");
    assert_eq!(lines[2]["errors"][0]["code"], "WM0402");
    assert_eq!(lines[2]["errors"][0]["at"], json!({"file": "stdin", "line": 4, "column": 2}));
    assert_eq!(output.stderr, "");
}

#[test]
fn a_row_that_is_too_long_is_an_error_of_that_row() {
    let project = shout();
    let mut running = project.wasmill(["run", "pipeline.yaml", "--each", "-"]).start_open();
    let mut stdin = running.take_stdin();
    let writer = std::thread::spawn(move || {
        stdin.write_all(b"\"before\"\n\"").unwrap();
        let many = vec![b'x'; 1 << 20];
        for _ in 0..300 {
            stdin.write_all(&many).unwrap();
        }
        stdin.write_all(b"\"\n\"behind\"\n").unwrap();
        stdin
    });
    assert_eq!([running.line(), running.line(), running.line()], ["\"BEFORE\"\n", "null\n", "\"BEHIND\"\n"]);
    // Of 300 MiB no more than the longest row was held, twice while its buffer grew.
    let peak = peak_memory(running.id());
    assert!(peak.is_none_or(|peak| peak < 250 << 10), "{peak:?} KiB");
    drop(writer.join().unwrap());
    let output = running.finish();
    assert!(output.stderr.contains("stdin:2:1: row 2: error WM0405"), "{output}");
    output.expect(2);
}

/// The most memory that a process had, in KiB; none where the system does not tell.
fn peak_memory(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let project = shout();
    let row = format!("\"{}\"\n", "x".repeat(1 << 10));
    let peak = |rows: usize| {
        let mut running = project.wasmill(["run", "pipeline.yaml", "-q", "--each", "-"]).start_open();
        let (mut stdin, text) = (running.take_stdin(), row.clone());
        let writer = std::thread::spawn(move || {
            (0..rows).for_each(|_| stdin.write_all(text.as_bytes()).unwrap());
            stdin
        });
        (0..rows).for_each(|_| assert_eq!(running.line().len(), row.len()));
        let peak = peak_memory(running.id());
        drop(writer.join().unwrap());
        running.finish().expect(0);
        peak
    };
    let (few, many) = (peak(1_000), peak(20_000));
    // 20 MiB of rows.
    let limit = few.map(|few| few + (10 << 10));
    assert!(many <= limit, "1,000 rows: {few:?} KiB, 20,000 rows: {many:?} KiB");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let project = countdown();
    let mut running = project.wasmill(["run", "pipeline.yaml", "--each", "-"]).start_open();
    running.write("1\n");
    assert_eq!(running.line(), "1\n");
    running.close_stdout();
    // Stdin stays open: nothing but the closed pipe can end it.
    running.write("2\n3\n");
    let stdin = running.take_stdin();
    let output = running.finish();
    drop(stdin);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output}");
}

#[test]
fn a_row_is_answered_before_the_next_one_is_there() {
    let project = countdown();
    let mut running = project.wasmill(["run", "pipeline.yaml", "--each", "-", "-q"]).start_open();
    for row in 1..20 {
        running.write(format!("{row}\n"));
        assert_eq!(running.line(), format!("{row}\n"));
    }
    running.finish().expect(0);
}

#[test]
fn an_interrupt_stops_the_rows() {
    let project = pipeline(&COUNTDOWN.replace("fuel: 5_000_000", "fuel: 900_000_000_000_000"));
    project.write("rows.ndjson", "1\n-1\n3\n-2\n5\n6\n");
    let mut running = project.wasmill(["run", "pipeline.yaml", "--each", "rows.ndjson"]).start();
    assert_eq!([running.line(), running.line(), running.line()], ["1\n", "null\n", "3\n"]);
    running.signal("INT");
    let output = running.finish();
    assert_eq!((output.expect(130).text(), output.stderr.lines().count()), ("", 4), "{output}");
    for said in ["cancelled  after 3 rows, 1 failed in ", "3 rows were read and not run", "`tail -n +4 rows.ndjson`"] {
        assert!(output.stderr.contains(said), "{output}");
    }

    let mut running = project.wasmill(["run", "pipeline.yaml", "--each", "-"]).start_open();
    running.write("1\n");
    assert_eq!(running.line(), "1\n");
    running.signal("TERM");
    let stdin = running.take_stdin();
    assert_snapshot!(running.finish().to_string());
    drop(stdin);
}

#[test]
fn a_pipeline_v1_prints_its_own_form() {
    let manifest = json!({
        "version": "v1", "metadata": {"name": "echo"},
        "nodes": [{"id": "echo", "node_type": "PassThrough", "params": {}}], "connections": []
    });
    let project = crate::project().file("p.json", manifest.to_string());
    let output =
        project.wasmill(["run", "p.json", "--each", "-", "-q"]).stdin("[\"a\"]\n{\"input_data\": [\"b\", 2]}\n").run();
    let lines = lines(output.expect(0));
    assert_eq!(lines.iter().map(|line| &line["status"]).collect::<Vec<_>>(), ["success", "success"]);
    assert_eq!(lines[0]["outputs"], "a");
    assert_eq!(lines[1]["outputs"], json!(["b", 2]));
}
