//! CSV as RFC 4180 has it, with LF line ends allowed and blank lines passed over.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::iter::Peekable;
use core::mem;
use core::str::Chars;

use crate::exports::wasmill::examples::csv::{ParseError, Table};

pub fn table(text: &str) -> Result<Table, ParseError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Records { chars: text.chars().peekable(), line: 1 };
    let Some((_, columns)) = records.next_record()? else {
        return Err(error(1, "there is no header line"));
    };
    let mut rows = Vec::new();
    while let Some((line, row)) = records.next_record()? {
        if row.len() != columns.len() {
            return Err(error(line, &format!("{} fields, where the header has {}", row.len(), columns.len())));
        }
        rows.push(row);
    }
    Ok(Table { columns, rows })
}

fn error(line: u32, message: &str) -> ParseError {
    ParseError { line, message: message.into() }
}

struct Records<'a> {
    chars: Peekable<Chars<'a>>,
    line: u32,
}

impl Records<'_> {
    /// The next record that is not a blank line, and the line where it starts.
    fn next_record(&mut self) -> Result<Option<(u32, Vec<String>)>, ParseError> {
        while self.chars.peek().is_some() {
            let start = self.line;
            let record = self.record()?;
            if record.len() > 1 || record.iter().any(|field| !field.is_empty()) {
                return Ok(Some((start, record)));
            }
        }
        Ok(None)
    }

    fn record(&mut self) -> Result<Vec<String>, ParseError> {
        let mut record = Vec::new();
        let mut field = String::new();
        loop {
            match self.chars.next() {
                None => break,
                Some('"') if field.is_empty() => {
                    field = self.quoted()?;
                    match self.chars.peek() {
                        None | Some(',' | '\n' | '\r') => {}
                        Some(other) => {
                            return Err(error(
                                self.line,
                                &format!("`{other}` after a closing quote; a comma or a line end belongs there"),
                            ));
                        }
                    }
                }
                Some(',') => record.push(mem::take(&mut field)),
                Some('\r') if self.chars.peek() == Some(&'\n') => {}
                Some('\n') => {
                    self.line += 1;
                    break;
                }
                Some(other) => field.push(other),
            }
        }
        record.push(field);
        Ok(record)
    }

    /// The field whose opening quote was read, up to and with its closing quote.
    fn quoted(&mut self) -> Result<String, ParseError> {
        let start = self.line;
        let mut field = String::new();
        loop {
            match self.chars.next() {
                None => return Err(error(start, "the quote that opens here is never closed")),
                Some('"') if self.chars.peek() == Some(&'"') => {
                    self.chars.next();
                    field.push('"');
                }
                Some('"') => return Ok(field),
                Some(other) => {
                    self.line += u32::from(other == '\n');
                    field.push(other);
                }
            }
        }
    }
}
