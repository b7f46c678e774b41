//! What is said when the function that is wanted is not there, or more than one may be meant.

use crate::{BuildError, SourceProblem};

/// Names that are longer are compared with nothing.
const LONGEST: usize = 100;

/// No function of the source is the one that is wanted: `main` where none is named.
pub(super) fn none(file: &str, wanted: Option<&str>, names: &[&str]) -> BuildError {
    let message = match (wanted, names) {
        (Some(wanted), _) => format!("there is no function `{wanted}`"),
        (None, []) => "there is no function to call".to_owned(),
        (None, _) => "there are several functions, and none is called `main`".to_owned(),
    };
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let near = wanted.and_then(|wanted| nearest(wanted, names));
    let help = match (near, names) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "write a function with parameters and a result".to_owned(),
        (None, _) => format!("name one of {}", listed.join(", ")),
    };
    BuildError::Function { problem: SourceProblem { file: file.to_owned(), message, ..SourceProblem::default() }, help }
}

/// The name that was probably meant.
fn nearest<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
    let near = names.iter().filter(|name| name.len() <= LONGEST && wanted.len() <= LONGEST).filter_map(|name| {
        let distance = strsim::levenshtein(wanted, name);
        let slip = distance <= 3 && distance < name.chars().count().min(wanted.chars().count());
        (slip || strsim::jaro(wanted, name) > 0.8 || wanted.eq_ignore_ascii_case(name)).then_some((distance, *name))
    });
    near.min().map(|(_, name)| name)
}
