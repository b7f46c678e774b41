//! Ctrl-C reaches running guests. No test here sleeps: it waits for the line that says what it waits for.

use crate::{json, pipeline};

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
