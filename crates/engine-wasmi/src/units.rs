//! Units that were translated: kept, bounded, and translated once however many ask at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::Mutex as AsyncMutex;
use wasmill_engine::PrepareError;
use wasmill_model::Digest;
use wasmill_unit::Unit;

use crate::compile::{Code, compile};

/// Bytes that a unit counts as at least: what wasmi keeps for the smallest.
const LEAST: u64 = 16 << 10;

/// Translated units, by digest.
///
/// wasmi keeps what it translated for as long as its engine lives, so every unit has an engine of its own.
#[derive(Debug)]
pub(crate) struct Units {
    capacity: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    slots: HashMap<Digest, Slot>,
    /// Bytes of all units that are kept.
    bytes: u64,
    /// How often something was asked for.
    asked: u64,
}

#[derive(Debug)]
struct Slot {
    code: Arc<AsyncMutex<Option<Code>>>,
    bytes: u64,
    last_asked: u64,
}

impl Units {
    pub(crate) fn new(capacity: u64) -> Self {
        Units { capacity, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The unit's code: what is kept, or what is translated now.
    pub(crate) async fn code(&self, unit: &Unit) -> Result<Code, PrepareError> {
        let slot = self.kept().slot(unit);
        // Whoever comes while it is translated waits here.
        let mut code = slot.lock().await;
        if let Some(code) = &*code {
            return Ok(code.clone());
        }
        let made = compile(unit).await;
        match &made {
            Ok(made) => *code = Some(made.clone()),
            Err(_) => self.kept().forget(&unit.digest()),
        }
        drop(code);
        self.kept().shrink(self.capacity);
        made
    }
}

impl Kept {
    fn slot(&mut self, unit: &Unit) -> Arc<AsyncMutex<Option<Code>>> {
        self.asked += 1;
        let asked = self.asked;
        let slot = self.slots.entry(unit.digest()).or_insert_with(|| {
            let bytes = unit.info().size.max(LEAST);
            self.bytes = self.bytes.saturating_add(bytes);
            Slot { code: Arc::default(), bytes, last_asked: asked }
        });
        slot.last_asked = asked;
        slot.code.clone()
    }

    fn forget(&mut self, digest: &Digest) {
        if let Some(slot) = self.slots.remove(digest) {
            self.bytes = self.bytes.saturating_sub(slot.bytes);
        }
    }

    /// Lets go of what was not asked for longest.
    fn shrink(&mut self, capacity: u64) {
        while self.bytes > capacity {
            let Some(digest) = self.slots.iter().min_by_key(|(_, slot)| slot.last_asked).map(|(digest, _)| *digest)
            else {
                return;
            };
            self.forget(&digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn unit(number: usize) -> Unit {
        let text = format!("(module (func (export \"run\") (result i32) (i32.const {number})))");
        Unit::from_binary(wat::parse_str(text).unwrap()).unwrap()
    }

    fn code(units: &Units, unit: &Unit) -> Code {
        units.code(unit).now_or_never().unwrap().unwrap()
    }

    #[test]
    fn a_unit_is_translated_once() {
        let units = Units::new(1 << 20);
        let (one, again, other) = (code(&units, &unit(1)), code(&units, &unit(1)), code(&units, &unit(2)));
        assert!(wasmi::Engine::same(one.module.engine(), again.module.engine()));
        assert!(!wasmi::Engine::same(one.module.engine(), other.module.engine()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let size = LEAST;
        let units = Units::new(3 * size);
        let first = code(&units, &unit(0));
        for number in 1..3 {
            code(&units, &unit(number));
        }
        // Asked for again: 1 is the oldest now.
        assert!(wasmi::Engine::same(code(&units, &unit(0)).module.engine(), first.module.engine()));
        code(&units, &unit(3));
        let kept = units.kept();
        assert_eq!((kept.slots.len(), kept.bytes), (3, 3 * size));
        assert!(kept.slots.contains_key(&unit(0).digest()) && !kept.slots.contains_key(&unit(1).digest()));
    }

    #[test]
    fn nothing_is_kept_without_room() {
        let units = Units::new(0);
        code(&units, &unit(1));
        let kept = units.kept();
        assert_eq!((kept.slots.len(), kept.bytes), (0, 0));
    }
}
