//! Where rows come from: lines of a file or of stdin, each of bounded length.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use wasmill_model::{Code, Diagnostic};

use crate::inputs;

/// A longer row is an error of that row.
pub(crate) const LONGEST_ROW: usize = 64 << 20;
/// The largest buffer that is kept for another row.
pub(crate) const LARGEST_SPARE: usize = 16 << 10;
/// So much is read at once.
const CHUNK: usize = 64 << 10;
/// What some editors put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowSource {
    /// `-`
    Stdin,
    /// A file.
    File(std::path::PathBuf),
}

impl RowSource {
    /// The name in errors.
    pub(crate) fn name(&self) -> Arc<str> {
        match self {
            RowSource::Stdin => "stdin".into(),
            RowSource::File(path) => path.to_string_lossy().into(),
        }
    }

    /// Opens it, and gives its size where that is known.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn open(&self) -> Result<(Box<dyn Read + Send>, Option<u64>), Diagnostic> {
        let path = match self {
            RowSource::Stdin => return Ok((Box::new(io::stdin()), None)),
            RowSource::File(path) => path,
        };
        let opened = File::open(path).and_then(|file| {
            let metadata = file.metadata()?;
            if metadata.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok((file, metadata)) }
        });
        let (file, metadata) = opened.map_err(|error| unreadable(path, &error))?;
        // A pipe with a name has no size.
        Ok((Box::new(file), metadata.is_file().then_some(metadata.len())))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let problem = Diagnostic::new(Code::InputUnreadable, inputs::cannot_read(path, error));
    problem.help("`--each` takes a file with one JSON value a line, or `-` for stdin")
}

/// One line that is not blank.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Which row this is, from 1: blank lines do not count.
    pub(crate) number: u64,
    /// The line of the file, from 1.
    pub(crate) line: u64,
    /// What stands there.
    pub(crate) text: RowText,
}

/// What stands in a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RowText {
    /// Without the line end.
    Line(Vec<u8>),
    /// More than [`LONGEST_ROW`]: it was not kept.
    TooLong,
}

impl RowText {
    /// Its buffer, empty.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        match self {
            RowText::Line(mut text) if text.capacity() <= LARGEST_SPARE => {
                text.clear();
                text
            }
            _ => Vec::new(),
        }
    }
}

impl Row {
    /// How many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        match &self.text {
            RowText::Line(text) => text.len(),
            RowText::TooLong => 0,
        }
    }
}

/// Lines become rows as they are read, so that a row of a slow pipe is there as soon as its line is.
pub(crate) struct Lines<R> {
    from: R,
    chunk: Vec<u8>,
    /// The beginning of a line whose end was not read yet.
    open: Vec<u8>,
    is_too_long: bool,
    longest: usize,
    rows: u64,
    lines: u64,
    /// Buffers of rows that are over, for those that come. Memory that one thread takes and another one gives back costs both of
    /// them a lock of the allocator.
    pub(crate) spare: Vec<Vec<u8>>,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(from: R) -> Self {
        Lines::with_longest(from, LONGEST_ROW)
    }

    fn with_longest(from: R, longest: usize) -> Self {
        Lines {
            from,
            chunk: vec![0; CHUNK],
            open: Vec::new(),
            is_too_long: false,
            longest,
            rows: 0,
            lines: 0,
            spare: Vec::new(),
        }
    }

    /// Reads once, and adds the rows that have ended. Gives how many bytes were read: at the end none.
    ///
    /// # Errors
    /// When it cannot be read any further.
    pub(crate) fn read(&mut self, rows: &mut Vec<Row>) -> io::Result<usize> {
        let read = loop {
            match self.from.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        let chunk = std::mem::take(&mut self.chunk);
        let mut rest = chunk.get(..read).unwrap_or_default();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(end);
            self.extend(line);
            rows.extend(self.end_line());
            rest = behind.get(1..).unwrap_or_default();
        }
        self.extend(rest);
        self.chunk = chunk;
        if read == 0 && (!self.open.is_empty() || self.is_too_long) {
            // The last line may have no end.
            rows.extend(self.end_line());
        }
        Ok(read)
    }

    fn extend(&mut self, part: &[u8]) {
        if self.is_too_long || self.open.len() + part.len() > self.longest {
            self.is_too_long = true;
            self.open = Vec::new();
        } else {
            self.open.extend_from_slice(part);
        }
    }

    fn end_line(&mut self) -> Option<Row> {
        self.lines += 1;
        let mut line = std::mem::replace(&mut self.open, self.spare.pop().unwrap_or_default());
        if self.lines == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        let is_too_long = std::mem::take(&mut self.is_too_long);
        if !is_too_long && line.trim_ascii().is_empty() {
            line.clear();
            self.spare.push(line);
            return None;
        }
        self.rows += 1;
        let text = if is_too_long { RowText::TooLong } else { RowText::Line(line) };
        Some(Row { number: self.rows, line: self.lines, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.0 = later;
            Ok(length)
        }
    }

    fn rows(text: &[u8], step: usize, longest: usize) -> Vec<(u64, u64, String)> {
        let mut lines = Lines::with_longest(Slowly(text, step), longest);
        let mut rows = Vec::new();
        while lines.read(&mut rows).unwrap() > 0 {}
        let text = |row: &Row| match &row.text {
            RowText::Line(text) => String::from_utf8(text.clone()).unwrap(),
            RowText::TooLong => "too long".to_owned(),
        };
        rows.iter().map(|row| (row.number, row.line, text(row))).collect()
    }

    #[test]
    fn lines_become_rows_however_they_are_read() {
        let text = b"\xef\xbb\xbf{}\n\n  \t\r\n1\r\nlonger than that\nlast";
        let expected = [(1, 1, "{}"), (2, 4, "1\r"), (3, 5, "too long"), (4, 6, "last")];
        let expected: Vec<_> = expected.map(|(row, line, text)| (row, line, text.to_owned())).into();
        for step in 1..40 {
            assert_eq!(rows(text, step, 8), expected, "{step} bytes at a time");
        }
    }

    #[test]
    fn the_end_of_the_last_line_may_be_missing() {
        assert_eq!(rows(b"", 9, 8), []);
        assert_eq!(rows(b"\n\n", 9, 8), []);
        assert_eq!(rows(b"1", 9, 8), [(1, 1, "1".to_owned())]);
        assert_eq!(rows(b"0123456789", 3, 8), [(1, 1, "too long".to_owned())]);
    }

    #[test]
    fn a_line_that_is_too_long_is_not_kept() {
        let mut lines = Lines::with_longest(io::repeat(b'x').take(10 << 20), 1 << 10);
        let mut rows = Vec::new();
        while lines.read(&mut rows).unwrap() > 0 {
            assert!(lines.open.capacity() <= 2 << 10);
        }
        assert_eq!(rows, [Row { number: 1, line: 1, text: RowText::TooLong }]);
    }
}
