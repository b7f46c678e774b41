//! The log on its way to the host, while the guest runs.

use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use js_sys::Uint8Array;
use wasmill_engine::StdoutSink;
use wasmill_engine::parts::{Capture, CaptureKind};

use crate::js;

/// Messages that may be sent at once, beside one for each millisecond. So a log that is written slowly is told as it is written, and one that is
/// written quickly costs no more than that.
const AT_ONCE: u128 = 64;

/// What was logged and not told yet.
#[derive(Default)]
pub(super) struct Log {
    untold: Arc<Untold>,
    messages: u128,
}

#[derive(Debug, Default)]
struct Untold(Mutex<Vec<u8>>);

impl StdoutSink for Untold {
    fn written(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }
}

impl Log {
    /// A log of so many bytes at the most.
    pub(super) fn capture(&self, limit: u64) -> Capture {
        Capture::told(CaptureKind::Log, limit, Some(self.untold.clone()))
    }

    /// Tells what there is, unless too much was told in this time. `memory` is asked only if it is.
    pub(super) fn tell(&mut self, elapsed: Duration, memory: impl FnOnce() -> Option<f64>) {
        if let Some(bytes) = self.due(elapsed) {
            js::logged(Uint8Array::from(&*bytes), memory());
        }
    }

    fn due(&mut self, elapsed: Duration) -> Option<Vec<u8>> {
        let mut untold = self.untold.0.lock().unwrap_or_else(PoisonError::into_inner);
        if untold.is_empty() || self.messages >= AT_ONCE + elapsed.as_millis() {
            return None;
        }
        self.messages += 1;
        Some(take(&mut *untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_quickly_is_told_in_a_bounded_number_of_messages() {
        let mut log = Log::default();
        let capture = log.capture(1 << 20);
        let mut told = Vec::new();
        let mut write = |log: &mut Log, milliseconds| {
            capture.write(b"x").unwrap();
            told.extend(log.due(Duration::from_millis(milliseconds)).map(|bytes| bytes.len()));
        };
        for _ in 0..1_000 {
            write(&mut log, 0);
        }
        write(&mut log, 1);
        write(&mut log, 2);
        let expected: Vec<usize> = [1; 64].into_iter().chain([1_000 - 64 + 1, 1]).collect();
        assert_eq!(told, expected);
        assert_eq!(log.due(Duration::from_secs(1)), None, "there is nothing to tell");
    }
}
