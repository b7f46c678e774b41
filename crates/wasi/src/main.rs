//! `wasmill-wasi`: one request on stdin, one JSON document on stdout. The library has all of it.
//!
//! Invariant: nothing but that document is written to stdout, whatever happens.
#![forbid(unsafe_code)]

use std::io;
use std::process;

fn main() -> process::ExitCode {
    // Nothing can be unwound within WebAssembly: the hook is where a panic ends, and it answers as everything else does.
    #[cfg(panic = "abort")]
    std::panic::set_hook(Box::new(|panic| {
        let (document, code) = wasmill_wasi::panic_document(&panic.to_string());
        process::exit(wasmill_wasi::printed(&document, code, io::stdout(), io::stderr()) as i32);
    }));
    let code = wasmill_wasi::run(std::env::args().skip(1), io::stdin().lock(), io::stdout(), io::stderr());
    process::ExitCode::from(code as u8)
}
