//! What was made of units: kept, bounded, and made once however many ask at once.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::lock::Mutex as AsyncMutex;
use wasmill_model::Digest;
use wasmill_unit::Unit;

use crate::PrepareError;

/// Bytes that a unit counts as at least: what an engine keeps for the smallest.
const LEAST: u64 = 16 << 10;

/// What an engine made of units, by digest, up to so many bytes of units. What was not asked for longest goes first.
pub struct Units<T> {
    capacity: u64,
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    slots: HashMap<Digest, Slot<T>>,
    /// Bytes of all units that are kept.
    bytes: u64,
    /// How often something was asked for.
    asked: u64,
}

struct Slot<T> {
    made: Shared<T>,
    bytes: u64,
    last_asked: u64,
}

/// Held by who makes it.
type Shared<T> = Arc<AsyncMutex<Option<T>>>;

impl<T> fmt::Debug for Units<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Units").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<T: Clone> Units<T> {
    /// Nothing so far.
    pub fn new(capacity: u64) -> Self {
        Units { capacity, kept: Mutex::new(Kept { slots: HashMap::new(), bytes: 0, asked: 0 }) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was made of a unit, or what `make` makes of it now.
    ///
    /// # Errors
    /// Why nothing could be made of it; nothing is kept then.
    pub async fn get(
        &self,
        unit: &Unit,
        make: impl Future<Output = Result<T, PrepareError>>,
    ) -> Result<T, PrepareError> {
        let slot = self.kept().slot(unit);
        // Whoever comes while it is made waits here.
        let mut place = slot.lock().await;
        if let Some(made) = &*place {
            return Ok(made.clone());
        }
        let made = make.await;
        match &made {
            Ok(made) => *place = Some(made.clone()),
            Err(_) => self.kept().forget(&unit.digest()),
        }
        drop(place);
        self.kept().shrink(self.capacity);
        made
    }
}

impl<T> Kept<T> {
    fn slot(&mut self, unit: &Unit) -> Shared<T> {
        self.asked += 1;
        let asked = self.asked;
        let slot = self.slots.entry(unit.digest()).or_insert_with(|| {
            let bytes = unit.info().size.max(LEAST);
            self.bytes = self.bytes.saturating_add(bytes);
            Slot { made: Arc::default(), bytes, last_asked: asked }
        });
        slot.last_asked = asked;
        slot.made.clone()
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
    use std::cell::Cell;

    use futures_util::FutureExt as _;

    use super::*;

    fn unit(number: usize) -> Unit {
        let text = format!("(module (func (export \"run\") (result i32) (i32.const {number})))");
        Unit::from_binary(wat::parse_str(text).unwrap()).unwrap()
    }

    /// How often something was made.
    struct Maker(Units<usize>, Cell<usize>);

    impl Maker {
        fn get(&self, unit: &Unit) -> usize {
            let make = async {
                self.1.set(self.1.get() + 1);
                Ok(self.1.get())
            };
            self.0.get(unit, make).now_or_never().unwrap().unwrap()
        }
    }

    #[test]
    fn a_unit_is_made_once() {
        let units = Maker(Units::new(1 << 20), Cell::new(0));
        assert_eq!([units.get(&unit(1)), units.get(&unit(1)), units.get(&unit(2))], [1, 1, 2]);
    }

    #[test]
    fn what_failed_is_tried_again() {
        let units = Units::new(1 << 20);
        let failed = async { Err(PrepareError::Host { message: "no".to_owned() }) };
        assert!(units.get(&unit(1), failed).now_or_never().unwrap().is_err());
        assert_eq!(units.get(&unit(1), async { Ok(1) }).now_or_never().unwrap(), Ok(1));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let units = Maker(Units::new(3 * LEAST), Cell::new(0));
        for number in 0..3 {
            units.get(&unit(number));
        }
        // Asked for again: 1 is the oldest now.
        assert_eq!(units.get(&unit(0)), 1);
        assert_eq!(units.get(&unit(3)), 4);
        assert_eq!((units.get(&unit(0)), units.get(&unit(2))), (1, 3));
        let kept = units.0.kept();
        assert_eq!((kept.slots.len(), kept.bytes), (3, 3 * LEAST));
        assert!(!kept.slots.contains_key(&unit(1).digest()));
    }

    #[test]
    fn nothing_is_kept_without_room() {
        let units = Maker(Units::new(0), Cell::new(0));
        assert_eq!([units.get(&unit(1)), units.get(&unit(1))], [1, 2]);
        let kept = units.0.kept();
        assert_eq!((kept.slots.len(), kept.bytes), (0, 0));
    }
}
