//! What the host does for a guest: it costs fuel, and it ends in time.
//!
//! A guest's own fuel says nothing of how long the host works for it: a loop of seven instructions can have a gigabyte filled. So every
//! function takes note of its work here, and in the midst of it the clock is looked at. What it costs is the same on every machine: one for
//! each [`BYTES_PER_FUEL`] bytes that are moved, as a guest's own bulk operations cost, and one for each entry of what is gone through.

use std::time::Duration;

use wasmill_engine::parts::{Deadline, Stop};

use crate::End;

/// Bytes that are moved for one of fuel. An engine that counts fuel itself takes as much for what a guest copies or fills.
pub const BYTES_PER_FUEL: u64 = 64;
/// Work between two looks at the clock: some ten microseconds.
const LOOK: u64 = 1_024;
/// What any call of a function is as work: it costs nothing of its own, but takes some hundred nanoseconds.
const CALL: u64 = 8;
/// How long the host works within one of a guest's slices before others have their turn.
const SLICE_TIME: Duration = Duration::from_millis(1);

/// The work of the host for one call.
#[derive(Debug)]
pub struct Meter {
    deadline: Deadline,
    /// Fuel that the call has, besides what its guest was given.
    rest: u64,
    /// Of the function that is served: what it may cost at most, and what it has cost.
    most: u64,
    cost: u64,
    /// Whether it has asked the system for anything.
    asks_system: bool,
    /// Work since the clock was looked at.
    unseen: u64,
    /// When it was first looked at in this slice.
    since: Option<Duration>,
    /// Whether the host has worked long enough in this slice.
    is_long: bool,
}

impl Meter {
    /// Nothing was done yet. What it costs is bounded only where the engine says by what ([`Meter::has`]).
    pub fn new(deadline: &Deadline) -> Self {
        let deadline = deadline.clone();
        let (rest, most) = (u64::MAX, u64::MAX);
        Meter { deadline, rest, most, cost: 0, asks_system: false, unseen: 0, since: None, is_long: false }
    }

    /// The call has this much fuel besides what its guest was given so far.
    pub fn has(&mut self, rest: u64) {
        self.rest = rest;
    }

    /// Others had their turn.
    pub fn next_slice(&mut self) {
        (self.unseen, self.since, self.is_long) = (0, None, false);
    }

    /// Whether it is somebody else's turn.
    pub fn is_long(&self) -> bool {
        self.is_long
    }

    /// A function is called, by a guest that has this much fuel left.
    ///
    /// # Errors
    /// The call's time is over.
    pub(crate) fn enter(&mut self, left: u64) -> Result<(), Stop> {
        (self.most, self.cost, self.asks_system) = (left.saturating_add(self.rest), 0, false);
        self.works(CALL)
    }

    /// It is done.
    ///
    /// # Errors
    /// The call's time is over.
    pub(crate) fn leave(&mut self) -> Result<(), Stop> {
        if self.asks_system { self.look() } else { Ok(()) }
    }

    /// The fuel that the last function cost, which the engine takes where it counts any.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// Takes note of work that costs as much fuel.
    ///
    /// # Errors
    /// There is not as much left, or the call's time is over.
    pub(crate) fn charge(&mut self, fuel: u64) -> Result<(), End> {
        self.cost = self.cost.saturating_add(fuel);
        if self.cost > self.most {
            return Err(End::OutOfFuel);
        }
        Ok(self.works(fuel)?)
    }

    /// Takes note of bytes that are moved.
    ///
    /// # Errors
    /// As for [`Meter::charge`].
    pub(crate) fn moves(&mut self, bytes: u64) -> Result<(), End> {
        self.charge(bytes / BYTES_PER_FUEL)
    }

    /// Takes note of work that costs nothing.
    ///
    /// # Errors
    /// The call's time is over.
    pub(crate) fn works(&mut self, work: u64) -> Result<(), Stop> {
        self.unseen = self.unseen.saturating_add(work);
        if self.unseen < LOOK { Ok(()) } else { self.look() }
    }

    /// The function asks the system for something: nobody knows how long that takes, so the clock is looked at when it is done.
    pub(crate) fn asks_system(&mut self) {
        self.asks_system = true;
    }

    fn look(&mut self) -> Result<(), Stop> {
        self.deadline.check()?;
        self.unseen = 0;
        let now = self.deadline.elapsed();
        self.is_long |= now.saturating_sub(*self.since.get_or_insert(now)) >= SLICE_TIME;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasmill_engine::Cancel;

    use super::*;

    fn meter(timeout: Duration) -> (Meter, Cancel) {
        let cancel = Cancel::new();
        (Meter::new(&Deadline::new(timeout, &cancel)), cancel)
    }

    #[test]
    fn a_function_costs_no_more_than_there_is() {
        let (mut meter, _) = meter(Duration::from_secs(60));
        meter.has(5);
        meter.enter(7).unwrap();
        assert!(meter.charge(10).is_ok() && meter.moves(2 * BYTES_PER_FUEL + 1).is_ok());
        assert_eq!((meter.leave(), meter.cost()), (Ok(()), 12));
        assert!(matches!(meter.charge(1), Err(End::OutOfFuel)));
        // What one function has cost is not asked of the next.
        meter.enter(7).unwrap();
        assert!(meter.charge(12).is_ok());
    }

    #[test]
    fn the_clock_is_looked_at_now_and_then() {
        let (mut timed, _) = meter(Duration::ZERO);
        let calls = (0..10_000).take_while(|_| timed.enter(0).is_ok()).count() as u64;
        assert!((1..=LOOK / CALL).contains(&calls), "after {calls} calls");
        let (mut cancelled, cancel) = meter(Duration::from_secs(60));
        cancel.cancel();
        assert!(cancelled.works(LOOK - 1).is_ok() && cancelled.works(1).is_err());
        let (mut asking, _) = meter(Duration::ZERO);
        asking.asks_system();
        assert_eq!(asking.leave(), Err(Stop::Deadline));
    }

    #[test]
    fn long_work_is_followed_by_somebody_elses_turn() {
        let (mut meter, _) = meter(Duration::from_secs(60));
        while !meter.is_long() {
            meter.works(LOOK).unwrap();
        }
        assert!(meter.deadline.elapsed() >= SLICE_TIME);
        meter.next_slice();
        assert!(!meter.is_long());
    }
}
