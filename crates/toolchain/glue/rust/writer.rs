//! JSON text that is being written.

use std::fmt::Write as _;

use super::{Error, ToJson};

/// The text so far.
#[derive(Default)]
pub struct Writer {
    pub(super) text: String,
}

impl Writer {
    /// Text that is JSON already.
    pub fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A string.
    pub fn string(&mut self, text: &str) {
        self.text.push('"');
        let mut start = 0;
        for (at, byte) in text.bytes().enumerate() {
            let escape = match byte {
                b'"' => "\\\"",
                b'\\' => "\\\\",
                b'\n' => "\\n",
                b'\r' => "\\r",
                b'\t' => "\\t",
                0..=0x1f => "",
                _ => continue,
            };
            self.text.push_str(&text[start..at]);
            start = at + 1;
            self.text.push_str(escape);
            if escape.is_empty() {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                self.text.push_str(if byte < 16 { "\\u000" } else { "\\u001" });
                self.text.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
        self.text.push_str(&text[start..]);
        self.text.push('"');
    }

    /// An integer.
    pub fn integer(&mut self, number: i128) {
        let _ = match i64::try_from(number) {
            // What is small is written much faster.
            Ok(number) => write!(self.text, "{number}"),
            Err(_) => write!(self.text, "{number}"),
        };
    }

    /// A number in the fewest digits that lead back to it.
    pub fn float(&mut self, number: impl Into<f64> + std::fmt::Debug + Copy) -> Result<(), Error> {
        if !number.into().is_finite() {
            return Err(Error::new(format!("{number:?} is no number in JSON")));
        }
        let _ = write!(self.text, "{number:?}");
        Ok(())
    }

    /// An array.
    pub fn array<'a, T: ToJson + 'a>(&mut self, items: impl IntoIterator<Item = &'a T>) -> Result<(), Error> {
        self.text.push('[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            item.write(self).map_err(|error| error.item(index))?;
        }
        self.text.push(']');
        Ok(())
    }

    /// One of several items of different types.
    pub fn item<T: ToJson + ?Sized>(&mut self, index: usize, value: &T) -> Result<(), Error> {
        value.write(self).map_err(|error| error.item(index))
    }

    /// A member of an object: the first has `{` before it, the others a comma.
    pub fn member<T: ToJson + ?Sized>(&mut self, name: &str, value: &T, first: bool) -> Result<(), Error> {
        self.text.push(if first { '{' } else { ',' });
        self.string(name);
        self.text.push(':');
        value.write(self).map_err(|error| error.member(name))
    }

    /// The end of an object that has `members`.
    pub fn end(&mut self, members: usize) {
        self.text.push_str(if members == 0 { "{}" } else { "}" });
    }
}
