//! How large a value may be that expressions put together. What engines and users give is bounded where it comes in; but a template can
//! hold the same value twice, and the next one that twice: small in memory, and without end for whoever reads it.

use wasmill_model::{Input, Value};

/// Lists and objects in each other.
const MAX_DEPTH: usize = 200;
/// Bytes, with what is shared counted wherever it stands.
const MAX_SIZE: usize = 1 << 30;
/// What a value counts besides its content: a walk through many small ones takes its time, too.
const EACH: usize = 16;

/// The value, if it is no larger than anybody can read.
///
/// # Errors
/// What is too large about it.
pub(crate) fn bounded(value: Value) -> Result<Value, String> {
    Room::new().take(&value, MAX_DEPTH)?;
    Ok(value)
}

/// The same for all that a unit is called with.
///
/// # Errors
/// As for [`bounded`].
pub(crate) fn bounded_input(input: &Input) -> Result<(), String> {
    let mut room = Room::new();
    match input {
        Input::Single(value) => room.take(value, MAX_DEPTH),
        Input::Positional(items) => items.iter().try_for_each(|item| room.take(item, MAX_DEPTH)),
        Input::Named(members) => members.values().try_for_each(|member| room.take(member, MAX_DEPTH)),
    }
}

struct Room(usize);

impl Room {
    fn new() -> Self {
        Room(MAX_SIZE)
    }

    fn take(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        let bytes = match value {
            Value::String(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(_) | Value::Object(_) if depth == 0 => {
                return Err(format!("a value nests deeper than {MAX_DEPTH} lists and objects"));
            }
            Value::List(items) => {
                items.iter().try_for_each(|item| self.take(item, depth - 1))?;
                0
            }
            Value::Object(members) => {
                for (name, member) in members.iter() {
                    self.spend(name.len())?;
                    self.take(member, depth - 1)?;
                }
                0
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => 0,
        };
        self.spend(bytes.saturating_add(EACH))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), String> {
        self.0 = self.0.checked_sub(bytes).ok_or_else(|| {
            format!(
                "a value has more than {} MiB, with what stands in it several times counted each time",
                MAX_SIZE >> 20
            )
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_doubles_and_what_nests_comes_to_an_end() {
        let mut doubled = Value::from("x");
        for step in 1..=12 {
            doubled = Value::from(vec![doubled.clone(), doubled]);
            // 2^(step + 1) values.
            assert_eq!(Room(EACH << 11).take(&doubled, MAX_DEPTH).is_ok(), step < 10, "{step}");
        }
        let mut nested = Value::Null;
        for _ in 0..MAX_DEPTH {
            nested = Value::from(vec![nested]);
            assert!(bounded(nested.clone()).is_ok());
        }
        let nested = Value::from(vec![nested]);
        assert!(bounded(nested).unwrap_err().contains("nests deeper"));
    }
}
