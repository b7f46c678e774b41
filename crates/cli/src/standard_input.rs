//! Stdin: read once, whole, and never where that would wait for a person at a keyboard.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Read};
use std::sync::mpsc;
use std::time::Duration;

use wasmill_model::{Code, Diagnostic};

use crate::printer::Printer;

/// After this long, the user is told what is being waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process's stdin, or what stands for it in a test.
pub(crate) struct StandardInput {
    source: RefCell<Source>,
    /// What was read, where it is to be read again.
    read: Option<RefCell<Option<Vec<u8>>>>,
}

enum Source {
    /// Not read yet.
    Process(Printer),
    /// A keyboard: not read unless it was asked for.
    Terminal,
    /// Read, or taken already.
    Taken,
    /// Read before, and put back.
    Bytes(Vec<u8>),
}

impl StandardInput {
    /// The process's own.
    pub(crate) fn new(printer: &Printer) -> Self {
        let source = if io::stdin().is_terminal() { Source::Terminal } else { Source::Process(*printer) };
        StandardInput { source: RefCell::new(source), read: None }
    }

    /// The process's own, which can be [put back](StandardInput::rewind).
    pub(crate) fn kept(printer: &Printer) -> Self {
        StandardInput { read: Some(RefCell::default()), ..StandardInput::new(printer) }
    }

    /// One that somebody else reads.
    pub(crate) fn taken() -> Self {
        StandardInput { source: RefCell::new(Source::Taken), read: None }
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        StandardInput { source: RefCell::new(Source::Bytes(text.as_bytes().to_vec())), read: None }
    }

    /// Puts back what was read, to be read again.
    pub(crate) fn rewind(&self) {
        if let Some(bytes) = self.read.as_ref().and_then(RefCell::take) {
            self.source.replace(Source::Bytes(bytes));
        }
    }

    fn note(&self, bytes: &[u8]) {
        if let Some(read) = &self.read {
            read.replace(Some(bytes.to_vec()));
        }
    }

    /// What there is, where nobody asked for it to be read: nothing on a terminal, nothing where it is empty or was read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn offered(&self) -> Result<Option<Vec<u8>>, Diagnostic> {
        let bytes = match self.source.replace(Source::Taken) {
            Source::Process(printer) => read_patiently(printer, u64::MAX)?,
            Source::Terminal => {
                self.source.replace(Source::Terminal);
                return Ok(None);
            }
            Source::Taken => return Ok(None),
            Source::Bytes(bytes) => bytes,
        };
        self.note(&bytes);
        Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// All of it, because the user wrote `-`: from the keyboard too, and empty too.
    ///
    /// # Errors
    /// When it cannot be read, or was read before.
    pub(crate) fn asked_for(&self) -> Result<Vec<u8>, Diagnostic> {
        let bytes = match self.source.replace(Source::Taken) {
            Source::Process(printer) => read_patiently(printer, u64::MAX),
            Source::Terminal => read(u64::MAX),
            Source::Taken => Err(Diagnostic::new(Code::InputUnreadable, "stdin can be read only once")
                .help("name `-` or `@-` in one place; other values can come from files with `name=@file`")),
            Source::Bytes(bytes) => Ok(bytes),
        }?;
        self.note(&bytes);
        Ok(bytes)
    }
}

/// A run request, because the user wrote `-`: from the keyboard too, after a word about it, and no more than one can have.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn request(printer: &Printer) -> Result<Vec<u8>, Diagnostic> {
    const MOST: u64 = wasmill_manifest::LARGEST_REQUEST as u64 + 1;
    if io::stdin().is_terminal() {
        printer.note("reading a run request (JSON) from the keyboard: Ctrl-D ends it\n");
        return read(MOST);
    }
    read_patiently(*printer, MOST)
}

fn read(most: u64) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::new();
    match io::stdin().lock().take(most).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Diagnostic::new(Code::InputUnreadable, format!("stdin cannot be read: {error}"))),
    }
}

/// Reads to the end, and says so when that takes long: whoever left a pipe open finds out why nothing happens.
fn read_patiently(printer: Printer, most: u64) -> Result<Vec<u8>, Diagnostic> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(read(most)));
    if let Ok(result) = receiver.recv_timeout(PATIENCE) {
        return result;
    }
    printer.note("reading from stdin, until it ends (`< /dev/null` if there is nothing to read)\n");
    receiver.recv().unwrap_or_else(|_| Ok(Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_back_is_read_again() {
        let stdin = StandardInput { read: Some(RefCell::default()), ..StandardInput::of("hello") };
        for _ in 0..3 {
            assert_eq!(stdin.asked_for().unwrap(), b"hello");
            assert!(stdin.asked_for().is_err());
            assert_eq!(stdin.offered().unwrap(), None);
            stdin.rewind();
        }
        assert_eq!(stdin.offered().unwrap().as_deref(), Some(&b"hello"[..]));
        let once = StandardInput::of("hello");
        assert!(once.asked_for().is_ok());
        once.rewind();
        assert!(once.asked_for().is_err());
    }
}
