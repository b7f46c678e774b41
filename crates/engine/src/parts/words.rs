//! What is said about a call: its log, its sizes, its last words.

use std::any::Any;

use wasmill_model::{Input, Value, Verdict};

/// Log as text, of no more bytes than `most`: what replaces a byte that is no text takes three.
pub fn log_text(log: &[u8], most: u64) -> String {
    let mut text = String::from_utf8_lossy(log).into_owned();
    text.truncate(text.floor_char_boundary(usize::try_from(most).unwrap_or(usize::MAX)));
    text
}

/// A guest that exits with an error mostly says why in its last words.
pub fn with_last_words(verdict: Verdict, log: &str) -> Verdict {
    const MAX_WORDS: usize = 300;
    match verdict {
        Verdict::GuestError { message } => {
            let last = log.lines().rev().find(|line| !line.trim().is_empty());
            let message = match last {
                Some(line) => format!("{message}: {}", line.trim().chars().take(MAX_WORDS).collect::<String>()),
                None => message,
            };
            Verdict::GuestError { message }
        }
        other => other,
    }
}

/// Why something panicked.
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say why")
}

/// Bytes of an input that is given as values: text and bytes as they are, anything else as compact JSON.
pub fn size_of_input(input: &Input) -> u64 {
    match input {
        Input::Single(value) => size_of_value(value),
        Input::Named(object) => {
            2 + object.iter().map(|(name, value)| name.len() as u64 + 4 + size_of_value(value)).sum::<u64>()
        }
        Input::Positional(list) => 2 + list.iter().map(|value| 1 + size_of_value(value)).sum::<u64>(),
    }
}

/// Bytes that a value has: as they are for text and bytes, as compact JSON for anything else.
pub fn size_of_value(value: &Value) -> u64 {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.0 += data.len() as u64;
            Ok(data.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    match value {
        Value::String(text) => text.len() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        other => {
            let mut count = Count(0);
            // Counting cannot fail.
            let _ = serde_json::to_writer(&mut count, other);
            count.0
        }
    }
}
