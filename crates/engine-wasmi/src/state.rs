//! What a store holds.

use wasmill_model::Limits;

use crate::limiter::Limiter;
use crate::preview1::Preview1;

/// The data of one call's store.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    /// There only for units that import WASI.
    pub(crate) preview1: Option<Box<Preview1>>,
}

impl State {
    pub(crate) fn new(limits: &Limits, preview1: Option<Box<Preview1>>) -> Self {
        State { limiter: Limiter::new(limits), preview1 }
    }
}
