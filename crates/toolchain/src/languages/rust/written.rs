//! Rust that is written for one source, and which of the user's words each line of it stands for.

/// A place in the user's source, and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) column: u32,
    /// ``the parameter `rows` ``
    pub(super) what: String,
}

/// A generated file.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) text: String,
    /// One for each line.
    places: Vec<Option<Place>>,
}

impl Written {
    /// Adds a line that stands for nothing of the user's.
    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.add(text, None);
    }

    /// Adds a line that stands for something.
    pub(super) fn line_for(&mut self, place: &Place, text: impl AsRef<str>) {
        self.add(text, Some(place.clone()));
    }

    fn add(&mut self, text: impl AsRef<str>, place: Option<Place>) {
        let text = text.as_ref();
        // What the user wrote on several lines may be in it.
        for line in text.lines() {
            self.text.push_str(line);
            self.text.push('\n');
            self.places.push(place.clone());
        }
    }

    /// What a line stands for, counted from 1.
    pub(super) fn place(&self, line: u32) -> Option<&Place> {
        self.places.get(usize::try_from(line).ok()?.checked_sub(1)?)?.as_ref()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}
