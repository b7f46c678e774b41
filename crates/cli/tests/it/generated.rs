//! The committed documentation is what this binary writes.

use wasmill_testkit::workspace;

use crate::{json, project};

#[test]
fn the_committed_documentation_is_in_step() {
    let project = project();
    let document = json(project.wasmill(["generate", ".", "--output", "json"]).run().expect(0));
    for file in document["files"].as_array().unwrap() {
        let file = file.as_str().unwrap();
        let fresh = std::fs::read_to_string(project.path().join(file)).unwrap();
        let committed = std::fs::read_to_string(workspace().join(file)).unwrap_or_default();
        assert!(fresh == committed, "{file} is out of step: run `cargo run -- generate .`");
    }
}
