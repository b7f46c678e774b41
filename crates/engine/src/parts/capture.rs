//! What a guest wrote, up to its limit; and what it tried.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wasmill_model::Verdict;

use super::Stop;
use crate::StdoutSink;

/// The first thing that a unit tried and was not granted. It sees an ordinary error; an attempt that fails after one has the
/// verdict `denied`.
#[derive(Debug, Default)]
pub struct Denied(Mutex<Option<(String, String)>>);

impl Denied {
    /// `grant` as it stands in a step's `grants:`.
    pub fn note(&self, grant: &str, tried: &str) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| (grant.to_owned(), tried.to_owned()));
    }

    /// The verdict of an attempt that failed after it; none where nothing was denied.
    pub fn verdict(&self) -> Option<Verdict> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (grant, message) = first.as_ref()?;
        Some(Verdict::Denied { grant: grant.clone(), message: message.clone() })
    }
}

/// What a guest wrote to stdout or stderr, up to its limit. A clone is the same capture.
#[derive(Clone, Debug)]
pub struct Capture {
    shared: Arc<Captured>,
}

#[derive(Debug)]
struct Captured {
    buffer: Mutex<Vec<u8>>,
    limit: u64,
    kind: CaptureKind,
    over: AtomicBool,
    /// Who is told of it at once.
    sink: Option<Arc<dyn StdoutSink>>,
}

/// Which limit bounds a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureKind {
    /// That of the output.
    Output,
    /// That of the log.
    Log,
}

impl Capture {
    /// An empty one.
    pub fn new(kind: CaptureKind, limit: u64) -> Self {
        Self::told(kind, limit, None)
    }

    /// One whose bytes somebody is told of as they come.
    pub fn told(kind: CaptureKind, limit: u64, sink: Option<Arc<dyn StdoutSink>>) -> Self {
        let captured = Captured { buffer: Mutex::new(Vec::new()), limit, kind, over: AtomicBool::new(false), sink };
        Capture { shared: Arc::new(captured) }
    }

    /// Takes what was written; the capture is empty afterwards.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.shared.buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds what fits.
    ///
    /// # Errors
    /// Why the guest is to be stopped: it wrote more than fits.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Stop> {
        let Captured { limit, kind, over, sink, .. } = &*self.shared;
        let mut buffer = self.shared.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let produced = (buffer.len() as u64).saturating_add(bytes.len() as u64);
        if produced <= *limit {
            buffer.extend_from_slice(bytes);
            drop(buffer);
            if let Some(sink) = sink {
                sink.written(bytes);
            }
            return Ok(());
        }
        let room = usize::try_from(*limit).unwrap_or(usize::MAX).saturating_sub(buffer.len());
        buffer.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        over.store(true, Ordering::Relaxed);
        Err(match kind {
            CaptureKind::Output => Stop::Output { produced },
            CaptureKind::Log => Stop::Log,
        })
    }

    /// Whether more was written than fits; also true where the guest survived being told so.
    pub fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Relaxed)
    }
}
