//! Parts that engines are made of, so that all of them keep their promises in the same way: what a guest sees of time and randomness,
//! how numbers are read, what is summed, when a call is over, and what its end is called.
//!
//! Nothing here names an engine or an executor.

mod alarm;
mod capture;
mod numbers;
mod random;
mod stop;
mod tally;
mod time;
mod turns;
mod units;
mod words;

pub use alarm::sleep;
#[cfg(all(target_family = "wasm", not(target_os = "unknown")))]
pub use alarm::{doze, ring};
pub use capture::{Capture, CaptureKind, Denied};
pub use numbers::{Number, NumberType, Signature, lift_numbers};
pub use random::SeededStream;
pub use stop::{Deadline, Stop, exit_verdict, final_verdict};
pub use tally::{Refused, Tally};
pub use time::{CLOCK_START, CLOCK_STEP, VirtualTime};
pub use turns::{Turn, Turns};
pub use units::Units;
pub use words::{log_text, panic_message, size_of_input, size_of_value, with_last_words};
