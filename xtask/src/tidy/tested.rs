//! A guest for every promise, and a test for every guest: one that no test names proves nothing.

use std::fs;

use crate::digest::files;
use crate::failure::{During, Outcome};
use crate::guests;
use crate::paths::Paths;
use crate::tidy::Violation;

/// Where tests are.
const TESTS: [&str; 2] = ["crates", "benches"];

/// Guests of these are called by the examples' own tests.
const EXAMPLES: &str = "examples/";

pub(super) fn check(paths: &Paths) -> Outcome<Vec<Violation>> {
    let mut texts = Vec::new();
    for folder in TESTS {
        for file in files(&paths.root.join(folder))? {
            if file.extension().is_some_and(|extension| extension == "rs") {
                texts.push(fs::read_to_string(&file).during(file.display())?);
            }
        }
    }
    Ok(untested(&guests::every_name(paths)?, &texts))
}

fn untested(guests: &[(String, String)], texts: &[String]) -> Vec<Violation> {
    let is_named = |suite: &str, name: &str| {
        let spellings =
            [format!("\"{suite}\", \"{name}\""), format!("{suite}/{name}.wat"), format!("\"{suite}/{name}\"")];
        texts.iter().any(|text| spellings.iter().any(|spelling| text.contains(spelling)))
    };
    let untested = guests.iter().filter(|(suite, name)| !suite.starts_with(EXAMPLES) && !is_named(suite, name));
    untested
        .map(|(suite, name)| {
            Violation::new(
                format!("guests/{suite}/{name}"),
                "no test names this guest",
                format!("write the test of its promise (`guest(\"{suite}\", \"{name}\")`), or delete it"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::untested;

    #[test]
    fn a_guest_that_no_test_names_is_found() {
        let guests = [("limits", "spin"), ("limits", "grow"), ("bytes", "spin"), ("examples/a", "b")]
            .map(|(suite, name)| (suite.to_owned(), name.to_owned()));
        let texts = ["guest!(\"limits/spin.wat\")".to_owned(), "guest(\"limits\", \"grow\")".to_owned()];
        let places: Vec<String> = untested(&guests, &texts).into_iter().map(|violation| violation.place).collect();
        assert_eq!(places, ["guests/bytes/spin"]);
    }
}
