//! What stdin begins with: what a unit may have and what it was granted, for `runtime.wat` to read.

use wasmill_model::Limits;

/// Arguments and variables, ready to be sent. They stand in no file, and on no command line that others can read.
#[derive(Debug)]
pub(crate) struct Head {
    /// How many there are and their bytes, of both.
    counts: Vec<u8>,
    strings: Vec<u8>,
}

impl Head {
    /// Of arguments, with the program's own name, and of variables, `NAME=value` each.
    pub(crate) fn new(arguments: &[String], variables: &[String]) -> Self {
        let (mut counts, mut strings) = (Vec::new(), Vec::new());
        for list in [arguments, variables] {
            strings.resize(strings.len().next_multiple_of(4), 0);
            let (mut offsets, mut bytes) = (Vec::new(), Vec::new());
            for text in list {
                offsets.extend(count(bytes.len()));
                bytes.extend(text.as_bytes());
                bytes.push(0);
            }
            counts.extend(count(list.len()));
            counts.extend(count(bytes.len()));
            strings.extend(offsets);
            strings.extend(bytes);
        }
        strings.resize(strings.len().next_multiple_of(64), 0);
        Head { counts, strings }
    }

    /// For a call with these limits.
    pub(crate) fn bytes(&self, limits: &Limits) -> Vec<u8> {
        let limits = [limits.memory.to_le_bytes(), limits.table_elements.to_le_bytes()].concat();
        [limits, self.counts.clone(), self.strings.clone()].concat()
    }
}

fn count(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}
