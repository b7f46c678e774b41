//! Ctrl-C reaches running guests. No test here sleeps: it waits for the line that says what it waits for.

use crate::{json, pipeline, project};

const SPIN: &str = r#"wasmill: 1
name: spin
defaults: { limits: { timeout: 10m, fuel: 900_000_000_000_000 } }
units:
  spin: { wat: '(module (func (export "spin") (loop $forever (br $forever))))' }
steps:
  spin: { unit: spin }
  never: { unit: spin, after: [spin] }
outputs: { result: "${{ steps.never.output }}" }
"#;

#[test]
fn an_interrupt_stops_the_guests_and_prints_the_document() {
    for signal in ["INT", "TERM"] {
        let project = pipeline(SPIN);
        let mut running = project.wasmill(["run", "pipeline.yaml", "--output", "json"]).start();
        running.wait_for("spin");
        running.signal(signal);
        let output = running.finish();
        assert_eq!(output.code, Some(130), "{output}");
        let document = json(&output);
        assert_eq!(document["verdict"], "cancelled");
        assert_eq!(document["steps"]["spin"]["verdict"], "cancelled");
        assert_eq!(document["steps"]["never"]["verdict"], "skipped");
    }
}

/// A source that no compiler comes to the end of.
#[test]
fn an_interrupt_ends_compilers_and_leaves_nothing_behind() {
    let bomb = "#if __INCLUDE_LEVEL__ < 60\n#include __FILE__\n#include __FILE__\n#endif\n";
    let project = project().file("bomb.c", bomb).file("tmp/.keep", "");
    let scratch = project.path().join("tmp");
    for signal in ["INT", "TERM"] {
        let mut running =
            project.wasmill(["exec", "bomb.c", "--lang", "c"]).env("TMPDIR", scratch.to_str().unwrap()).start();
        running.wait_for("building bomb.c");
        running.signal(signal);
        running.finish().expect(130);
        let left: Vec<_> = std::fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [".keep"]);
    }
}
