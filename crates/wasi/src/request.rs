//! Stdin: read to its end, and never more than a request can have.

use std::io::Read;

use wasmill_manifest::{LARGEST_REQUEST, Request};
use wasmill_model::{Code, Diagnostic};

/// What positions are in.
const STDIN: &str = "stdin";

/// Reads a request.
///
/// # Errors
/// Why it cannot be read, or everything that is wrong with it.
pub(crate) fn read(stdin: impl Read, engines: &[&str]) -> Result<Request, Vec<Diagnostic>> {
    let text = text(stdin).map_err(|problem| vec![problem])?;
    wasmill_manifest::parse_request(STDIN, &text, engines)
}

fn text(stdin: impl Read) -> Result<String, Diagnostic> {
    let mut bytes = Vec::new();
    stdin
        .take(LARGEST_REQUEST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Diagnostic::new(Code::InputUnreadable, format!("stdin cannot be read: {error}")))?;
    wasmill_manifest::request_text(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_a_request_can_have() {
        assert_eq!(text(&b"{}"[..]).unwrap(), "{}");
        let problem = text(std::io::repeat(b' ')).unwrap_err();
        assert!(problem.message.contains("more than"), "{}", problem.message);
    }
}
