//! Every example, against what it is expected to print: `expected/<case>.cmd` has the arguments, `expected/<case>.stdout` the
//! output and, where it is not 0, `expected/<case>.exit` the exit code; commands run in the example's own folder.

use std::path::PathBuf;

use wasmill_testkit::workspace;

use crate::project;

fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(workspace().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

#[test]
fn every_example_prints_what_it_should() {
    let mut cases = 0;
    for folder in folders() {
        let mut commands: Vec<PathBuf> = std::fs::read_dir(folder.join("expected"))
            .unwrap_or_else(|_| panic!("{} has no folder `expected`", folder.display()))
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "cmd"))
            .collect();
        commands.sort();
        assert!(!commands.is_empty(), "{} expects nothing", folder.display());
        for command in commands {
            let arguments = std::fs::read_to_string(&command).unwrap();
            let output = project().sharing_builds().wasmill(arguments.split_whitespace()).in_folder(&folder).run();
            let expected_file = command.with_extension("stdout");
            let exit = std::fs::read_to_string(command.with_extension("exit"));
            let stdout = output.expect(exit.map_or(0, |code| code.trim().parse().unwrap())).text();
            if std::env::var_os("UPDATE_EXPECTED").is_some() {
                std::fs::write(&expected_file, stdout).unwrap();
            }
            let expected = std::fs::read_to_string(&expected_file)
                .unwrap_or_else(|_| panic!("{} is missing: UPDATE_EXPECTED=1 writes it", expected_file.display()));
            assert_eq!(stdout, expected, "{}", command.display());
            cases += 1;
        }
    }
    assert!(cases > 0);
}

#[test]
fn every_example_is_checked_and_explained() {
    for folder in folders() {
        assert!(folder.join("README.md").is_file(), "{} has no README.md", folder.display());
        project().sharing_builds().wasmill(["check", "pipeline.yaml"]).in_folder(&folder).run().expect(0);
    }
}
