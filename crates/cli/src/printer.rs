//! The only place that prints.
//!
//! Results go to stdout; everything else (progress, tables, errors) to stderr, so that a pipe gets the result and nothing
//! else. A reader that goes away (a broken pipe) is no error. Colours are written always, and taken out again by `anstream`
//! where the other end does not want them.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::args::{ColorMode, GlobalArgs, OutputMode};

/// Where output goes, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    output: OutputMode,
    quiet: bool,
    /// Whether a JSON document is one line.
    lines: bool,
}

/// Whether the reader of stdout went away.
static UNHEARD: AtomicBool = AtomicBool::new(false);

impl Printer {
    /// A printer as the command line asks for it. The choice of colour is the process's from here on.
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        match global.color {
            ColorMode::Auto => {}
            ColorMode::Always => anstream::ColorChoice::Always.write_global(),
            ColorMode::Never => anstream::ColorChoice::Never.write_global(),
        }
        Printer { output: global.output, quiet: global.quiet, lines: false }
    }

    /// A printer for a command line that could not be read.
    pub(crate) fn before_arguments(output: OutputMode) -> Self {
        Printer { output, quiet: false, lines: false }
    }

    /// The same, for a verb that prints several JSON documents: each on a line of its own.
    pub(crate) fn in_lines(self) -> Self {
        Printer { lines: true, ..self }
    }

    /// The same, for a verb that prints a JSON document, whatever was asked for.
    pub(crate) fn in_json(self) -> Self {
        Printer { output: OutputMode::Json, ..self }
    }

    /// Whether the reader of stdout went away, as far as that was noticed.
    pub(crate) fn is_unheard(&self) -> bool {
        UNHEARD.load(Ordering::Relaxed)
    }

    /// Whether stdout is given JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.output == OutputMode::Json
    }

    /// Whether only errors are said on stderr.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Text for stdout; colours in it are taken out where they are not wanted.
    ///
    /// # Errors
    /// When stdout cannot be written (a full disk); not when its reader went away.
    pub(crate) fn text(&self, text: &str) -> io::Result<()> {
        let mut stdout = anstream::AutoStream::auto(io::stdout().lock());
        forgive(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
    }

    /// Bytes for stdout, as they are.
    ///
    /// # Errors
    /// As [`Printer::text`].
    pub(crate) fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        forgive(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Some of many lines for stdout, as they are. Tells whether anybody still reads them: more need not be made otherwise.
    ///
    /// # Errors
    /// As [`Printer::text`].
    pub(crate) fn lines(&self, lines: &[u8]) -> io::Result<Reader> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(lines).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(Reader::There),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Err(error) => Err(error),
        }
    }

    /// One JSON document for stdout.
    ///
    /// # Errors
    /// As [`Printer::text`].
    pub(crate) fn json(&self, document: &impl Serialize) -> io::Result<()> {
        let in_lines = self.lines && self.is_json();
        let mut text = if in_lines { serde_json::to_vec(document)? } else { serde_json::to_vec_pretty(document)? };
        text.push(b'\n');
        self.bytes(&text)
    }

    /// A note for people, on stderr: not where they asked for quiet.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.error(text);
        }
    }

    /// An error, on stderr. There is nobody left to tell when that fails.
    pub(crate) fn error(&self, text: &str) {
        let mut stderr = anstream::AutoStream::auto(io::stderr().lock());
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

/// Who reads stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Somebody, or a file.
    There,
    /// Nobody any more: it has seen enough.
    Gone,
}

/// A broken pipe is success: the reader has seen enough.
fn forgive(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            UNHEARD.store(true, Ordering::Relaxed);
            Ok(())
        }
        other => other,
    }
}
