//! A bound on what the description of a unit may cost.

use crate::InspectError;

/// Exports, imports and parameters that are described, together with 64-byte pieces of type text.
///
/// A few kilobytes of hostile binary can name a function of a thousand parameters a million times; its description must not fill
/// the host's memory. Real units stay below a hundredth of this.
pub(crate) const MAX_DESCRIBED: usize = 1 << 18;

/// What may still be described.
pub(crate) struct Budget {
    left: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Budget { left: MAX_DESCRIBED }
    }

    /// Pays for one item whose text has `bytes` bytes.
    pub(crate) fn item(&mut self, bytes: usize) -> Result<(), InspectError> {
        let cost = 1 + bytes / 64;
        self.left = self.left.checked_sub(cost).ok_or(InspectError::TooComplex { limit: MAX_DESCRIBED })?;
        Ok(())
    }
}
