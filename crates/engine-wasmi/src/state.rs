//! What a store holds.

use wasmill_model::Limits;
use wasmill_preview1::{Meter, Preview1};

use crate::limiter::Limiter;

/// The data of one call's store.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    /// There only for units that import WASI.
    pub(crate) preview1: Option<Box<Preview1>>,
    /// The work that the host does for the guest; there where `preview1` is, which does it.
    pub(crate) meter: Option<Meter>,
}

impl State {
    pub(crate) fn new(limits: &Limits, preview1: Option<Box<Preview1>>, meter: Option<Meter>) -> Self {
        State { limiter: Limiter::new(limits), preview1, meter }
    }
}
