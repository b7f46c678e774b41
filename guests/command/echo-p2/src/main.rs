//! Upper-cases stdin, with a word on stderr. Promise: a command of WASI 0.2 is run like one of preview 1; stderr is its log.

use std::io::{Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut text = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut text) {
        eprintln!("stdin: {error}");
        return ExitCode::FAILURE;
    }
    eprintln!("read {} bytes", text.len());
    match std::io::stdout().write_all(text.to_uppercase().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
