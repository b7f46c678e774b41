//! What is wrong with a value, and where in it.

use std::fmt;

/// Why there is no value, or no result.
#[derive(Clone, Debug)]
pub struct Error {
    message: String,
    /// `rows[3].price`; made from the inside out.
    path: String,
    /// The user's own words: no place is put before them.
    own: bool,
}

impl Error {
    /// Something wrong with a value.
    #[cold]
    pub fn new(message: impl Into<String>) -> Self {
        Error { message: message.into(), path: String::new(), own: false }
    }

    /// What the user's function says itself.
    #[cold]
    pub fn own(message: String) -> Self {
        Error { message, path: String::new(), own: true }
    }

    /// … of a member of an object.
    #[cold]
    pub fn member(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = [name, dot, &self.path].concat();
        self
    }

    /// … of an item of an array.
    #[cold]
    pub fn item(mut self, index: usize) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("[{index}]{dot}{}", self.path);
        self
    }

    /// The path and the message.
    pub fn text(&self) -> String {
        match self.own || self.path.is_empty() {
            true => self.message.clone(),
            false => [&self.path, ": ", &self.message].concat(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl std::error::Error for Error {}
