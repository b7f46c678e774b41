//! JSON text, read from left to right (RFC 8259).

use std::borrow::Cow;

use super::Error;

/// The deepest that arrays and objects stand in each other.
const DEEPEST: u32 = 128;

/// A place in a JSON text.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    /// At the beginning of a text.
    pub fn new(text: &'a str) -> Self {
        Reader { text, at: 0, depth: 0 }
    }

    /// The first byte of what comes next, which is not white space.
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Goes over one byte, where it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Goes over a word, where it is the next one.
    pub fn word(&mut self, word: &str) -> bool {
        self.peek();
        let found = self.text[self.at..].starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Nothing but white space is left.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.malformed()),
        }
    }

    #[cold]
    fn malformed(&self) -> Error {
        Error::new(format!("the input is not JSON: byte {}", self.at))
    }

    /// Something else than what is wanted comes next.
    #[cold]
    pub fn expected(&mut self, what: &str) -> Error {
        const LONGEST: usize = 40;
        let found = match self.peek() {
            Some(b'{') => "an object".into(),
            Some(b'[') => "an array".into(),
            Some(_) => {
                let start = self.at;
                if let Err(error) = self.skip() {
                    return error;
                }
                let text = &self.text[start..self.at];
                match text.char_indices().nth(LONGEST) {
                    Some((end, _)) => Cow::Owned([&text[..end], "…"].concat()),
                    None => Cow::Borrowed(text),
                }
            }
            None => return self.malformed(),
        };
        Error::new(["expected ", what, ", found ", &found].concat())
    }

    /// A string.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        if !self.take(b'"') {
            return Err(self.expected("a string"));
        }
        let start = self.at;
        let plain = self.plain();
        if self.text.as_bytes().get(self.at) == Some(&b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = String::from(&self.text[start..self.at]);
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                    text.push_str(self.plain());
                }
                // Control characters, and the end.
                _ => return Err(self.malformed()),
            }
        }
    }

    /// Goes over characters that stand for themselves.
    fn plain(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// What comes after a backslash.
    fn escape(&mut self) -> Result<char, Error> {
        let Some(byte) = self.text.as_bytes().get(self.at) else { return Err(self.malformed()) };
        let simple = match byte {
            b'"' | b'\\' | b'/' => char::from(*byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code(),
            _ => return Err(self.malformed()),
        };
        self.at += 1;
        Ok(simple)
    }

    /// `uXXXX`, or a pair of them.
    fn code(&mut self) -> Result<char, Error> {
        let first = self.unit()?;
        let code = match first {
            0xd800..=0xdbff if self.text[self.at..].starts_with("\\u") => {
                self.at += 1;
                let second = self.unit()?;
                match second {
                    0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => return Err(Error::new("half of a character (a lone surrogate) in a string")),
                }
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| Error::new("half of a character (a lone surrogate) in a string"))
    }

    fn unit(&mut self) -> Result<u32, Error> {
        let digits = self.text.get(self.at + 1..self.at + 5);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 5;
        code.ok_or_else(|| self.malformed())
    }

    /// A number, as it is written.
    pub fn number(&mut self) -> Result<&'a str, Error> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.expected("a number"));
        }
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digits = |at: &mut usize| {
            let from = *at;
            while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
            *at - from
        };
        self.at += usize::from(bytes[start] == b'-');
        let zero = bytes.get(self.at) == Some(&b'0');
        let whole = digits(&mut self.at);
        let mut valid = whole == 1 || (whole > 1 && !zero);
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            valid &= digits(&mut self.at) > 0;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(bytes.get(self.at), Some(b'+' | b'-')));
            valid &= digits(&mut self.at) > 0;
        }
        match valid {
            true => Ok(&self.text[start..self.at]),
            false => Err(self.malformed()),
        }
    }

    /// An array; `read` reads each item.
    pub fn array(&mut self, read: &mut dyn FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        if !self.take(b'[') {
            return Err(self.expected("an array"));
        }
        self.enter()?;
        if !self.take(b']') {
            let mut index = 0;
            loop {
                read(self).map_err(|error| error.item(index))?;
                index += 1;
                if self.take(b']') {
                    break;
                }
                if !self.take(b',') {
                    return Err(self.malformed());
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// An object; `read` is told each name and reads its value.
    pub fn object(&mut self, read: &mut dyn FnMut(&mut Self, &str) -> Result<(), Error>) -> Result<(), Error> {
        if !self.take(b'{') {
            return Err(self.expected("an object"));
        }
        self.enter()?;
        if !self.take(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.malformed());
                }
                let name = self.string()?;
                if !self.take(b':') {
                    return Err(self.malformed());
                }
                read(self, &name).map_err(|error| error.member(&name))?;
                if self.take(b'}') {
                    break;
                }
                if !self.take(b',') {
                    return Err(self.malformed());
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// An array of so many items; `read` is told the place of each.
    pub fn tuple(
        &mut self,
        count: usize,
        read: &mut dyn FnMut(&mut Self, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut found = 0;
        self.array(&mut |input| {
            found += 1;
            if found > count { input.skip() } else { read(input, found - 1) }
        })?;
        match found == count {
            true => Ok(()),
            false => Err(Error::new(format!("expected {count} items, found {found}"))),
        }
    }

    /// A variant of an enum: its name, or an object with the name and its content. `read` is told the name and whether content comes, and
    /// says whether there is such a variant.
    pub fn variant(
        &mut self,
        names: &[&str],
        read: &mut dyn FnMut(&mut Self, &str, bool) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut found = String::new();
        let mut known = None;
        match self.peek() {
            Some(b'"') => {
                found = self.string()?.into_owned();
                known = Some(read(self, &found, false)?);
            }
            Some(b'{') => self.object(&mut |input, name| {
                found = name.into();
                known = Some(known.is_none() && read(input, name, true)?);
                if known == Some(true) { Ok(()) } else { input.skip() }
            })?,
            _ => {}
        }
        if known == Some(true) {
            return Ok(());
        }
        let mut message = String::from("expected one of ");
        for (index, name) in names.iter().enumerate() {
            message.push_str(if index > 0 { ", " } else { "" });
            message.push_str(name);
        }
        match known {
            None => Err(self.expected(&message["expected ".len()..])),
            Some(_) => Err(Error::new([&message, ", found \"", &found, "\""].concat())),
        }
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        match self.depth <= DEEPEST {
            true => Ok(()),
            false => Err(Error::new("arrays and objects stand in each other more than 128 deep")),
        }
    }

    /// Goes over a value.
    pub fn skip(&mut self) -> Result<(), Error> {
        match self.peek() {
            Some(b'{') => self.object(&mut |input, _| input.skip()),
            Some(b'[') => self.array(&mut |input| input.skip()),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ if self.word("null") || self.word("true") || self.word("false") => Ok(()),
            _ => Err(self.malformed()),
        }
    }
}
