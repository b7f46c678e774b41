//! Stdin: read to its end, and never more than a request can have.

use std::io::Read;

use wasmill_manifest::Request;
use wasmill_model::{Code, Diagnostic};

/// A request larger than this is a mistake: what it is read into takes several times as much of the 4 GiB that there are.
const LARGEST: u64 = 128 << 20;

/// What positions are in.
const STDIN: &str = "stdin";

/// Reads a request.
///
/// # Errors
/// Why it cannot be read, or everything that is wrong with it.
pub(crate) fn read(stdin: impl Read, engines: &[&str]) -> Result<Request, Vec<Diagnostic>> {
    let text = text(stdin, LARGEST).map_err(|problem| vec![problem])?;
    wasmill_manifest::parse_request(STDIN, &text, engines)
}

fn text(stdin: impl Read, largest: u64) -> Result<String, Diagnostic> {
    let unreadable = |message: String| Diagnostic::new(Code::InputUnreadable, message);
    let mut bytes = Vec::new();
    stdin
        .take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(format!("stdin cannot be read: {error}")))?;
    if bytes.len() as u64 > largest {
        let message = format!("stdin has more than {largest} bytes: no request is that large");
        return Err(unreadable(message).help("large units stand in a folder: `--units DIR`"));
    }
    if bytes.starts_with(b"\0asm") {
        return Err(unreadable("stdin is a WebAssembly binary, not a request".to_owned())
            .help("give it in a request: `{\"pipeline\": …, \"units\": {NAME: BASE64}}`"));
    }
    String::from_utf8(bytes).map_err(|error| {
        unreadable(format!("stdin is not UTF-8 text (byte {})", error.utf8_error().valid_up_to()))
            .help("a request is a JSON document")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_a_request_can_have() {
        assert_eq!(text(&b"{}"[..], 2).unwrap(), "{}");
        let problem = text(std::io::repeat(b' '), 2).unwrap_err();
        assert!(problem.message.contains("more than 2 bytes"), "{}", problem.message);
    }
}
